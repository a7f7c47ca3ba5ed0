/**
 * Lets a few syncs run at a time. A slow disk holds a thread of Node's pool for the length of a sync; four of them
 * at once would stop every other file access of the process.
 */
export class SyncLimiter {
  readonly #limit: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Runs `sync` when it is its turn (first come, first served) and settles as it does. */
  async run(sync: () => Promise<void>): Promise<void> {
    if (this.#running < this.#limit) this.#running++;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      await sync();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running--;
    }
  }
}

/** Shared by all sessions of the process. */
export const processSyncLimiter = new SyncLimiter(2);
