import * as assert from 'node:assert/strict';
import { Harness, limits, limits5, puback, pubcomp, pubrec } from './harness';

describe('session: adoption of a session that only the broker knows', () => {
  it('clears each identifier by PUBREL and PUBCOMP before its first QoS 2 use, QoS 1 needs none', () => {
    const harness = new Harness();
    const [one, two] = [harness.publish(2), harness.publish(1)];
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(harness.sent(), [`PUBREL ${one}`]);
    harness.receive(pubcomp(one));
    assert.deepEqual(harness.sent(), [`PUBLISH ${one}`, `PUBLISH ${two}`]);
    assert.deepEqual(
      harness.of('report').map(({ report }) => report.kind),
      ['session-adopted'],
    );
  });

  it('clears a window of them at once, keeps order, and accepts PUBCOMP 0x92', () => {
    const harness = new Harness();
    const all = [harness.publish(2), harness.publish(2), harness.publish(2)];
    harness.connect(limits5({ sessionPresent: true }));
    assert.deepEqual(
      harness.sent(),
      all.map((identifier) => `PUBREL ${identifier}`),
    );
    harness.receive({ cmd: 'pubcomp', messageId: all[1]!, reasonCode: 0x92 });
    assert.deepEqual(harness.sent(), []);
    harness.receive({ cmd: 'pubcomp', messageId: all[0]!, reasonCode: 0x92 });
    assert.deepEqual(harness.sent(), [`PUBLISH ${all[0]}`, `PUBLISH ${all[1]}`]);
  });

  it('goes on after a crash: what is not yet sent is cleared first, what may have been sent is sent with DUP', () => {
    const harness = new Harness();
    const [one, two] = [harness.publish(2), harness.publish(2)];
    harness.connect(limits({ sessionPresent: true }));
    harness.receive(pubcomp(one));
    assert.deepEqual(harness.sent(), [`PUBREL ${one}`, `PUBREL ${two}`, `PUBLISH ${one}`]);
    const next = harness.restart();
    next.connect(limits({ sessionPresent: true }));
    assert.deepEqual(
      next.sent(),
      [`PUBLISH ${one} dup`, `PUBREL ${two}`].sort((a, b) => (a < b ? 1 : -1)),
    );
  });

  it('clears again after a reconnect that came before PUBCOMP', () => {
    const harness = new Harness();
    const one = harness.publish(2);
    harness.connect(limits({ sessionPresent: true }));
    harness.disconnect();
    harness.takePackets();
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(harness.sent(), [`PUBREL ${one}`]);
  });

  it('clears for what is stored only: the sequence of what the store rejects goes to another message', () => {
    const harness = new Harness();
    harness.connect(limits({ sessionPresent: true }));
    harness.autoDurable = false;
    harness.publish(2, 'lost');
    assert.deepEqual(harness.sent(), []);
    harness.fail();
    const sequence = harness.publish(2, 'kept');
    harness.sync();
    assert.deepEqual(harness.sent(), [`PUBREL ${sequence}`]);
    harness.receive(pubcomp(sequence));
    harness.sync();
    assert.deepEqual(harness.sent(), [`PUBLISH ${sequence}`]);
  });

  it('asks for a clean start when the broker ends the connection at each PUBREL, tried alone, and gives up no message', () => {
    const harness = new Harness();
    const present = limits({ sessionPresent: true });
    const sequence = harness.publish(2, 'kept');
    for (let round = 0; round < 3; round++) {
      harness.connect(present);
      assert.deepEqual(harness.sent(), [`PUBREL ${sequence}`]);
      harness.disconnect(true);
    }
    for (let round = 0; round < 3; round++) {
      assert.ok(!harness.session.needsCleanStart);
      harness.connect(present);
      harness.tick(4_000);
      assert.deepEqual(harness.sent(), [], 'the connection stands quiet');
      harness.tick(1_000);
      assert.deepEqual(harness.sent(), [`PUBREL ${sequence}`]);
      harness.disconnect(true);
    }
    assert.ok(harness.session.needsCleanStart);
    assert.deepEqual(harness.deadLetters, []);
    harness.connect(limits({ sessionPresent: false }));
    assert.ok(!harness.session.needsCleanStart);
    harness.tick(5_000);
    assert.deepEqual(harness.sent(), [`PUBLISH ${sequence}`]);
  });

  it('ends when the broker loses that session', () => {
    const harness = new Harness();
    const one = harness.publish(2);
    harness.connect(limits({ sessionPresent: true }));
    harness.disconnect();
    harness.takePackets();
    harness.connect(limits());
    assert.deepEqual(harness.sent(), [`PUBLISH ${one}`]);
    harness.receive(pubrec(one));
    harness.receive(pubcomp(one));
    harness.receive(puback(harness.publish(1)));
    assert.equal(harness.session.stored.count, 0);
  });
});
