import type { FlowNode } from '../../src/convert';

/** A flow of core's MQTT nodes with any of their fields set to anything, or missing; the same for the same seed. */
export function randomFlow(seed: number): FlowNode[] {
  let state = seed;
  const below = (limit: number): number => {
    // Linear congruential generator with the constants of Numerical Recipes; only repeatability matters.
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T;
  const anything = (): unknown =>
    pick([true, false, 'true', '', '0', 5, 'ü', null, { userProps: '{}', delay: '3' }, ['a'], `\${V${below(3)}}`]);
  const withFields = (node: FlowNode, fields: readonly string[]): FlowNode => {
    const set: Record<string, unknown> = {};
    for (const field of fields) if (below(3) > 0) set[field] = anything();
    return { ...set, ...node };
  };
  const brokers = Array.from({ length: 1 + below(3) }, (_, index) => `broker${index}`);
  const reference = () => pick([...brokers, ...brokers, '', 'gone', `\${V${below(3)}}`]);
  const count = below(8);
  const users = Array.from({ length: count }, (_, index) => {
    const place = { id: `n${index}`, z: pick(['tab', 'subflow']), broker: reference(), wires: [[`n${below(count)}`]] };
    return below(2) === 0
      ? withFields({ type: 'mqtt in', ...place }, [
          'name',
          'topic',
          'qos',
          'datatype',
          'nl',
          'rap',
          'rh',
          'inputs',
          'd',
        ])
      : withFields({ type: 'mqtt out', ...place }, ['name', 'topic', 'qos', 'retain', 'correl', 'expiry', 'userProps']);
  });
  const brokerFields = [
    'name',
    'broker',
    'port',
    'tls',
    'clientid',
    'cleansession',
    'usetls',
    'willMsg',
    'sessionExpiry',
  ];
  return [
    { id: 'tab', type: 'tab', label: 'T', env: [{ name: 'V0', type: 'str', value: reference() }] },
    {
      id: 'subflow',
      type: 'subflow',
      name: 'S',
      env: [{ name: 'V1', type: 'mqtt-broker', value: '', ui: { type: 'conf-types' } }],
    },
    {
      id: 'instance',
      type: 'subflow:subflow',
      z: 'tab',
      env: [{ name: 'V1', type: 'conf-type', value: pick(brokers) }],
    },
    ...brokers.map((id) => withFields({ id, type: 'mqtt-broker' }, brokerFields)),
    ...users,
    { id: 'f', type: 'function', z: 'tab', func: 'return msg;', wires: [[]] },
  ];
}
