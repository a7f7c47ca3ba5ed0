import * as assert from 'node:assert/strict';
import type { ConnectionLimits } from '../../src/session/packets';
import { Harness, limits, limits5, payloads, puback, pubrec } from './harness';

const MESSAGE_IDENTIFIERS = 65_471;
const present = { sessionPresent: true };

/** Connections that end as soon as they have sent something, until the session probes. */
function makeSuspicious(harness: Harness, to: ConnectionLimits): void {
  for (let round = 0; round < 3; round++) {
    harness.connect({ ...to, sessionPresent: round > 0 });
    harness.disconnect(true);
  }
  harness.takePackets();
  assert.ok(harness.session.isProbing);
}

/** One probe that the peer answers by ending the connection, `afterMs` after the message. */
function strike(harness: Harness, to: ConnectionLimits, afterMs = 1_000): void {
  harness.connect(to);
  for (let second = 0; second < 6 && payloads(harness.takePackets()).length === 0; second++) harness.tick(1_000);
  harness.now += afterMs;
  harness.disconnect(true);
}

for (const [version, to] of [
  ['3.1.1', limits(present)],
  ['5.0', limits5(present)],
] as const) {
  describe(`session: a message that makes the broker end the connection (MQTT ${version})`, () => {
    function backlog(qos: 1 | 2 = 1): Harness {
      const harness = new Harness();
      for (const payload of ['poison', 'good', 'better']) harness.publish(qos, payload);
      makeSuspicious(harness, to);
      return harness;
    }

    it('is found by sending one message alone after a pause, and becomes a dead letter after three closes', () => {
      const harness = backlog();
      for (let times = 0; times < 3; times++) {
        assert.deepEqual(harness.deadLetters, []);
        harness.connect(to);
        for (let second = 0; second < 4; second++) harness.tick(1_000);
        assert.deepEqual(harness.sent(), [], 'the connection stands quiet');
        harness.tick(1_000);
        assert.deepEqual(payloads(harness.takePackets()), ['poison'], 'one message alone');
        harness.now += 500;
        harness.disconnect(true);
      }
      assert.deepEqual(
        harness.deadLetters.map(({ message, reason }) => [message.payload.toString(), reason]),
        [['poison', 'poisoned']],
      );
      harness.connect(to);
      harness.tick(5_000);
      const [packet] = harness.takePackets();
      assert.deepEqual(packet?.cmd === 'publish' && packet.payload.toString(), 'good');
      harness.receive(puback(packet?.messageId as number));
      assert.ok(!harness.session.isProbing);
      assert.deepEqual(payloads(harness.takePackets()), ['better']);
    });

    it('is not what was sent when the connection ended later, by us, or in the pause', () => {
      const harness = backlog();
      strike(harness, to);
      strike(harness, to);
      strike(harness, to, 2_500);
      strike(harness, to);
      strike(harness, to);
      harness.connect(to);
      harness.tick(5_000);
      harness.disconnect(false);
      assert.deepEqual(harness.deadLetters, []);
      harness.connect(to);
      harness.tick(3_000);
      harness.takePackets();
      harness.disconnect(true);
      assert.ok(!harness.session.isProbing, 'it ended with nothing sent');
      assert.deepEqual(harness.deadLetters, []);
    });

    it('is not the next one, when the suspected one is gone', () => {
      const harness = new Harness();
      harness.publish(1, 'suspect');
      makeSuspicious(harness, to);
      strike(harness, to);
      strike(harness, to);
      harness.connect({ ...to, sessionPresent: false });
      harness.session.purge();
      harness.publish(1, 'good');
      harness.disconnect(false);
      strike(harness, to);
      assert.deepEqual(harness.deadLetters, []);
      strike(harness, to);
      strike(harness, to);
      assert.equal(harness.deadLetters.length, 1);
    });

    it('is not what was acknowledged: that clears all', () => {
      const harness = backlog();
      strike(harness, to);
      strike(harness, to);
      harness.connect(to);
      harness.tick(5_000);
      const [packet] = harness.takePackets();
      harness.receive(puback(packet?.messageId as number));
      harness.disconnect(true);
      assert.ok(!harness.session.isProbing);
      assert.deepEqual(harness.deadLetters, []);
      assert.equal(harness.session.stored.count, 2);
    });

    it('is found also behind PUBRELs, which the pause does not hold back', () => {
      const harness = new Harness();
      harness.connect({ ...to, sessionPresent: false });
      const released = harness.publish(2, 'released');
      harness.receive(pubrec(released));
      harness.publish(1, 'poison');
      for (let round = 0; round < 3; round++) {
        harness.disconnect(true);
        harness.connect(to);
      }
      harness.disconnect(true);
      harness.takePackets();
      assert.ok(harness.session.isProbing);
      harness.connect(to);
      assert.deepEqual(harness.sent(), [`PUBREL ${released}`]);
      harness.receive({ cmd: 'pubcomp', messageId: released });
      assert.deepEqual(payloads(harness.takePackets()), ['poison'], 'an acknowledgement ends the probing');
    });

    it('nothing goes out beside the message that is tried', () => {
      const harness = new Harness();
      harness.publish(1, 'suspect');
      makeSuspicious(harness, to);
      harness.connect(to);
      assert.equal(harness.session.sendsQoS0, false, 'not past the queue while probing');
      harness.publish(0, 'behind');
      harness.tick(5_000);
      assert.deepEqual(payloads(harness.takePackets()), ['suspect']);
      harness.tick(1_000);
      assert.deepEqual(payloads(harness.takePackets()), [], 'nothing beside the probe');
    });

    it('QoS 0 before a message leaves after a pause, and the pause begins again', () => {
      const harness = new Harness();
      harness.publish(1, 'poison');
      makeSuspicious(harness, to);
      for (const payload of ['a', 'b']) harness.publish(0, payload);
      harness.publish(1, 'good');
      for (let times = 0; times < 3; times++) strike(harness, to);
      harness.connect(to);
      harness.tick(5_000);
      assert.deepEqual(payloads(harness.takePackets()), ['a', 'b']);
      harness.tick(4_000);
      assert.deepEqual(harness.sent(), []);
      harness.tick(1_000);
      assert.deepEqual(payloads(harness.takePackets()), ['good']);
    });

    it('is forgotten at another broker', () => {
      const harness = backlog();
      harness.connect(to, 'other:1883');
      assert.ok(!harness.session.isProbing);
    });

    it('keeps its identifier at QoS 2: the broker may hold the message under it', () => {
      const harness = backlog(2);
      const before = harness.session.openMessages()[0]!.packetId;
      for (let times = 0; times < 3; times++) strike(harness, to);
      assert.equal(harness.deadLetters[0]?.reason, 'poisoned');
      assert.equal(before, 1);
      for (const each of [harness, harness.restart()]) {
        each.autoDurable = true;
        // Records of other kinds take sequences as well; one message is enough to come round.
        while (each.session.durableSequence < MESSAGE_IDENTIFIERS) {
          each.session.pause(!each.session.paused);
          each.run();
        }
        const next = each.publish(2, 'next');
        assert.notEqual((next - 1) % MESSAGE_IDENTIFIERS, 0, 'the next message with that identifier has another');
      }
    });

    it('after the session is lost its identifier is free', () => {
      const harness = backlog(2);
      for (let times = 0; times < 3; times++) strike(harness, to);
      harness.connect(limits5());
      assert.deepEqual(harness.session.snapshot(false).reserved, []);
      assert.deepEqual(harness.restart().session.snapshot(false).reserved, []);
    });
  });
}

describe('session: a message queued already under the identifier of one that was poison', () => {
  it('is sent after PUBREL and PUBCOMP have freed it, also after a crash', () => {
    const to = limits5(present);
    const harness = new Harness();
    harness.publish(2, 'poison');
    while (harness.session.durableSequence < MESSAGE_IDENTIFIERS) {
      harness.session.pause(!harness.session.paused);
      harness.run();
    }
    if (harness.session.paused) harness.session.pause(false);
    const behind = harness.publish(2, 'behind');
    assert.ok(behind > MESSAGE_IDENTIFIERS);
    makeSuspicious(harness, to);
    for (let times = 0; times < 3; times++) strike(harness, to);
    assert.equal(harness.deadLetters.length, 1);
    const identifier = ((behind - 1) % MESSAGE_IDENTIFIERS) + 1;
    for (const each of [harness.restart(), harness]) {
      each.connect(to);
      if (each === harness) each.tick(5_000);
      const expected = identifier === 1 ? ['PUBREL 1'] : [`PUBLISH ${identifier}`];
      assert.deepEqual(each.sent(), expected);
      each.disconnect();
    }
  });
});
