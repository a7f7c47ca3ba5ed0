import * as assert from 'node:assert/strict';
import type { OutboundPacket } from '../../src/session/packets';
import { RecordKind } from '../../src/session/records';
import { Harness, inbound, limits, limits5, puback, pubcomp, published, pubrec, pubrel } from './harness';

/** A broker that knows what reached it: the packets that left before the crash. */
class Witness {
  readonly applied: string[] = [];
  readonly #held = new Map<number, string>();

  /** @returns the answers of a broker that takes everything. */
  take(packets: readonly OutboundPacket[]) {
    return packets.flatMap((packet) => {
      if (packet.cmd === 'publish' && packet.qos === 1) {
        this.applied.push(packet.payload.toString());
        return [puback(packet.messageId!)];
      }
      if (packet.cmd === 'publish' && packet.qos === 2) {
        if (!this.#held.has(packet.messageId!)) this.applied.push(packet.payload.toString());
        this.#held.set(packet.messageId!, packet.payload.toString());
        return [pubrec(packet.messageId!)];
      }
      if (packet.cmd === 'pubrel') {
        this.#held.delete(packet.messageId);
        return [pubcomp(packet.messageId)];
      }
      return [];
    });
  }
}

/**
 * Runs a fixed script until `stopAfter` records are durable, then "kills" the process: records behind are gone, packets
 * that were allowed to leave have reached the broker.
 */
function script(stopAfter: number, checkpointAt: number | undefined, inline: boolean) {
  const witness = new Witness();
  const stored: string[] = [];
  let harness = new Harness({ maxInflight: 3 });
  harness.autoDurable = false;
  const steps = (): boolean => {
    // One record becomes durable at a time; a crash comes between two.
    harness.run();
    while (harness.durableCount < harness.records.length) {
      if (harness.durableCount >= stopAfter) return true;
      const { sequence, record } = harness.records[harness.durableCount++]!;
      harness.session.durable(sequence);
      harness.run();
      if (record.kind === RecordKind.Enqueued) stored.push(record.message.payload.toString());
      const answers = witness.take(harness.takePackets());
      harness.receive(...answers);
      if (harness.durableCount === checkpointAt && harness.durableCount === harness.records.length) {
        harness.checkpoint(inline);
      }
    }
    return false;
  };
  const run = (): boolean => {
    for (const payload of ['a2', 'b1', 'c2', 'd1']) {
      harness.session.publish(
        { topic: 't', payload: Buffer.from(payload), qos: payload.endsWith('2') ? 2 : 1, retain: false },
        { node: 'n', messageId: payload },
        false,
        harness.now,
      );
    }
    if (steps()) return true;
    harness.connect();
    if (steps()) return true;
    for (const payload of ['e2', 'f2', 'g1']) harness.publish(payload.endsWith('2') ? 2 : 1, payload);
    return steps();
  };
  const crashed = run();
  const last = harness;
  harness = harness.restart({ maxInflight: 3 });
  return { crashed, witness, stored, last, harness };
}

describe('session: crash recovery', () => {
  for (const [name, checkpointAt, inline] of [
    ['from records alone', undefined, false],
    ['from a snapshot and the records above it', 4, false],
    ['from a snapshot with messages in it', 4, true],
  ] as const) {
    it(`keeps the promise at every record boundary, ${name} (crash reading of MQTT-4.4.0-1 (3.1.1))`, () => {
      let boundary = 0;
      for (let crashed = true; crashed; boundary++) {
        const run = script(boundary, checkpointAt, inline);
        crashed = run.crashed;
        const { harness, witness, stored, last } = run;
        const known = last.records.slice(0, last.durableCount).some(({ record }) => record.kind === RecordKind.Broker);
        harness.connect(limits({ sessionPresent: known }));
        for (let turn = 0; turn < 50; turn++) harness.receive(...witness.take(harness.takePackets()));
        for (const payload of stored) {
          const times = witness.applied.filter((applied) => applied === payload).length;
          assert.ok(times >= 1, `crash after record ${boundary}: ${payload} is lost`);
          if (payload.endsWith('2')) assert.equal(times, 1, `crash after record ${boundary}: ${payload} twice`);
        }
        for (const qos of ['1', '2']) {
          const first = [...new Set(witness.applied.filter((payload) => payload.endsWith(qos)))];
          assert.deepEqual(first, [...first].sort(), `crash after record ${boundary}: order`);
        }
        assert.deepEqual(harness.session.stored, { count: 0, bytes: 0 }, `crash after record ${boundary}: counts`);
      }
      assert.ok(boundary > 15, `${boundary} boundaries`);
    });
  }

  it('does not hand a received QoS 2 message over again once its identifier is durable (MQTT-4.3.3-2 (3.1.1))', () => {
    const harness = new Harness();
    harness.connect();
    harness.receive(inbound(2, 5));
    harness.handled(0);
    const next = harness.restart();
    next.connect(limits({ sessionPresent: true }));
    next.receive(inbound(2, 5, 'x', true));
    assert.deepEqual([next.deliveries.length, next.sent()], [0, ['PUBREC 5']]);
    next.receive(pubrel(5));
    const after = next.restart();
    after.connect(limits({ sessionPresent: true }));
    after.receive(inbound(2, 5, 'new'));
    assert.equal(after.deliveries.length, 1);
  });

  it('keeps the learned window, the broker and the counts in the snapshot', () => {
    const harness = new Harness();
    for (let count = 0; count < 30; count++) harness.publish(1);
    harness.connect();
    harness.disconnect(true);
    harness.checkpoint(false);
    const next = harness.restart();
    assert.equal(next.session.windowLimit, 10);
    assert.deepEqual(next.session.stored, harness.session.stored);
    next.connect(limits({ sessionPresent: true }));
    assert.deepEqual(next.of('report'), []);
  });

  it('does not bring back what was acknowledged before the broker lost its session, when a snapshot follows a restart', () => {
    const harness = new Harness();
    harness.connect();
    const acknowledged = [1, 2, 3].map(() => harness.publish(1));
    for (const identifier of acknowledged) harness.receive(puback(identifier));
    const open = harness.publish(2);
    harness.disconnect();
    harness.connect();
    harness.disconnect();
    const next = harness.restart();
    next.checkpoint(false);
    const after = next.restart();
    assert.deepEqual(after.session.stored.count, 1);
    after.connect(limits({ sessionPresent: true }));
    assert.deepEqual(published(after.takePackets()), [open]);
  });

  it('keeps messages that only the snapshot holds: their journal segment is gone', () => {
    const harness = new Harness();
    harness.connect(limits5({ receiveMaximum: 2 }));
    const [one, two] = [harness.publish(2, 'a'), harness.publish(1, 'b')];
    harness.receive(pubrec(one));
    harness.checkpoint(true);
    const { state } = harness.disk();
    const next = new Harness({}, { state, records: [] });
    next.connect(limits5({ sessionPresent: true }));
    assert.deepEqual(next.sent(), [`PUBREL ${one}`, `PUBLISH ${two} dup`]);
    // Whatever is asked for later: what once was in a snapshot only stays in all that follow.
    next.checkpoint(false);
    const after = new Harness({}, { state: next.disk().state, records: [] });
    after.connect(limits5({ sessionPresent: true }));
    assert.deepEqual(after.sent(), [`PUBREL ${one}`, `PUBLISH ${two} dup`]);
  });
});
