import * as assert from 'node:assert/strict';
import { Harness, limits5, message, puback } from './harness';

function quality(harness: Harness): string[] {
  return harness
    .takePackets()
    .flatMap((packet) => (packet.cmd === 'publish' ? [`${packet.payload} q${packet.qos}`] : []));
}

describe('session: the send window', () => {
  it('counts a birth message (MQTT-3.3.4-7 (5.0))', () => {
    const harness = new Harness();
    harness.publish(1, 'queued');
    harness.session.connected({ address: 'broker:1883', limits: limits5({ receiveMaximum: 1 }) }, 0);
    harness.session.publishDirectly('birth', message(1, 'online'));
    harness.run();
    const [birth, ...others] = harness.takePackets();
    assert.equal(birth?.cmd, 'publish');
    assert.deepEqual(others, []);
    harness.receive(puback(birth?.messageId as number));
    assert.deepEqual(quality(harness), ['queued q1']);
  });

  it('leaves a close message QoS 0 when it is full', () => {
    const harness = new Harness();
    harness.connect(limits5({ receiveMaximum: 1 }));
    harness.publish(1, 'open');
    harness.session.publishDirectly('close', message(1, 'offline'));
    harness.run();
    assert.deepEqual(quality(harness), ['open q1', 'offline q0']);
  });
});

describe('session: a message sent at a lowered QoS', () => {
  it('keeps it when it is sent again to a broker that takes more', () => {
    const harness = new Harness();
    harness.connect(limits5({ maximumQoS: 1 }));
    harness.publish(2, 'lowered');
    assert.deepEqual(quality(harness), ['lowered q1']);
    harness.disconnect();
    harness.connect(limits5({ sessionPresent: true }));
    assert.deepEqual(quality(harness), ['lowered q1']);
  });
});

describe('session: after a crash', () => {
  it('large messages that were never sent are not in memory before the first connection', () => {
    const harness = new Harness({ maxInflight: 100 });
    for (let index = 0; index < 50; index++) harness.publish(1, 'x'.repeat(100_000));
    harness.connect();
    const again = harness.restart({ maxInflight: 100 });
    assert.ok(again.session.inflight <= 12, `${again.session.inflight} count as sent`);
  });

  it('only what was about to be sent is discarded with the session of the broker', () => {
    const harness = new Harness({ onSessionLost: 'discard' });
    for (let index = 0; index < 50; index++) harness.publish(2, String(index));
    harness.connect(limits5({ receiveMaximum: 1 }));
    const again = harness.restart({ onSessionLost: 'discard' });
    again.connect(limits5({ sessionPresent: false }));
    assert.equal(again.session.stored.count, 49);
  });
});
