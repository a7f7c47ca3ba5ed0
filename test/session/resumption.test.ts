import * as assert from 'node:assert/strict';
import { Harness, limits, limits5, payloads, puback, pubcomp, published, pubrec, short } from './harness';

describe('session: reconnect with Session Present 1', () => {
  it('sends PUBRELs in PUBREC order, then PUBLISH with DUP in original order, then new ones (MQTT-4.4.0-1, MQTT-4.6.0-1, -4 (3.1.1))', () => {
    const harness = new Harness();
    harness.connect();
    const [a, b, c, d] = [harness.publish(2), harness.publish(1), harness.publish(2), harness.publish(1)];
    harness.receive(pubrec(c), pubrec(a));
    harness.disconnect();
    const fresh = harness.publish(1);
    harness.takePackets();
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(harness.sent(), [
      `PUBREL ${c}`,
      `PUBREL ${a}`,
      `PUBLISH ${b} dup`,
      `PUBLISH ${d} dup`,
      `PUBLISH ${fresh}`,
    ]);
  });

  it('holds PUBLISH back until a PUBREC of the last connection is durable and its PUBREL sent', () => {
    const harness = new Harness();
    harness.connect();
    const [one, two] = [harness.publish(2), harness.publish(1)];
    harness.takePackets();
    harness.autoDurable = false;
    harness.receive(pubrec(one));
    harness.disconnect();
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(harness.sent(), []);
    harness.sync();
    assert.deepEqual(harness.sent(), [`PUBREL ${one}`, `PUBLISH ${two} dup`]);
  });

  it('never re-sends on a live connection (MQTT-4.4.0-1 (5.0))', () => {
    const harness = new Harness();
    harness.connect(limits5());
    harness.publish(1);
    harness.takePackets();
    for (let second = 0; second < 25; second++) harness.tick(1000);
    assert.deepEqual(harness.sent(), []);
  });

  it('sends a message that was never sent with DUP 0, also after a reconnect (MQTT-3.3.1-1 (3.1.1))', () => {
    const harness = new Harness();
    harness.connect();
    harness.autoDurable = false;
    const one = harness.publish(1);
    harness.disconnect();
    harness.sync();
    harness.autoDurable = true;
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(harness.sent(), [`PUBLISH ${one}`]);
  });

  it('keeps order when a connection ends in the middle of re-sending', () => {
    const harness = new Harness();
    for (let count = 0; count < 6; count++) harness.publish(1);
    harness.connect(limits5({ receiveMaximum: 4 }));
    const first = published(harness.takePackets());
    for (let round = 0; round < 3; round++) {
      harness.disconnect();
      harness.connect(limits5({ receiveMaximum: 2, sessionPresent: true }));
      assert.deepEqual(
        harness.takePackets().map(short),
        first.slice(0, 2).map((identifier) => `PUBLISH ${identifier} dup`),
      );
    }
    harness.receive(puback(first[0]!));
    assert.deepEqual(harness.sent(), [`PUBLISH ${first[2]} dup`]);
  });

  it('keeps order when QoS 0 between QoS 1 waited for the disk', () => {
    const harness = new Harness();
    for (const qos of [1, 0, 1] as const) harness.publish(qos, `q${qos} ${harness.records.length}`);
    harness.autoDurable = false;
    harness.connect(limits({ sessionPresent: true }));
    harness.disconnect();
    harness.sync();
    harness.autoDurable = true;
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(payloads(harness.takePackets()), ['q1 0', 'q0 1', 'q1 2']);
  });

  it('ignores an acknowledgement of a message that was not sent again yet', () => {
    const harness = new Harness();
    harness.publish(1);
    harness.publish(1);
    harness.connect(limits5({ receiveMaximum: 2 }));
    const [, second] = published(harness.takePackets());
    harness.disconnect();
    harness.connect(limits5({ receiveMaximum: 1, sessionPresent: true }));
    harness.receive(puback(second!));
    assert.equal(harness.session.stored.count, 2);
  });

  it('treats a 3.1 broker, which has no such bit, as if the session were present', () => {
    const harness = new Harness();
    harness.connect(limits({ protocolVersion: 3, sessionPresent: undefined }));
    const one = harness.publish(2);
    assert.deepEqual(harness.sent(), [`PUBREL ${one}`]);
    harness.receive(pubcomp(one));
    assert.deepEqual(harness.sent(), [`PUBLISH ${one}`]);
    harness.disconnect();
    harness.connect(limits({ protocolVersion: 3, sessionPresent: undefined }));
    assert.deepEqual(harness.sent(), [`PUBLISH ${one} dup`]);
    harness.receive(pubrec(one));
    harness.receive(pubcomp(one));
    assert.equal(harness.session.stored.count, 0);
  });
});
