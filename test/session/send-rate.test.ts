import * as assert from 'node:assert/strict';
import { Harness, limits5, puback, pubcomp, published, pubrec } from './harness';

const present = limits5({ sessionPresent: true });

/** Lets time pass in small steps; how many messages were sent in it. */
function sentWithin(harness: Harness, ms: number): number {
  let count = 0;
  for (let passed = 0; passed < ms; passed += 10) {
    harness.now += 10;
    harness.run();
    const sent = published(harness.takePackets());
    count += sent.length;
    harness.receive(...sent.map((identifier) => puback(identifier)));
  }
  return count;
}

describe('session: a limited send rate', () => {
  it('is kept over seconds and, but for a tenth of a second, at any time', () => {
    const harness = new Harness({ maxSendRate: 50 });
    for (let count = 0; count < 500; count++) harness.publish(1);
    harness.connect(limits5());
    const first = published(harness.takePackets());
    assert.equal(first.length, 5);
    harness.receive(...first.map((identifier) => puback(identifier)));
    const perSecond = [1, 2, 3, 4].map(() => sentWithin(harness, 1_000));
    for (const count of perSecond) assert.ok(count >= 49 && count <= 51, String(perSecond));
  });

  it('below one a second lets one message through, and the next when it is due', () => {
    const harness = new Harness({ maxSendRate: 0.5 });
    for (let count = 0; count < 3; count++) harness.publish(1);
    harness.connect(limits5());
    assert.equal(published(harness.takePackets()).length, 1);
    assert.equal(harness.session.waitMs, 2_000);
    assert.equal(sentWithin(harness, 1_990), 0);
    assert.equal(sentWithin(harness, 10), 1);
  });

  it('does not hold back what is sent again, PUBREL, or acknowledgements', () => {
    const harness = new Harness({ maxSendRate: 1 });
    harness.connect(limits5());
    const first = harness.publish(2);
    harness.now += 1_000;
    const second = harness.publish(2);
    assert.deepEqual(harness.sent(), [`PUBLISH ${first}`, `PUBLISH ${second}`]);
    harness.receive(pubrec(first));
    assert.deepEqual(harness.sent(), [`PUBREL ${first}`]);
    harness.publish(1);
    assert.deepEqual(harness.sent(), [], 'a new message waits');
    harness.disconnect();
    harness.connect(present);
    assert.deepEqual(harness.sent(), [`PUBREL ${first}`, `PUBLISH ${second} dup`]);
    harness.receive(pubcomp(first));
    assert.equal(harness.session.stored.count, 2);
  });

  it('asks for time only while it alone holds something back', () => {
    const harness = new Harness({ maxSendRate: 10 });
    assert.equal(harness.session.waitMs, undefined);
    for (let count = 0; count < 3; count++) harness.publish(1);
    assert.equal(harness.session.waitMs, undefined, 'not connected');
    harness.connect(limits5());
    assert.equal(harness.session.waitMs, 100);
    harness.session.pause(true);
    harness.run();
    assert.equal(harness.session.waitMs, undefined, 'paused');
    harness.session.pause(false);
    harness.run();
    assert.equal(harness.session.waitMs, 100);
    harness.now += 1_000;
    harness.run();
    harness.now += 1_000;
    harness.run();
    assert.equal(harness.session.waitMs, undefined, 'all sent');
  });

  it('does not save up for later', () => {
    const harness = new Harness({ maxSendRate: 100 });
    harness.connect(limits5());
    harness.now += 60_000;
    for (let count = 0; count < 50; count++) harness.publish(1);
    assert.equal(published(harness.takePackets()).length, 10);
  });
});
