import type { FlowNode } from '../../nodes/flow';

export type Implementation = 'core' | 'ours';

/** Moving over is renaming three types. */
const TYPES = {
  core: { in: 'mqtt in', out: 'mqtt out', broker: 'mqtt-broker' },
  ours: { in: 'mqtt-persistent-in', out: 'mqtt-persistent-out', broker: 'mqtt-persistent-broker' },
} as const;

/** `count` in nodes, each with a topic of its own below `many/`, and as many out nodes on one broker node. */
export function manyNodes(implementation: Implementation, count: number, port: number, clientId: string): FlowNode[] {
  const types = TYPES[implementation];
  const numbers = Array.from({ length: count }, (_, index) => index);
  const placed = { z: 'tab', x: 100, y: 100, name: '', broker: 'broker' };
  return [
    { id: 'tab', type: 'tab', label: 'many' },
    {
      id: 'broker',
      type: types.broker,
      name: '',
      broker: '127.0.0.1',
      port: String(port),
      clientid: clientId,
      autoConnect: true,
      usetls: false,
      protocolVersion: '5',
      keepalive: '60',
      cleansession: false,
      autoUnsubscribe: true,
      sessionExpiry: '3600',
    },
    ...numbers.map((number) => ({
      ...{ ...placed, id: `in-${number}`, type: types.in, topic: `many/${number}`, qos: '2', datatype: 'auto-detect' },
      ...{ nl: false, rap: true, rh: 0, inputs: 0, wires: [[]] },
    })),
    ...numbers.map((number) => ({
      ...{
        ...placed,
        id: `out-${number}`,
        type: types.out,
        topic: `out/${number}`,
        qos: '1',
        retain: '',
        respTopic: '',
      },
      ...{ contentType: '', userProps: '', correl: '', expiry: '', wires: [] },
    })),
  ];
}
