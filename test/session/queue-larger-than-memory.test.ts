import * as assert from 'node:assert/strict';
import { Harness, limits5, payloads, puback, published } from './harness';

const large = (index: number) => `${String(index).padStart(4, '0')}${'x'.repeat(50_000)}`;

/** Everything that leaves, acknowledged at once. */
function drain(harness: Harness): number[] {
  const order: number[] = [];
  for (let packets = harness.takePackets(); packets.length > 0; packets = harness.takePackets()) {
    order.push(...payloads(packets).map((payload) => Number(payload.slice(0, 4))));
    harness.receive(...published(packets).map((identifier) => puback(identifier)));
  }
  return order;
}

const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('session: a queue larger than memory', () => {
  it('keeps a bounded front in memory and loads the rest in order', () => {
    const harness = new Harness();
    for (let index = 0; index < 100; index++) harness.publish(1, large(index));
    harness.connect(limits5());
    assert.deepEqual(drain(harness), upTo(100));
    assert.equal(harness.session.stored.count, 0);
    assert.ok(harness.of('load').length > 5);
  });

  it('after a restart reads what it needs only', () => {
    const harness = new Harness();
    for (let index = 0; index < 100; index++) harness.publish(1, large(index));
    const next = harness.restart();
    next.autoLoad = false;
    next.connect(limits5());
    assert.ok(next.loads.length <= 1);
    next.autoLoad = true;
    if (next.loads.length > 0) next.answerLoad();
    assert.deepEqual(drain(next), upTo(100));
  });

  it('takes messages enqueued while a read is under way behind those of the read', () => {
    const harness = new Harness();
    for (let index = 0; index < 60; index++) harness.publish(1, large(index));
    const next = harness.restart();
    next.autoLoad = false;
    next.connect(limits5());
    const loads = next.loads.length;
    for (let index = 60; index < 80; index++) next.publish(1, large(index));
    assert.equal(next.loads.length, Math.max(loads, 1));
    next.autoLoad = true;
    next.answerLoad();
    assert.deepEqual(drain(next), upTo(80));
  });

  it('loses nothing when messages become durable while a read that did not find them is under way', () => {
    const harness = new Harness();
    harness.connect(limits5({ receiveMaximum: 1 }));
    harness.autoDurable = false;
    harness.autoLoad = false;
    for (let index = 0; index < 60; index++) harness.publish(1, large(index));
    harness.sync();
    const order: number[] = [];
    for (let turn = 0; turn < 200 && order.length < 60; turn++) {
      const packets = harness.takePackets();
      order.push(...payloads(packets).map((payload) => Number(payload.slice(0, 4))));
      harness.receive(...published(packets).map((identifier) => puback(identifier)));
      harness.sync();
      if (harness.loads.length > 0) harness.answerLoad(turn % 2 === 0 ? [] : undefined);
    }
    assert.deepEqual(order, upTo(60));
  });

  it('asks again when a read failed, at its next input', () => {
    const harness = new Harness();
    for (let index = 0; index < 60; index++) harness.publish(1, large(index));
    const next = harness.restart();
    next.autoLoad = false;
    next.connect(limits5());
    next.loads.shift();
    next.session.loadFailed();
    next.autoLoad = true;
    next.run();
    assert.deepEqual(drain(next), upTo(60));
  });

  it('corrects its counts when the journal can prove no more messages', () => {
    const harness = new Harness();
    for (let index = 0; index < 60; index++) harness.publish(1, large(index));
    harness.checkpoint(false);
    const { state, records } = harness.disk();
    const next = new Harness({}, { state, records: records.slice(0, 30) });
    next.connect(limits5());
    assert.deepEqual(drain(next), upTo(30));
    assert.deepEqual(next.session.stored, { count: 0, bytes: 0 });
  });

  it('with the tail on disk rejects what failed and delivers the rest in order', () => {
    const harness = new Harness();
    for (let index = 0; index < 40; index++) harness.publish(1, large(index));
    harness.autoDurable = false;
    for (let index = 40; index < 60; index++) harness.publish(1, large(index));
    harness.fail();
    assert.equal(harness.of('rejected').length, 20);
    harness.autoDurable = true;
    for (let index = 40; index < 50; index++) harness.publish(1, large(index));
    harness.connect(limits5());
    assert.deepEqual(drain(harness), upTo(50));
    assert.equal(harness.session.stored.count, 0);
  });
});
