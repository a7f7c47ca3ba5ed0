import * as assert from 'node:assert/strict';
import { MarkReach } from '../../src/session/mark-reach';
import { Harness, limits5, puback, published } from './harness';

describe('session: PUBLISH waits for durability', () => {
  it('sends QoS 1 and 2 only after the message and a mark that covers it are durable (crash reading of MQTT-4.3.2-1, MQTT-4.3.3-1 (3.1.1))', () => {
    const harness = new Harness();
    harness.connect();
    harness.autoDurable = false;
    const one = harness.publish(1);
    const two = harness.publish(2);
    assert.deepEqual(harness.sent(), []);
    assert.deepEqual(harness.kinds().slice(-3), ['Enqueued', 'Mark', 'Enqueued']);
    harness.sync();
    assert.deepEqual(harness.sent(), [`PUBLISH ${one}`, `PUBLISH ${two}`]);
  });

  it('does not send when the message is durable but its mark is not', () => {
    const harness = new Harness();
    const sequence = harness.publish(1);
    harness.autoDurable = false;
    harness.connect();
    assert.equal(harness.kinds().at(-1), 'Mark');
    assert.deepEqual(harness.sent(), []);
    harness.sync();
    assert.deepEqual(harness.sent(), [`PUBLISH ${sequence}`]);
  });

  it('covers a window ahead by one mark, so that a message that follows waits for its own record only', () => {
    const harness = new Harness();
    harness.connect();
    for (let count = 0; count < 10; count++) harness.publish(1);
    assert.equal(harness.kinds().filter((kind) => kind === 'Mark').length, 1);
  });

  it('sends QoS 0 from the queue only after its removal is durable (MQTT-4.3.1-1 (3.1.1))', () => {
    const harness = new Harness();
    harness.publish(0);
    harness.autoDurable = false;
    harness.connect();
    assert.equal(harness.kinds().at(-1), 'Completed');
    assert.deepEqual(harness.sent(), []);
    harness.sync();
    assert.deepEqual(harness.sent(), ['PUBLISH -']);
  });

  it('and the mark runs ahead of small messages in the largest window, too, by a megabyte', () => {
    const harness = new Harness({ maxInflight: 65_535 });
    harness.connect(limits5());
    for (let count = 0; count < 500; count++) harness.receive(puback(harness.publish(1, 'x'.repeat(200))));
    assert.equal(harness.kinds().filter((kind) => kind === 'Mark').length, 1);
    const { mark } = harness.session.snapshot(false);
    assert.ok(mark >= 1_000 && mark <= 6_000, `the mark is at ${mark}`);
  });

  it('and twice as far each time that sending waited for it, so that a disk of slow syncs lets a backlog out in few', () => {
    const harness = new Harness();
    for (let count = 0; count < 10_000; count++) harness.publish(1, 'x'.repeat(200));
    harness.autoDurable = false;
    harness.connect(limits5());
    let syncs = 0;
    let sent = 0;
    for (; sent < 10_000; syncs++) {
      // The broker answers all that goes out long before the sync is over.
      for (let packets = harness.takePackets(); packets.length > 0; packets = harness.takePackets()) {
        sent += packets.length;
        harness.receive(...published(packets).map((identifier) => puback(identifier)));
      }
      harness.sync();
    }
    assert.ok(syncs < 30, `${syncs} syncs`);
    const { mark } = harness.session.snapshot(false);
    assert.ok(mark <= 10_000 + 32_768, `the mark is at ${mark}`);
  });

  it('and less far again when nothing waits for it', () => {
    const reach = new MarkReach();
    assert.equal(reach.of(100, 200), 164);
    for (let marks = 0; marks < 20; marks++) {
      reach.moved();
      reach.waitedFor();
      reach.waitedFor();
    }
    assert.equal(reach.of(100, 200), 32_768, 'half of the packet identifiers');
    assert.equal(reach.of(100, 8_192), 1_024, 'eight megabytes');
    for (let marks = 0; marks < 16 * 10; marks++) reach.moved();
    assert.equal(reach.of(100, 200), 164);
  });
});
