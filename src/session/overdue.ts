/** Without any acknowledgement for this long while messages are open, the connection is closed. */
const OVERDUE_MS = 30_000;
const OVERDUE_MAX_MS = 600_000;

/** Decides when a connection on which nothing is acknowledged is to be closed. */
export class OverdueWatch {
  #limitMs = OVERDUE_MS;
  /** The end of the present connection has been asked for. */
  #isClosing = false;

  connected(): void {
    this.#isClosing = false;
  }

  /**
   * `forMs`: how long nothing has been acknowledged although something is open.
   * @returns whether the connection is to be closed, once for each. The next one gets twice the time.
   */
  isDue(forMs: number): boolean {
    if (this.#isClosing || forMs < this.#limitMs) return false;
    this.#isClosing = true;
    this.#limitMs = Math.min(this.#limitMs * 2, OVERDUE_MAX_MS);
    return true;
  }

  /** A slow link that does deliver must not be closed again and again: the limit follows what was seen. */
  acknowledged(afterMs: number): void {
    this.#limitMs = Math.min(Math.max(OVERDUE_MS, afterMs * 2, this.#limitMs * 0.9), OVERDUE_MAX_MS);
  }
}
