import assert from 'node:assert/strict';
import type { Node } from 'node-red';
import { deliverTo } from '../../nodes/mqtt-persistent-in/deliver';

describe('what an in node received', () => {
  it('is done with when the next node has it, which Node-RED gives it later', async () => {
    const got: unknown[] = [];
    // As Node-RED does with its asynchronous delivery.
    const node = { send: (msg: { payload: unknown }) => setImmediate(() => got.push(msg.payload)) } as unknown as Node;
    const handler = deliverTo(node, { isLocal: true }, (key) => key)('utf8');
    const received = { topic: 't', qos: 1 as const, retain: false, dup: false, redelivered: false };
    const done = [1, 2].map(async (number) => {
      await handler({ ...received, payload: Buffer.from(String(number)) });
      return [...got];
    });
    const known = await Promise.all(done);
    assert.ok(known[0]?.includes('1'), 'the first was acknowledged before the next node had it');
    assert.ok(known[1]?.includes('2'), 'the second was acknowledged before the next node had it');
  });
});
