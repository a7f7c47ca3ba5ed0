import * as assert from 'node:assert/strict';
import { Harness, limits, limits5, payloads, puback, pubcomp, published, pubrec } from './harness';

/** A message that the broker refused, on its way to the dead letters. */
function refused(harness: Harness, qos: 1 | 2 = 1): number {
  harness.connect(limits5());
  const sequence = harness.publish(qos, 'bad', {}, true);
  harness.takePackets();
  const answer = qos === 1 ? puback(sequence, 0x97) : pubrec(sequence, 0x97);
  harness.receive({ ...answer, properties: { reasonString: 'no room' } } as typeof answer);
  return sequence;
}

describe('session: a message given up becomes a dead letter', () => {
  it('with all that is needed to send it again, and why it was given up', () => {
    const harness = new Harness();
    harness.session.publish(
      {
        topic: 'a/b',
        payload: Buffer.from('text'),
        qos: 2,
        retain: true,
        properties: { messageExpiryInterval: 9, userProperties: { a: ['1', '2'] } },
      },
      { node: 'n', messageId: 'm' },
      false,
      harness.now,
    );
    harness.connect(limits5());
    harness.now += 1_000;
    harness.receive({
      cmd: 'pubrec',
      messageId: published(harness.takePackets())[0]!,
      reasonCode: 0x97,
      properties: { reasonString: 'quota' },
    });
    const [letter] = harness.deadLetters;
    assert.ok(letter);
    const { message, origin, reason, reasonCode, reasonString, enqueuedAt, failedAt } = letter;
    assert.deepEqual(JSON.parse(JSON.stringify({ ...message, payload: message.payload.toString() })), {
      topic: 'a/b',
      payload: 'text',
      qos: 2,
      retain: true,
      properties: { messageExpiryInterval: 9, userProperties: { a: ['1', '2'] } },
    });
    assert.deepEqual(
      [origin, reason, reasonCode, reasonString, enqueuedAt, failedAt],
      [{ node: 'n', messageId: 'm' }, 'refused', 0x97, 'quota', harness.now - 1_000, harness.now],
    );
  });

  for (const qos of [1, 2] as const) {
    it(`from reason code 0x80 on, the first that refuses (QoS ${qos})`, () => {
      const harness = new Harness();
      harness.connect(limits5());
      const taken = harness.publish(qos);
      const given = harness.publish(qos);
      harness.takePackets();
      const answer = qos === 1 ? puback : pubrec;
      harness.receive(answer(taken, 0x10), answer(given, 0x80));
      assert.deepEqual(
        harness.deadLetters.map(({ sequence, reasonCode }) => [sequence, reasonCode]),
        [[given, 0x80]],
      );
      assert.deepEqual(harness.sent(), qos === 1 ? [] : [`PUBREL ${taken}`]);
    });
  }

  it('records the decision before it is kept, and its removal after', () => {
    const harness = new Harness();
    harness.autoDurable = false;
    harness.autoKeep = false;
    harness.connect(limits5());
    const sequence = harness.publish(1);
    harness.sync();
    harness.receive(puback(sequence, 0x87));
    assert.deepEqual(harness.of('keepFailed'), [], 'the decision is not durable');
    harness.sync();
    assert.equal(harness.of('keepFailed').length, 1);
    assert.deepEqual(harness.of('discarded'), [], 'nobody is told before it is kept');
    assert.equal(harness.session.stored.count, 1);
    harness.session.failedKept(sequence);
    harness.run();
    assert.deepEqual(
      harness.of('discarded').map(({ reason, reasonCode }) => [reason, reasonCode]),
      [['refused', 0x87]],
    );
    assert.deepEqual(harness.session.stored, { count: 0, bytes: 0 });
    assert.deepEqual(harness.kinds().slice(-2), ['GivenUp', 'Completed']);
  });

  it('holds nothing up while it cannot be kept, and is asked for again', () => {
    const harness = new Harness();
    harness.autoKeep = false;
    const bad = refused(harness);
    const good = harness.publish(1);
    harness.receive(puback(good));
    assert.deepEqual([harness.session.stored.count, harness.session.failing], [1, 1]);
    for (let times = 1; times <= 3; times++) {
      assert.equal(harness.of('keepFailed').length, times);
      harness.session.failedNotKept(bad);
      harness.run();
    }
    harness.session.failedKept(bad);
    harness.run();
    assert.deepEqual([harness.session.stored.count, harness.session.failing], [0, 0]);
  });

  it('is not sent again on the next connection, nor does its identifier stop another message', () => {
    const harness = new Harness();
    harness.autoKeep = false;
    refused(harness, 2);
    harness.disconnect();
    harness.connect(limits5({ sessionPresent: true }));
    assert.deepEqual(harness.sent(), []);
    harness.disconnect();
    harness.connect(limits5());
    assert.deepEqual(harness.sent(), [], 'a lost session makes it no new message');
  });

  for (const snapshot of ['no snapshot', 'a snapshot', 'a snapshot with messages'] as const) {
    it(`after a crash (${snapshot}) becomes one all the same, and is not sent`, () => {
      const harness = new Harness();
      harness.autoKeep = false;
      const bad = refused(harness);
      const after = harness.publish(1, 'after');
      harness.receive(puback(after));
      if (snapshot !== 'no snapshot') harness.checkpoint(snapshot === 'a snapshot with messages');
      const next = harness.restart();
      assert.deepEqual([next.session.stored.count, next.session.failing], [1, 1]);
      next.connect(limits5({ sessionPresent: true }));
      assert.deepEqual(next.sent(), []);
      assert.deepEqual(
        next.deadLetters.map(({ sequence, reasonCode, reasonString }) => [sequence, reasonCode, reasonString]),
        [[bad, 0x97, 'no room']],
      );
      assert.deepEqual(next.session.stored, { count: 0, bytes: 0 });
    });
  }

  it('after a crash before the decision was durable is sent again', () => {
    const harness = new Harness();
    harness.connect(limits5());
    const sequence = harness.publish(1, 'bad');
    harness.autoDurable = false;
    harness.receive(puback(sequence, 0x97));
    const next = harness.restart();
    next.connect(limits5({ sessionPresent: true }));
    assert.deepEqual(next.sent(), [`PUBLISH ${sequence} dup`]);
  });

  it('that never left stays one when the next broker would take it', () => {
    const harness = new Harness();
    harness.autoKeep = false;
    harness.publish(2, 'x'.repeat(100));
    const next = harness.publish(2, 'y');
    harness.connect(limits5({ maximumPacketSize: 50 }));
    harness.receive(pubrec(next));
    harness.receive(pubcomp(next));
    const after = harness.restart();
    after.connect(limits5({ sessionPresent: true }));
    assert.deepEqual(after.sent(), []);
    assert.deepEqual(
      after.deadLetters.map(({ reason }) => reason),
      ['packet-too-large'],
    );
  });

  it('expired in the queue, behind one that waits for the disk, in order', () => {
    const harness = new Harness();
    for (const payload of ['a', 'b', 'c']) harness.publish(1, payload, { properties: { messageExpiryInterval: 1 } });
    harness.publish(1, 'd');
    harness.now += 2_000;
    harness.connect(limits5());
    assert.deepEqual(
      harness.deadLetters.map(({ message, reason }) => [message.payload.toString(), reason]),
      [
        ['a', 'expired'],
        ['b', 'expired'],
        ['c', 'expired'],
      ],
    );
    assert.deepEqual(payloads(harness.takePackets()), ['d']);
    assert.equal(harness.session.stored.count, 1);
  });

  it('when the broker lost its session and such messages are to be discarded', () => {
    const harness = new Harness({ onSessionLost: 'discard' });
    harness.connect(limits5());
    const released = harness.publish(2, 'a');
    harness.publish(1, 'b');
    harness.receive(pubrec(released));
    harness.disconnect();
    harness.connect(limits5());
    assert.deepEqual(
      harness.deadLetters.map(({ message, reason }) => [message.payload.toString(), reason]),
      [
        ['a', 'session-lost'],
        ['b', 'session-lost'],
      ],
    );
    assert.equal(harness.restart().session.stored.count, 0);
  });

  it('survives records that the store did not keep', () => {
    const harness = new Harness();
    harness.connect(limits5());
    const bad = harness.publish(1, 'bad');
    harness.autoDurable = false;
    // Not kept either: the decision is recorded again under a lower sequence.
    for (let index = 0; index < 3; index++) harness.publish(1, 'rejected');
    harness.receive(puback(bad, 0x97));
    harness.fail();
    assert.deepEqual(harness.of('keepFailed'), []);
    harness.sync();
    assert.equal(harness.deadLetters.length, 1);
    assert.equal(harness.restart().session.stored.count, 0);
  });

  it('does not use memory without bound: with a mebibyte waiting nothing more is sent', () => {
    const harness = new Harness();
    harness.autoKeep = false;
    for (let count = 0; count < 30; count++) {
      harness.publish(1, 'x'.repeat(100_000), { properties: { messageExpiryInterval: 1 } });
    }
    harness.publish(1, 'last');
    harness.now += 5_000;
    harness.connect(limits5());
    const asked = harness.of('keepFailed').length;
    assert.ok(asked >= 10 && asked <= 12, `${asked} wait to be kept`);
    assert.deepEqual(harness.sent(), []);
    harness.autoKeep = true;
    for (const { sequence } of harness.of('keepFailed')) harness.session.failedKept(sequence);
    harness.run();
    assert.deepEqual(payloads(harness.takePackets()), ['last']);
    assert.equal(harness.session.stored.count, 1);
  });

  it('only when it is stored: what the store rejects is none, and its sequence goes to another message', () => {
    const harness = new Harness();
    harness.connect(limits5({ maximumPacketSize: 20 }));
    harness.autoDurable = false;
    harness.publish(1, 'far too large for this broker');
    harness.fail();
    const sequence = harness.publish(1, 'good');
    harness.sync();
    assert.deepEqual([harness.deadLetters, harness.session.stored.count], [[], 1]);
    assert.deepEqual(payloads(harness.takePackets()), ['good']);
    for (const process of [harness, harness.restart()]) {
      process.connect(limits5({ sessionPresent: true, maximumPacketSize: 20 }));
      process.sync();
      process.takePackets();
      process.receive(puback(sequence));
      assert.deepEqual([process.deadLetters, process.session.stored.count], [[], 0]);
    }
  });

  it('that the broker may hold at QoS 2 keeps its identifier, over a restart, until the session ends', () => {
    const harness = new Harness();
    harness.connect(limits5());
    const sequence = harness.publish(2, 'sent, not answered');
    harness.disconnect();
    const small = { sessionPresent: true, maximumPacketSize: 10 };
    harness.connect(limits5(small));
    assert.deepEqual(
      harness.deadLetters.map(({ reason }) => reason),
      ['packet-too-large'],
    );
    harness.checkpoint(false);
    for (const process of [harness, harness.restart()]) {
      assert.deepEqual(process.session.snapshot(false).reserved, [sequence]);
      process.connect(limits5(small));
      process.takePackets();
      process.receive(pubrec(sequence));
      assert.deepEqual(process.sent(), [], 'PUBREL would have it delivered');
      process.connect(limits5());
      assert.deepEqual(process.session.snapshot(false).reserved, []);
    }
  });

  it('is only reported when dead letters are not kept', () => {
    const harness = new Harness({ keepFailed: false });
    refused(harness);
    assert.deepEqual(harness.of('keepFailed'), []);
    assert.equal(harness.of('discarded').length, 1);
    assert.ok(!harness.kinds().includes('GivenUp'));
    assert.equal(harness.restart().session.stored.count, 0);
  });

  it('dropped messages are none', () => {
    const harness = new Harness({ maxBytes: 25, whenFull: 'dropOldest' });
    for (const payload of ['a', 'b', 'c']) harness.publish(1, payload);
    assert.deepEqual(harness.deadLetters, []);
    assert.equal(harness.of('discarded').length, 1);
  });

  it('reports what was sent again, and when', () => {
    const harness = new Harness();
    harness.connect(limits());
    const sequence = harness.publish(1);
    const sentAt = harness.now;
    const times = (of: Harness) => of.session.openMessages().map(({ sentAt, retries }) => [sentAt, retries]);
    assert.deepEqual(times(harness), [[sentAt, 0]]);
    harness.disconnect();
    harness.now += 5_000;
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(times(harness), [[sentAt + 5_000, 1]]);
    harness.checkpoint(false);
    const next = harness.restart();
    assert.deepEqual(times(next), [[sentAt + 5_000, 1]]);
    next.connect(limits({ sessionPresent: true }));
    next.receive(puback(sequence));
    assert.deepEqual(times(next), []);
  });
});
