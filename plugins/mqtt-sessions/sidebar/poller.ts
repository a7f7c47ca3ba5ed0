/** What the poller needs of a browser. */
export interface PollerClock {
  now(): number;
  after(ms: number, callback: () => void): () => void;
}

const INTERVAL_MS = 1_000;

/**
 * Updates again and again while it is seen: once a second at most, whatever asks for it, the next time not before the
 * last one is done, and not at all while hidden. The only schedule of the sidebar: list, details and open sections are
 * parts of one update.
 */
export class Poller {
  #startedAt = Number.NEGATIVE_INFINITY;
  #isRunning = false;
  #cancel: (() => void) | undefined;

  constructor(
    private readonly update: () => Promise<void>,
    private readonly isShown: () => boolean,
    private readonly clock: PollerClock = browserClock,
  ) {}

  /** It is seen again, or something else is to be asked: as soon as a second has passed since the last update began. */
  wake(): void {
    this.#schedule();
  }

  #schedule(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#isRunning || !this.isShown()) return;
    const wait = Math.max(0, this.#startedAt + INTERVAL_MS - this.clock.now());
    this.#cancel = this.clock.after(wait, () => this.#run());
  }

  #run(): void {
    if (!this.isShown()) return;
    this.#startedAt = this.clock.now();
    this.#isRunning = true;
    void this.update().finally(() => {
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
