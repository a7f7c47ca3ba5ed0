import type { Scheduler } from '../scheduler';

/** Larger writes go the usual way: there the trip through Node's thread pool no longer matters. */
const BYTES_MAX = 64 * 1024;
/**
 * After so many writes one goes the usual way: who appends whenever something is reported would otherwise never let go of
 * this thread, and neither sockets nor timers would have their turn.
 */
const IN_A_ROW_MAX = 64;
/** What copying `BYTES_MAX` into the page cache never takes. */
const SLOW_MS = 5;
/** For how many times as long the calling thread is spared: so slow writes take one percent of its time at most. */
const SPARED_TIMES = 100;

/**
 * Whether the next write may be made on the calling thread. Where a record counts as soon as it is in the page cache, the
 * way there through a thread of Node's pool takes ten times as long as the copy itself. The kernel stops a writer when too
 * much waits for a slow disk; after each such stop the writes leave this thread for a hundred times as long.
 */
export class ImmediateWrites {
  readonly #scheduler: Pick<Scheduler, 'now'>;
  #sparedUntil = 0;
  #inARow = 0;

  constructor(scheduler: Pick<Scheduler, 'now'>) {
    this.#scheduler = scheduler;
  }

  /** To be asked once for each write, which is not made on this thread when the answer is no. */
  allows(bytes: number): boolean {
    const allowed = bytes <= BYTES_MAX && this.#inARow < IN_A_ROW_MAX && this.#scheduler.now() >= this.#sparedUntil;
    if (!allowed) this.#inARow = 0;
    return allowed;
  }

  /** Runs a write, and takes notice of how long it took. */
  run(write: () => number): number {
    this.#inARow += 1;
    const begin = this.#scheduler.now();
    const count = write();
    const end = this.#scheduler.now();
    if (end - begin > SLOW_MS) this.#sparedUntil = end + SPARED_TIMES * (end - begin);
    return count;
  }
}
