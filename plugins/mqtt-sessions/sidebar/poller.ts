/** What the poller needs of a browser. */
export interface PollerClock {
  now(): number;
  after(ms: number, callback: () => void): () => void;
}

const INTERVAL_MS = 1_000;
/** Between requests that the user causes, by scrolling for example. */
const URGENT_MS = 150;

/**
 * Asks again and again while it is seen: once a second at most, the next time not before there was an answer, and not at
 * all while hidden.
 */
export class Poller {
  #startedAt = Number.NEGATIVE_INFINITY;
  #isRunning = false;
  #isUrgent = false;
  #cancel: (() => void) | undefined;

  constructor(
    private readonly ask: () => Promise<void>,
    private readonly isShown: () => boolean,
    private readonly clock: PollerClock = browserClock,
  ) {}

  /** It is seen again, or something else is to be asked: now, or after the answer that is awaited. */
  wake(): void {
    this.#isUrgent = true;
    this.#schedule();
  }

  #schedule(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#isRunning || !this.isShown()) return;
    const interval = this.#isUrgent ? URGENT_MS : INTERVAL_MS;
    const wait = Math.max(0, this.#startedAt + interval - this.clock.now());
    this.#cancel = this.clock.after(wait, () => this.#run());
  }

  #run(): void {
    if (!this.isShown()) return;
    this.#startedAt = this.clock.now();
    this.#isUrgent = false;
    this.#isRunning = true;
    void this.ask().finally(() => {
      this.#isRunning = false;
      this.#schedule();
    });
  }
}

const browserClock: PollerClock = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
