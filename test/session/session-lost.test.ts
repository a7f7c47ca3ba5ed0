import * as assert from 'node:assert/strict';
import { RecordKind } from '../../src/session/records';
import { Harness, inbound, limits, limits5, payloads, published, pubrec } from './harness';

function inFlight(harness: Harness): { released: number; sent: number[] } {
  harness.connect(limits5({ receiveMaximum: 3 }));
  const released = harness.publish(2, 'a');
  const sent = [harness.publish(1, 'b'), harness.publish(2, 'c')];
  harness.publish(1, 'd');
  harness.receive(pubrec(released));
  harness.disconnect();
  harness.takePackets();
  return { released, sent };
}

describe('session: the broker lost its session', () => {
  it('republishes what was unacknowledged, after PUBREC included, in order, as new, before the queue (MQTT-3.2.2-5 (5.0))', () => {
    const harness = new Harness();
    inFlight(harness);
    harness.connect(limits5());
    const packets = harness.takePackets();
    assert.deepEqual(payloads(packets), ['a', 'b', 'c', 'd']);
    assert.ok(packets.every((packet) => packet.cmd === 'publish' && !packet.dup));
    assert.deepEqual(harness.of('report').at(-1)?.report, { kind: 'session-lost', requeued: 3, discarded: 0 });
  });

  it('waits for the record of the loss before it sends anything of it', () => {
    const harness = new Harness();
    inFlight(harness);
    harness.autoDurable = false;
    harness.connect(limits5());
    assert.deepEqual(harness.sent(), []);
    harness.sync();
    assert.equal(harness.sent().length, 4);
  });

  it('discards it when told so, and only what was sent', () => {
    const harness = new Harness({ onSessionLost: 'discard' });
    inFlight(harness);
    harness.connect(limits5());
    assert.deepEqual(payloads(harness.takePackets()), ['d']);
    assert.deepEqual(
      harness.of('discarded').map(({ reason, message }) => [reason, message.payload.toString()]),
      [
        ['session-lost', 'a'],
        ['session-lost', 'b'],
        ['session-lost', 'c'],
      ],
    );
  });

  it('does not discard what was about to be sent when the last connection ended', () => {
    const harness = new Harness({ onSessionLost: 'discard' });
    harness.connect(limits5());
    harness.autoDurable = false;
    harness.publish(1, 'waits for the disk');
    assert.deepEqual(harness.sent(), []);
    harness.disconnect();
    harness.sync();
    harness.autoDurable = true;
    harness.connect(limits5());
    assert.deepEqual(payloads(harness.takePackets()), ['waits for the disk']);
    assert.deepEqual(harness.of('discarded'), []);
  });

  it('says so also when it was one message', () => {
    const harness = new Harness();
    harness.connect(limits5());
    harness.publish(1);
    harness.disconnect();
    harness.connect(limits5());
    assert.deepEqual(harness.of('report').at(-1)?.report, { kind: 'session-lost', requeued: 1, discarded: 0 });
  });

  it('is remembered by a crash: what the next session was not sent goes out without DUP', () => {
    const harness = new Harness();
    inFlight(harness);
    harness.autoDurable = false;
    harness.connect(limits5({ receiveMaximum: 1 }));
    const loss = harness.records.findLastIndex(({ record }) => record.kind === RecordKind.SessionLost);
    const next = harness.restart({}, harness.disk(loss + 1));
    next.connect(limits5({ sessionPresent: true }));
    const packets = next.takePackets().filter((packet) => packet.cmd === 'publish');
    assert.deepEqual(payloads(packets), ['a', 'b', 'c', 'd']);
    assert.ok(packets.every(({ dup }) => !dup));
  });

  it('stays new after a crash in the middle of it', () => {
    const harness = new Harness();
    inFlight(harness);
    const next = harness.restart();
    next.autoDurable = false;
    next.connect(limits5({ receiveMaximum: 1 }));
    next.sync();
    assert.deepEqual(payloads(next.takePackets()), ['a']);
    const after = next.restart();
    after.connect(limits5({ sessionPresent: true }));
    const packets = after.takePackets();
    assert.deepEqual(payloads(packets), ['a', 'b', 'c', 'd']);
    // That one has reached the new session.
    assert.ok(packets[0]?.cmd === 'publish' && packets[0].dup);
  });

  it('counts as sent to the new session only what was sent to that, which a crash does not forget', () => {
    const harness = new Harness();
    inFlight(harness);
    harness.connect(limits5({ receiveMaximum: 1 }));
    assert.deepEqual(payloads(harness.takePackets()), ['a']);
    const next = harness.restart();
    next.connect(limits5({ sessionPresent: true }));
    const [again] = next.takePackets();
    assert.ok(again?.cmd === 'publish' && again.dup, 'sent to the new session, and again as if it had not been');
  });

  it('forgets received identifiers (MQTT-3.2.2-5 (5.0)): the same one brings a new message', () => {
    const harness = new Harness();
    harness.connect(limits5());
    harness.receive(inbound(2, 9));
    harness.handled(0);
    harness.disconnect();
    harness.connect(limits5());
    harness.receive(inbound(2, 9, 'new'));
    assert.equal(harness.deliveries.length, 2);
    const restarted = harness.restart();
    restarted.connect(limits5({ sessionPresent: true }));
    restarted.receive(inbound(2, 9, 'new'));
    assert.equal(restarted.deliveries.length, 1);
  });

  it('a clean start republishes whatever the policy: the queue is ours (MQTT-3.1.2-4 (5.0), MQTT-3.1.2-6 (3.1.1))', () => {
    const harness = new Harness({ onSessionLost: 'discard' });
    harness.connect(limits({ cleanStart: true }));
    const one = harness.publish(2);
    harness.disconnect();
    harness.takePackets();
    harness.connect(limits({ cleanStart: true }));
    assert.deepEqual(harness.sent(), [`PUBLISH ${one}`]);
    const next = harness.restart({ onSessionLost: 'discard' });
    next.connect(limits({ cleanStart: true }));
    assert.deepEqual(next.sent(), [`PUBLISH ${one}`]);
  });

  it('another broker address counts as a lost session, and its own session as an unknown one', () => {
    const harness = new Harness();
    harness.connect();
    const one = harness.publish(2);
    harness.disconnect();
    harness.takePackets();
    harness.connect(limits({ sessionPresent: true }), 'other:1883');
    assert.deepEqual(harness.sent(), [`PUBREL ${one}`]);
    harness.receive({ cmd: 'pubcomp', messageId: one });
    assert.deepEqual(harness.sent(), [`PUBLISH ${one}`]);
  });

  it('does not report a loss when there was nothing to lose', () => {
    const harness = new Harness();
    harness.publish(1);
    harness.connect();
    assert.deepEqual(harness.of('report'), []);
    assert.equal(published(harness.takePackets()).length, 1);
  });
});
