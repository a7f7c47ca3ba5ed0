export interface BackoffOptions {
  /** First delay in milliseconds. Default 1,000. */
  firstMs?: number;
  /** Upper bound in milliseconds. Default 30,000; never below `firstMs`. */
  maxMs?: number;
  /** Default 2. */
  factor?: number;
  /** A number from 0 (included) to 1 (excluded). */
  random: () => number;
}

/**
 * Exponential back-off with equal jitter: each delay lies between half and all of the step, so that clients which lost
 * the same broker at the same moment do not return at the same moment, and none returns at once.
 */
export class Backoff {
  readonly #firstMs: number;
  readonly #maxMs: number;
  readonly #factor: number;
  readonly #random: () => number;
  #stepMs: number;

  constructor({ firstMs = 1_000, maxMs = 30_000, factor = 2, random }: BackoffOptions) {
    this.#firstMs = firstMs;
    this.#maxMs = Math.max(firstMs, maxMs);
    this.#factor = factor;
    this.#random = random;
    this.#stepMs = firstMs;
  }

  /** Milliseconds to wait before the next attempt; each call is one more failed attempt. */
  next(): number {
    const stepMs = this.#stepMs;
    this.#stepMs = Math.min(this.#maxMs, stepMs * this.#factor);
    return Math.round(stepMs / 2 + (this.#random() * stepMs) / 2);
  }

  /** Back to the first delay: the connection proved good. */
  reset(): void {
    this.#stepMs = this.#firstMs;
  }
}
