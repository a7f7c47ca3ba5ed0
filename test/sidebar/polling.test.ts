import assert from 'node:assert/strict';
import { Poller, type PollerClock } from '../../plugins/mqtt-sessions/sidebar/poller';

/** A clock that stands until it is told to go on. */
class Clock implements PollerClock {
  #now = 0;
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((one, other) => one.at - other.at);
      if (next === undefined) break;
      this.#now = next.at;
      this.#timers = this.#timers.filter((other) => other !== next);
      next.callback();
      await new Promise(setImmediate);
    }
    this.#now = end;
  }
}

describe('polling of the sidebar', () => {
  it('asks once a second while it is shown, and not at all while hidden', async () => {
    const clock = new Clock();
    let isShown = true;
    let count = 0;
    const ask = async () => {
      count += 1;
    };
    const poller = new Poller(ask, () => isShown, clock);
    await clock.advance(5_000);
    assert.equal(count, 0, 'before it was shown');
    poller.wake();
    await clock.advance(10_000);
    assert.equal(count, 11);
    isShown = false;
    await clock.advance(60_000);
    assert.equal(count, 11);
    isShown = true;
    poller.wake();
    await clock.advance(0);
    assert.equal(count, 12, 'at once after a pause');
  });

  it('waits for the answer, however often it is woken', async () => {
    const clock = new Clock();
    const answers: (() => void)[] = [];
    const poller = new Poller(
      () => new Promise((resolve) => answers.push(resolve)),
      () => true,
      clock,
    );
    poller.wake();
    await clock.advance(3_000);
    for (let number = 0; number < 50; number++) poller.wake();
    await clock.advance(3_000);
    assert.equal(answers.length, 1);
    answers[0]?.();
    await new Promise(setImmediate);
    await clock.advance(0);
    assert.equal(answers.length, 2, 'what it was woken for is asked for then');
  });

  it('does not ask for each of many quick changes', async () => {
    const clock = new Clock();
    let count = 0;
    const poller = new Poller(
      async () => {
        count += 1;
      },
      () => true,
      clock,
    );
    for (let number = 0; number < 100; number++) {
      poller.wake();
      await clock.advance(9);
    }
    assert.equal(count, 1, 'in a second of scrolling');
    await clock.advance(1_000);
    assert.equal(count, 2, 'what was wanted is asked for as soon as a second has passed');
  });

  it('asks once a second at most also when it is hidden and shown again quickly', async () => {
    const clock = new Clock();
    let isShown = false;
    let count = 0;
    const ask = async () => {
      count += 1;
    };
    const poller = new Poller(ask, () => isShown, clock);
    for (let number = 0; number < 30; number++) {
      isShown = !isShown;
      poller.wake();
      await clock.advance(100);
    }
    assert.ok(count <= 3, `${count} updates in 3 seconds`);
  });
});
