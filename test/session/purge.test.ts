import * as assert from 'node:assert/strict';
import { Harness, limits, limits5, payloads, puback, published, pubrec } from './harness';

const large = (index: number) => String(index).padEnd(50_000, '.');

describe('session: purge', () => {
  it('removes all that was not sent, in memory and on disk, by one record; what is in flight stays', () => {
    const harness = new Harness();
    harness.connect(limits5({ receiveMaximum: 2 }));
    for (let index = 0; index < 100; index++) harness.publish(1, large(index));
    const before = harness.session.stored;
    const open = published(harness.takePackets());
    harness.session.purge();
    harness.run();
    const [purged] = harness.of('purged');
    assert.equal(purged?.count, 98);
    assert.deepEqual(harness.session.stored, {
      count: before.count - purged.count,
      bytes: before.bytes - purged.bytes,
    });
    assert.equal(harness.kinds().filter((kind) => kind === 'Completed').length, 1);
    harness.receive(...open.map((identifier) => puback(identifier)));
    assert.deepEqual(harness.session.stored, { count: 0, bytes: 0 });
    assert.deepEqual(harness.sent(), []);
  });

  it('waits until what was appended before is durable; what comes after it stays, in order', () => {
    const harness = new Harness();
    harness.autoDurable = false;
    for (const payload of ['a', 'b']) harness.publish(1, payload);
    harness.session.purge();
    for (const payload of ['c', 'd']) harness.publish(1, payload);
    harness.connect(limits5());
    assert.deepEqual(harness.of('purged'), []);
    harness.sync();
    assert.deepEqual(
      harness.of('purged').map(({ count }) => count),
      [2],
    );
    assert.deepEqual(payloads(harness.takePackets()), ['c', 'd']);
    assert.equal(harness.session.stored.count, 2);
  });

  it('tells whoever waits for the acknowledgement of what is gone', () => {
    const harness = new Harness();
    const watched = [1, 2].map(() => harness.publish(1, 'x', {}, true));
    harness.publish(1);
    harness.session.purge();
    harness.run();
    assert.deepEqual(harness.of('purged')[0]?.watched, watched);
  });

  it('removes what the broker lost, too: its present session was not sent it', () => {
    const harness = new Harness();
    harness.connect(limits5());
    for (const payload of ['a', 'b']) harness.publish(1, payload);
    harness.disconnect();
    harness.takePackets();
    harness.session.pause(true);
    harness.publish(1, 'c');
    harness.connect(limits5());
    harness.session.purge();
    harness.run();
    assert.equal(harness.of('purged')[0]?.count, 3);
    harness.session.pause(false);
    harness.run();
    assert.deepEqual([harness.sent(), harness.session.stored.count], [[], 0]);
    assert.equal(harness.restart().session.stored.count, 0);
  });

  it('forgets what was about to be sent when the connection ended', () => {
    const harness = new Harness();
    harness.publish(1, 'about to be sent');
    harness.autoDurable = false;
    harness.connect(limits5());
    assert.deepEqual(harness.sent(), [], 'the mark is not durable');
    harness.disconnect();
    harness.session.purge();
    harness.autoDurable = true;
    harness.sync();
    assert.deepEqual([harness.of('purged')[0]?.count, harness.session.inflight], [1, 0]);
    harness.checkpoint(false);
    for (const session of [harness, harness.restart()]) {
      session.connect(limits5({ sessionPresent: true }));
      session.disconnect();
      session.connect(limits5({ sessionPresent: true }));
      assert.deepEqual(payloads(session.takePackets()), []);
      assert.deepEqual(session.session.stored, { count: 0, bytes: 0 });
    }
  });

  it('sends nothing of it while it waits for the disk, not even what was about to be sent', () => {
    const harness = new Harness();
    harness.autoDurable = false;
    harness.connect(limits5());
    harness.publish(1, 'not durable');
    harness.disconnect();
    harness.session.purge();
    harness.connect(limits5({ sessionPresent: true }));
    harness.publish(1, 'later');
    harness.sync();
    assert.equal(harness.of('purged')[0]?.count, 1);
    assert.deepEqual(payloads(harness.takePackets()), ['later']);
  });

  it('leaves what may have been sent also while not connected: that is sent again, as it was', () => {
    const harness = new Harness();
    harness.connect(limits5({ receiveMaximum: 2 }));
    const sent = ['1', '2', '3'].map((payload) => harness.publish(payload === '1' ? 1 : 2, payload));
    harness.receive(pubrec(sent[1]!));
    harness.disconnect();
    harness.takePackets();
    harness.session.purge();
    harness.run();
    assert.equal(harness.of('purged')[0]?.count, 1);
    for (const session of [harness, harness.restart()]) {
      session.connect(limits5({ sessionPresent: true }));
      assert.deepEqual(session.sent(), [`PUBREL ${sent[1]}`, `PUBLISH ${sent[0]} dup`]);
      assert.equal(session.session.stored.count, 2);
    }
  });

  it('of what was about to be sent and is then not stored counts nothing twice', () => {
    const harness = new Harness();
    harness.autoDurable = false;
    harness.connect(limits5());
    harness.publish(1, 'lost');
    harness.disconnect();
    harness.session.purge();
    harness.run();
    harness.fail();
    harness.sync();
    assert.deepEqual(harness.session.stored, { count: 0, bytes: 0 });
    assert.equal(
      harness.of('purged').reduce((sum, { count }) => sum + count, 0),
      0,
    );
    assert.equal(harness.restart().session.stored.count, 0);
  });

  it('of an empty queue removes nothing, and says so', () => {
    const harness = new Harness();
    harness.session.purge();
    harness.run();
    assert.deepEqual(harness.of('purged'), [{ type: 'purged', count: 0, bytes: 0, watched: [] }]);
    assert.deepEqual(harness.kinds(), []);
  });

  it('asked for twice is answered, and removes what came between', () => {
    const harness = new Harness();
    harness.autoDurable = false;
    harness.publish(1, 'a');
    harness.session.purge();
    harness.publish(1, 'b');
    harness.session.purge();
    harness.publish(1, 'c');
    harness.sync();
    assert.equal(
      harness.of('purged').reduce((sum, { count }) => sum + count, 0),
      2,
    );
    assert.equal(harness.session.stored.count, 1);
  });

  it('after a crash at any record is done or not, and the counts are those of the messages', () => {
    const harness = new Harness();
    harness.connect(limits5({ receiveMaximum: 1 }));
    for (const payload of ['a', 'b', 'c']) harness.publish(1, payload);
    harness.session.purge();
    harness.run();
    harness.publish(1, 'd');
    for (let count = 0; count <= harness.records.length; count++) {
      const next = harness.restart({}, harness.disk(count));
      const { stored } = next.session;
      next.connect(limits5({ sessionPresent: true }));
      const found = payloads(next.takePackets());
      assert.equal(found.length, stored.count, `${count} records`);
      assert.equal(
        stored.bytes,
        found.reduce((bytes, payload) => bytes + 10 + payload.length, 0),
      );
    }
    assert.deepEqual(payloads(afterAll(harness)), ['a', 'd']);
  });

  it('after a crash reads nothing of what was purged', () => {
    const harness = new Harness();
    for (let index = 0; index < 200; index++) harness.publish(1, large(index));
    harness.checkpoint(false);
    harness.session.purge();
    harness.run();
    const next = harness.restart();
    assert.equal(next.session.stored.count, 0);
    assert.ok(next.recoveryReads <= 1, `${next.recoveryReads} reads`);
  });

  it('survives a store that keeps nothing: messages that were not stored are not counted twice', () => {
    const harness = new Harness();
    harness.publish(1, 'kept');
    harness.autoDurable = false;
    harness.publish(1, 'lost');
    harness.session.purge();
    harness.publish(1, 'lost, too');
    harness.fail();
    harness.publish(1, 'new');
    harness.sync();
    assert.deepEqual(
      harness.of('purged').map(({ count }) => count),
      [1],
    );
    assert.equal(harness.session.stored.count, 1);
    harness.connect(limits());
    harness.sync();
    assert.deepEqual(payloads(harness.takePackets()), ['new']);
    assert.equal(harness.restart().session.stored.count, 1);
  });

  it('that the store did not keep is recorded again', () => {
    const harness = new Harness();
    harness.publish(1, 'gone');
    harness.autoDurable = false;
    harness.session.purge();
    harness.run();
    harness.fail();
    assert.deepEqual(harness.of('purged'), []);
    harness.sync();
    assert.equal(harness.of('purged').length, 1);
    assert.equal(harness.restart().session.stored.count, 0);
  });

  it('lets a read of the journal that is under way bring nothing back', () => {
    const harness = new Harness();
    for (let index = 0; index < 100; index++) harness.publish(1, large(index));
    const next = harness.restart();
    next.autoLoad = false;
    next.connect(limits5({ receiveMaximum: 1 }));
    next.session.purge();
    next.publish(1, 'after');
    next.autoLoad = true;
    while (next.loads.length > 0) next.answerLoad();
    next.takePackets();
    const { count } = next.session.stored;
    assert.ok(count <= 2, `${count} stored`);
  });

  it('leaves dead letters that are not kept yet', () => {
    const harness = new Harness();
    harness.autoKeep = false;
    harness.connect(limits5());
    const bad = harness.publish(1);
    harness.receive(puback(bad, 0x97));
    harness.session.purge();
    harness.run();
    assert.equal(harness.session.stored.count, 1);
    harness.session.failedKept(bad);
    harness.run();
    assert.deepEqual(harness.session.stored, { count: 0, bytes: 0 });
  });
});

function afterAll(harness: Harness) {
  const next = harness.restart();
  next.connect(limits5({ sessionPresent: true }));
  return next.takePackets();
}
