/** What may be sent at once after a pause, in time at the full rate. */
const BURST_MS = 100;

/** At most so many messages a second, in the long run and, but for a short burst, at any time. */
export class SendRate {
  readonly #capacity: number;
  #tokens: number;
  #at = Number.NEGATIVE_INFINITY;

  /** 0: no limit. */
  constructor(private readonly perSecond: number) {
    this.#capacity = Math.max(1, (perSecond * BURST_MS) / 1000);
    this.#tokens = this.#capacity;
  }

  /** Whether a message may be sent now. */
  admits(now: number): boolean {
    if (this.perSecond === 0) return true;
    const elapsed = Math.max(0, now - this.#at);
    this.#tokens = Math.min(this.#capacity, this.#tokens + (elapsed * this.perSecond) / 1000);
    this.#at = now;
    return this.#tokens >= 1;
  }

  /** A message is sent. */
  take(): void {
    if (this.perSecond > 0) this.#tokens -= 1;
  }

  /** Milliseconds until it is worth while to ask again: for one message, or for half a burst. */
  get waitMs(): number {
    const wanted = Math.max(1, this.#capacity / 2);
    return Math.max(1, Math.ceil(((wanted - this.#tokens) * 1000) / this.perSecond));
  }
}
