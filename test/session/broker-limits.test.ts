import * as assert from 'node:assert/strict';
import { publishPacketSize } from '../../src/session/outbound-message';
import { Harness, limits, limits5, message, puback, pubrec } from './harness';

describe('session: limits of the broker', () => {
  it('sends at the Maximum QoS, and reports it (MQTT-3.2.2-11 (5.0))', () => {
    const harness = new Harness();
    const one = harness.publish(2);
    harness.publish(2, 'y');
    harness.connect(limits5({ maximumQoS: 1 }));
    const [packet] = harness.takePackets();
    assert.ok(packet?.cmd === 'publish' && packet.qos === 1 && packet.messageId === one);
    assert.deepEqual(harness.of('report')[0]?.report, { kind: 'quality-lowered', sequence: one, from: 2, to: 1 });
    harness.receive(puback(one));
    assert.equal(harness.session.stored.count, 1);
  });

  it('sends at QoS 0 where nothing more is taken', () => {
    const harness = new Harness();
    harness.publish(1);
    harness.connect(limits5({ maximumQoS: 0 }));
    assert.deepEqual(harness.sent(), ['PUBLISH -']);
    assert.equal(harness.session.stored.count, 0);
  });

  it('gives up RETAIN where it is not available, re-checked at every connect (MQTT-3.2.2-14 (5.0))', () => {
    const harness = new Harness();
    harness.publish(1, 'r', { retain: true });
    harness.publish(1, 'n');
    harness.connect(limits5({ retainAvailable: false }));
    assert.deepEqual(
      harness.of('discarded').map(({ reason }) => reason),
      ['retain-unavailable'],
    );
    assert.equal(harness.sent().length, 1);
  });

  it('gives up what exceeds the Maximum Packet Size, to the byte (MQTT-3.2.2-15 (5.0))', () => {
    const fits = message(1, 'x'.repeat(100));
    const size = publishPacketSize(fits);
    // Fixed header 2, topic 3, identifier 2, property length 1.
    assert.equal(size, 108);
    const harness = new Harness();
    harness.publish(1, 'x'.repeat(100));
    harness.publish(1, 'x'.repeat(101));
    harness.connect(limits5({ maximumPacketSize: size }));
    assert.equal(harness.sent().length, 1);
    assert.deepEqual(
      harness.of('discarded').map(({ reason, message }) => [reason, message.payload.length]),
      [['packet-too-large', 101]],
    );
  });

  it('discards only what is durable: an undurable message waits', () => {
    const harness = new Harness();
    harness.connect(limits5({ maximumPacketSize: 20 }));
    harness.autoDurable = false;
    harness.publish(1, 'x'.repeat(100));
    assert.deepEqual(harness.of('discarded'), []);
    harness.sync();
    assert.equal(harness.of('discarded').length, 1);
  });

  it('expires in the queue, counted from enqueue, in both versions; sends what remains (3.3.2.3.3 (5.0))', () => {
    const harness = new Harness();
    harness.publish(1, 'short', { properties: { messageExpiryInterval: 5 } });
    harness.publish(1, 'long', { properties: { messageExpiryInterval: 60 } });
    harness.now += 10_500;
    harness.connect(limits5());
    assert.deepEqual(
      harness.of('discarded').map(({ reason, message }) => [reason, message.payload.toString()]),
      [['expired', 'short']],
    );
    const [packet] = harness.takePackets();
    assert.equal(packet?.cmd === 'publish' && packet.properties?.messageExpiryInterval, 50);
  });

  it('expires in the queue of a 3.1.1 session as well, where the broker is told nothing of it', () => {
    const harness = new Harness();
    harness.publish(1, 'short', { properties: { messageExpiryInterval: 5 } });
    harness.publish(1, 'long', { properties: { messageExpiryInterval: 60 } });
    harness.now += 5_000;
    harness.connect(limits());
    assert.deepEqual(
      harness.of('discarded').map(({ reason, message }) => [reason, message.payload.toString()]),
      [['expired', 'short']],
    );
    const packets = harness.takePackets();
    assert.deepEqual(
      packets.map((packet) => packet.cmd === 'publish' && packet.properties),
      [undefined],
    );
  });

  it('does not expire what was sent (MQTT-4.3.3-7, MQTT-4.3.3-13 (5.0))', () => {
    const harness = new Harness();
    harness.connect(limits5());
    const [one, two] = [1, 2].map(() => harness.publish(2, 'x', { properties: { messageExpiryInterval: 5 } }));
    harness.receive(pubrec(one!));
    harness.disconnect();
    harness.takePackets();
    harness.now += 60_000;
    const next = harness.restart();
    next.connect(limits5({ sessionPresent: true }));
    const packets = next.takePackets();
    assert.deepEqual(
      packets.map(({ cmd, messageId }) => [cmd, messageId]),
      [
        ['pubrel', one],
        ['publish', two],
      ],
    );
    assert.equal(packets[1]?.cmd === 'publish' && packets[1].properties?.messageExpiryInterval, 1);
  });

  it('does not compute ages from a clock that was not set', () => {
    const harness = new Harness();
    harness.now = 5_000;
    harness.publish(1, 'x', { properties: { messageExpiryInterval: 5 } });
    harness.now = Date.UTC(2026, 0, 1);
    harness.connect(limits5());
    assert.equal(harness.sent().length, 1);
  });
});
