import * as assert from 'node:assert/strict';
import type { PublishOutcome } from '../../src/session/intake';
import { Harness, limits, message, payloads, puback } from './harness';

/** Publishes message `sequence` of source `id`. */
function transfer(harness: Harness, sequence: number, id = 'a', qos: 0 | 1 | 2 = 1): PublishOutcome {
  const outcome = harness.session.publish(message(qos, `${id}${sequence}`), undefined, false, harness.now, {
    id,
    sequence,
  });
  harness.run();
  return outcome;
}

const DUPLICATE: PublishOutcome = { kind: 'duplicate', pending: false };

describe('session: transfers from other sessions and files', () => {
  it('enqueue each message of a source once, also after it was delivered', () => {
    const harness = new Harness();
    const first = transfer(harness, 7);
    assert.equal(first.kind, 'stored');
    assert.deepEqual(transfer(harness, 7), DUPLICATE);
    assert.equal(transfer(harness, 8).kind, 'stored');
    assert.equal(transfer(harness, 7, 'b').kind, 'stored');
    harness.connect();
    for (const packet of harness.takePackets())
      if (packet.cmd === 'publish') harness.receive(puback(packet.messageId!));
    assert.equal(harness.session.stored.count, 0);
    assert.deepEqual(transfer(harness, 8), DUPLICATE);
    assert.deepEqual(harness.session.transfers(), [
      { source: 'a', enqueued: [{ first: 7, last: 8 }] },
      { source: 'b', enqueued: [{ first: 7, last: 7 }] },
    ]);
  });

  for (const inline of [undefined, false, true]) {
    const how = inline === undefined ? 'records alone' : `a snapshot (inline: ${inline}) and records`;
    it(`are known after a crash, from ${how}`, () => {
      const harness = new Harness();
      transfer(harness, 2);
      transfer(harness, 4);
      if (inline !== undefined) harness.checkpoint(inline);
      transfer(harness, 3);
      transfer(harness, 9, 'b');
      const next = harness.restart();
      assert.deepEqual(next.session.transfers(), harness.session.transfers());
      for (const sequence of [2, 3, 4]) assert.deepEqual(transfer(next, sequence), DUPLICATE);
      assert.equal(transfer(next, 5).kind, 'stored');
      assert.deepEqual(next.session.stored, {
        count: 5,
        bytes: harness.session.stored.bytes + (harness.session.stored.bytes / 4) * 1,
      });
      next.connect();
      assert.deepEqual(payloads(next.takePackets()), ['a2', 'a4', 'a3', 'b9', 'a5']);
    });
  }

  it('count the same bytes for a message whatever its source, so that the totals end at 0', () => {
    const harness = new Harness();
    transfer(harness, 1, 'a long name of a source');
    const next = harness.restart();
    const plain = new Harness();
    plain.publish(1, 'a long name of a source1');
    assert.deepEqual(next.session.stored, plain.session.stored);
    next.connect(limits({ sessionPresent: true }));
    next.receive(puback(1));
    assert.deepEqual(next.session.stored, { count: 0, bytes: 0 });
    assert.deepEqual(next.restart().session.stored, { count: 0, bytes: 0 });
  });

  it('a message that the store rejected is not there: it can be enqueued again', () => {
    const harness = new Harness();
    transfer(harness, 1);
    harness.autoDurable = false;
    transfer(harness, 2);
    assert.deepEqual(transfer(harness, 2), { kind: 'duplicate', pending: true });
    assert.deepEqual(transfer(harness, 1), DUPLICATE);
    transfer(harness, 1, 'b');
    harness.fail();
    assert.deepEqual(harness.session.transfers(), [{ source: 'a', enqueued: [{ first: 1, last: 1 }] }]);
    assert.equal(harness.of('rejected').length, 2);
    harness.autoDurable = true;
    assert.equal(transfer(harness, 2).kind, 'stored');
    assert.deepEqual(transfer(harness, 2), DUPLICATE);
    assert.deepEqual(transfer(harness.restart(), 2), DUPLICATE);
  });

  it('what was not durable at a crash is enqueued again', () => {
    const harness = new Harness();
    transfer(harness, 1);
    harness.autoDurable = false;
    transfer(harness, 2);
    const next = harness.restart();
    assert.deepEqual(transfer(next, 1), DUPLICATE);
    assert.equal(transfer(next, 2).kind, 'stored');
  });

  it('are forgotten when they end, before and after a crash', () => {
    const harness = new Harness();
    transfer(harness, 1);
    transfer(harness, 1, 'b');
    harness.session.endTransfer('a');
    harness.session.endTransfer('unknown');
    harness.run();
    assert.deepEqual(harness.kinds(), ['Enqueued', 'Enqueued', 'TransferEnded']);
    const known = [{ source: 'b', enqueued: [{ first: 1, last: 1 }] }];
    assert.deepEqual(harness.session.transfers(), known);
    assert.deepEqual(harness.restart().session.transfers(), known);
    harness.checkpoint(false);
    assert.deepEqual(harness.restart().session.transfers(), known);
    assert.equal(transfer(harness, 1).kind, 'stored');
  });

  it('an end that could not be written is written again; what came before it is rejected all the same', () => {
    const harness = new Harness();
    transfer(harness, 1);
    harness.autoDurable = false;
    transfer(harness, 2);
    harness.session.endTransfer('a');
    harness.run();
    transfer(harness, 1);
    harness.fail();
    harness.sync();
    assert.deepEqual(harness.kinds(), ['Enqueued', 'TransferEnded']);
    assert.deepEqual(harness.session.transfers(), []);
    assert.deepEqual(harness.restart().session.transfers(), []);
    assert.equal(harness.session.stored.count, 1);
  });

  it('store QoS 0 also while connected: sent at once, it could not be told from one that was not', () => {
    const harness = new Harness();
    harness.connect();
    assert.equal(transfer(harness, 1, 'a', 0).kind, 'stored');
    assert.deepEqual(harness.sent(), ['PUBLISH -']);
    assert.deepEqual(transfer(harness.restart(), 1, 'a', 0), DUPLICATE);
  });

  it('drop nothing to make room', () => {
    const harness = new Harness({ maxBytes: 40, whenFull: 'dropOldest' });
    harness.publish(1, '1234567890');
    assert.equal(transfer(harness, 1).kind, 'stored');
    assert.equal(transfer(harness, 2).kind, 'full');
    assert.equal(harness.of('discarded').length, 0);
    assert.deepEqual(harness.session.transfers(), [{ source: 'a', enqueued: [{ first: 1, last: 1 }] }]);
  });

  it('refuse a source that no record holds', () => {
    const harness = new Harness();
    assert.throws(() => transfer(harness, 1, 'é'.repeat(128)), RangeError);
    assert.throws(() => transfer(harness, -1), RangeError);
    assert.throws(() => transfer(harness, 2 ** 48), RangeError);
    assert.equal(transfer(harness, 2 ** 48 - 1, 'é'.repeat(127)).kind, 'stored');
    const restarted = harness.restart();
    assert.deepEqual(restarted.session.transfers(), harness.session.transfers());
  });
});
