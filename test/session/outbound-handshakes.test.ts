import * as assert from 'node:assert/strict';
import { Harness, limits5, puback, pubcomp, pubrec } from './harness';

describe('session: outbound handshakes', () => {
  it('completes QoS 1 at PUBACK, in whatever order they come', () => {
    const harness = new Harness();
    harness.connect();
    const [one, two, three] = [harness.publish(1), harness.publish(1, 'y', {}, true), harness.publish(1)];
    harness.receive(puback(two), puback(three), puback(one));
    assert.equal(harness.session.stored.count, 0);
    assert.equal(harness.session.inflight, 0);
    assert.deepEqual(harness.of('acknowledged'), [{ type: 'acknowledged', sequence: two, reasonCode: 0 }]);
  });

  it('sends PUBREL after the record of PUBREC is durable, in the order of the PUBRECs (MQTT-4.3.3-1, MQTT-4.6.0-4 (3.1.1))', () => {
    const harness = new Harness();
    harness.connect();
    const [one, two] = [harness.publish(2), harness.publish(2)];
    harness.takePackets();
    harness.autoDurable = false;
    harness.receive(pubrec(two), pubrec(one));
    assert.deepEqual(harness.sent(), []);
    harness.sync();
    assert.deepEqual(harness.sent(), [`PUBREL ${two}`, `PUBREL ${one}`]);
    harness.receive(pubcomp(one), pubcomp(two));
    assert.equal(harness.session.stored.count, 0);
  });

  it('gathers acknowledgements of a run into one record', () => {
    const harness = new Harness();
    harness.connect();
    const run = [harness.publish(1), harness.publish(1), harness.publish(1)];
    const before = harness.records.length;
    harness.receive(...run.map((identifier) => puback(identifier)));
    assert.deepEqual(harness.kinds().slice(before), ['Completed']);
  });

  it('answers a repeated PUBREC by PUBREL and never by PUBLISH (MQTT-4.3.3-6 (5.0))', () => {
    const harness = new Harness();
    harness.connect(limits5());
    const one = harness.publish(2);
    harness.takePackets();
    harness.receive(pubrec(one), pubrec(one));
    assert.deepEqual(harness.sent(), [`PUBREL ${one}`]);
    harness.receive(pubrec(one));
    assert.deepEqual(harness.sent(), [`PUBREL ${one}`]);
  });

  it('ends an unknown QoS 2 handshake with PUBREL, in MQTT 5 with 0x92', () => {
    const harness = new Harness();
    harness.connect(limits5());
    harness.receive(pubrec(77));
    assert.deepEqual(harness.takePackets(), [{ cmd: 'pubrel', messageId: 77, reasonCode: 0x92 }]);
    assert.equal(harness.of('report').length, 1);
  });

  it('sends no PUBREL for a message that it is about to send again', () => {
    const harness = new Harness({ maxInflight: 1 });
    harness.connect();
    const first = harness.publish(2);
    const second = harness.publish(2);
    harness.disconnect();
    harness.takePackets();
    const next = harness.restart({ maxInflight: 1 });
    next.connect(limits5({ sessionPresent: true }));
    assert.deepEqual(next.sent(), [`PUBLISH ${first} dup`]);
    next.receive(pubrec(second));
    assert.ok(!next.sent().includes(`PUBREL ${second}`));
  });

  it('treats PUBCOMP 0x92 as completed, and PUBACK of a QoS 2 message as nothing', () => {
    const harness = new Harness();
    harness.connect(limits5());
    const one = harness.publish(2);
    harness.receive(puback(one));
    assert.equal(harness.session.inflight, 1);
    harness.receive(pubrec(one));
    harness.receive({ cmd: 'pubcomp', messageId: one, reasonCode: 0x92 });
    assert.equal(harness.session.stored.count, 0);
    assert.deepEqual(harness.of('discarded'), []);
  });

  it('never sends again what the broker refused (MQTT-4.4.0-2 (5.0))', () => {
    const harness = new Harness();
    harness.connect(limits5());
    const [one, two] = [harness.publish(1), harness.publish(2)];
    harness.receive(puback(one, 0x87), pubrec(two, 0x99));
    assert.deepEqual(
      harness.of('discarded').map(({ message, reason, reasonCode }) => [message.sequence, reason, reasonCode]),
      [
        [one, 'refused', 0x87],
        [two, 'refused', 0x99],
      ],
    );
    harness.disconnect();
    harness.takePackets();
    harness.connect(limits5({ sessionPresent: true }));
    assert.deepEqual(harness.sent(), []);
    assert.equal(harness.session.stored.count, 0);
  });
});
