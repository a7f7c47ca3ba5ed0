import type { FlowNode } from '../nodes/flow';

const placed = { z: 'tab', x: 0, y: 0 };

/**
 * For the echo flow: sends `tick` to its out node at every start of the flows, and every `everySeconds`; what the out
 * node is done with is logged as `stored ...`.
 */
export function ticking({ everySeconds }: { everySeconds?: number } = {}): FlowNode[] {
  return [
    {
      ...placed,
      id: 'tick',
      type: 'inject',
      props: [{ p: 'payload' }],
      payload: 'tick',
      payloadType: 'str',
      once: true,
      repeat: everySeconds === undefined ? '' : String(everySeconds),
      wires: [['back']],
    },
    { ...placed, id: 'done', type: 'complete', scope: ['out'], wires: [['log']] },
    {
      ...placed,
      id: 'log',
      type: 'function',
      func: `node.log('stored ' + String(msg.payload).slice(0, 40));`,
      wires: [],
    },
  ];
}
