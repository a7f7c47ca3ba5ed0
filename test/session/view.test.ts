import * as assert from 'node:assert/strict';
import { Harness, pubrec } from './harness';

describe('session: a view of it, for a copy', () => {
  it('has what is durable, with the messages that left the queue, and changes nothing', () => {
    const harness = new Harness({ maxInflight: 2 });
    harness.connect();
    const [first, second] = [harness.publish(2, 'first'), harness.publish(1, 'second')];
    const queued = harness.publish(1, 'queued');
    harness.receive(pubrec(first));
    harness.autoDurable = false;
    harness.publish(1, 'not durable');
    const before = harness.session.snapshot(false);
    const view = harness.session.view();
    assert.deepEqual(
      view.open.map(({ sequence, phase, message }) => [sequence, phase, message?.payload.toString()]),
      [
        [first, 'released', 'first'],
        [second, 'published', 'second'],
      ],
    );
    assert.ok(view.queueAfter < queued && queued <= view.sequence && view.sequence < before.sequence);
    assert.deepEqual(harness.session.snapshot(false), before);
    assert.ok(
      before.open.every(({ message }) => message === undefined),
      'the next snapshot does not carry them',
    );
  });
});
