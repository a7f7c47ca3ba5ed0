import * as assert from 'node:assert/strict';
import type { QueuedMessage } from '../../src/session/message';
import { OutboundQueue } from '../../src/session/outbound-queue';

const KILOBYTE = 1024;
const BOUND = 1024 * KILOBYTE + 256 * KILOBYTE;

function queued(sequence: number): QueuedMessage {
  return { topic: 't', payload: Buffer.alloc(0), qos: 1, retain: false, sequence, enqueuedAt: 0 };
}

describe('session: the front of the queue in memory', () => {
  it('stays bounded, whatever is queued and however it is read', () => {
    const queue = new OutboundQueue(0, 0);
    for (let sequence = 1; sequence <= 5_000; sequence++) queue.enqueue(queued(sequence), KILOBYTE);
    assert.ok(queue.readyBytes <= BOUND);
    const order: number[] = [];
    while (order.length < 5_000) {
      const after = queue.nextLoad(5_000);
      if (after !== undefined) {
        const found = Array.from({ length: Math.min(257, 5_000 - after) }, (_, index) => after + 1 + index);
        queue.loaded(
          found.map((sequence) => ({ message: queued(sequence), size: KILOBYTE, keep: true })),
          5_000,
        );
      }
      assert.ok(queue.readyBytes <= BOUND, `${queue.readyBytes} bytes`);
      for (let count = 0; count < 100; count++) {
        const ready = queue.shift();
        if (ready !== undefined) order.push(ready.message.sequence);
      }
    }
    assert.deepEqual(
      order,
      Array.from({ length: 5_000 }, (_, index) => index + 1),
    );
    assert.equal(queue.readyBytes, 0);
  });

  it('names the message before each one, so that a run of acknowledgements never spans a stored message', () => {
    const queue = new OutboundQueue(0, 0);
    for (const sequence of [3, 4, 9]) queue.enqueue(queued(sequence), 1);
    queue.rejectAbove(4);
    queue.enqueue(queued(7), 1);
    const previous: number[] = [];
    for (let ready = queue.shift(); ready !== undefined; ready = queue.shift()) previous.push(ready.previous);
    assert.deepEqual(previous, [0, 3, 4]);
  });

  it('asks for one read at a time, and again only when more is durable than when it found nothing', () => {
    const queue = new OutboundQueue(0, 10);
    assert.equal(queue.nextLoad(5), 0);
    assert.equal(queue.nextLoad(5), undefined);
    queue.loaded([], 5);
    assert.equal(queue.tailMissing, false);
    assert.equal(queue.nextLoad(5), undefined);
    queue.retryLoad();
    assert.equal(queue.nextLoad(7), 0);
    queue.loaded([], 10);
    assert.equal(queue.nextLoad(10), 0);
    queue.loaded([], 10);
    assert.equal(queue.tailMissing, true);
  });
});
