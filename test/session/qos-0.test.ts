import * as assert from 'node:assert/strict';
import { Harness, limits, limits5, message, short } from './harness';

describe('session: QoS 0 out', () => {
  it('is sent at once while connected, past the queue, with DUP 0 and no identifier (MQTT-4.3.1-1, MQTT-2.3.1-5 (3.1.1))', () => {
    const harness = new Harness();
    harness.connect();
    const records = harness.records.length;
    assert.equal(harness.session.publish(message(0), undefined, false, harness.now).kind, 'sent');
    harness.run();
    const [packet] = harness.takePackets();
    assert.deepEqual([short(packet!), packet?.cmd === 'publish' && packet.messageId], ['PUBLISH -', undefined]);
    assert.equal(harness.records.length, records);
  });

  it('is queued while not connected, and sent once', () => {
    const harness = new Harness();
    harness.publish(0);
    harness.connect();
    assert.deepEqual(harness.sent(), ['PUBLISH -']);
    harness.disconnect();
    harness.connect(limits({ sessionPresent: true }));
    assert.deepEqual(harness.sent(), []);
    assert.equal(harness.session.stored.count, 0);
  });

  it('is sent at most once over a crash at every record boundary', () => {
    const whole = new Harness();
    whole.publish(0);
    whole.publish(0);
    whole.connect();
    for (let count = 0; count <= whole.records.length; count++) {
      const next = whole.restart({}, whole.disk(count));
      next.connect(limits({ sessionPresent: true }));
      const removed = whole.kinds().slice(0, count).includes('Completed');
      if (removed) assert.deepEqual(next.sent(), []);
      else assert.ok(next.sent().every((packet) => packet === 'PUBLISH -'));
      assert.equal(next.session.stored.count, 0);
    }
  });

  it('that was removed and not sent when the connection ended is sent once on the next, at QoS 0 whatever that takes', () => {
    const harness = new Harness();
    harness.publish(2);
    harness.autoDurable = false;
    harness.connect(limits5({ maximumQoS: 0 }));
    harness.disconnect();
    harness.sync();
    harness.autoDurable = true;
    harness.connect(limits5({ sessionPresent: true }));
    assert.deepEqual(harness.sent(), ['PUBLISH -']);
    assert.deepEqual(harness.session.stored, { count: 0, bytes: 0 });
    harness.disconnect();
    harness.connect(limits5({ sessionPresent: true }));
    assert.deepEqual(harness.sent(), []);
  });

  it('waits in the queue while the stream is congested', () => {
    const harness = new Harness();
    harness.connect();
    harness.session.congestion(true);
    harness.publish(0);
    assert.deepEqual(harness.sent(), []);
    harness.session.congestion(false);
    harness.run();
    assert.deepEqual(harness.sent(), ['PUBLISH -']);
  });
});
