import assert from 'node:assert/strict';
import type { Node } from 'node-red';
import * as sinon from 'sinon';
import type { SessionStatus } from '../../nodes/shared/status';
import { StatusReporter } from '../../nodes/shared/status-reporter';

describe('the status of a node', () => {
  let clock: sinon.SinonFakeTimers;
  let reporter: StatusReporter;
  let current: SessionStatus;
  let shown: { at: number; text: string; queued: number }[];
  const statusWith = (text: string, queued = 0): SessionStatus => ({
    fill: 'green',
    shape: 'dot',
    text,
    state: 'connected',
    queued,
  });

  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    shown = [];
    current = statusWith('start');
    const status = ({ text, queued }: SessionStatus) => shown.push({ at: clock.now, text, queued });
    const node = { status } as unknown as Node;
    reporter = new StatusReporter(
      () => current,
      () => [node],
    );
  });
  afterEach(() => {
    reporter.close();
    clock.restore();
  });

  it('changes at most twice a second, however often the session does, and ends with the last state', async () => {
    for (let change = 0; change < 1_000; change++) {
      current = statusWith(`state ${change}`);
      reporter.touch();
      await clock.tickAsync(5);
    }
    await clock.tickAsync(1_000);
    for (const [index, { at }] of shown.entries()) {
      const next = shown[index + 2];
      assert.ok(next === undefined || next.at - at >= 1_000, `three changes between ${at} and ${next?.at} ms`);
    }
    assert.ok(shown.length >= 10, `${shown.length} changes in five seconds`);
    assert.equal(shown.at(-1)?.text, 'state 999');
  });

  it('shows the first change at once', () => {
    reporter.touch();
    assert.deepEqual(shown, [{ at: 0, text: 'start', queued: 0 }]);
  });

  it('is not sent again while it stays the same, also when there is something to count', async () => {
    current = statusWith('connected', 7);
    for (let round = 0; round < 20; round++) {
      reporter.touch();
      await clock.tickAsync(700);
      current = statusWith('connected', 7 + round);
    }
    assert.equal(shown.length, 1);
  });

  it('is sent once more when nothing waits any more, if it had said that something does', async () => {
    for (const queued of [3, 2, 0, 1, 0]) {
      current = statusWith('connected', queued);
      reporter.touch();
      await clock.tickAsync(700);
    }
    assert.deepEqual(
      shown.map(({ queued }) => queued),
      [3, 0],
    );
  });

  it('is not shown any more after the broker node was closed', async () => {
    reporter.touch();
    current = statusWith('later');
    reporter.touch();
    reporter.close();
    await clock.tickAsync(2_000);
    assert.deepEqual(
      shown.map(({ text }) => text),
      ['start'],
    );
  });
});
