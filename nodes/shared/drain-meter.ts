import type { Draining } from './status';

/** A backlog that is gone sooner is not worth showing. */
const SHOWN_AFTER_MS = 2_000;

/** Watches how the messages waiting behind the send window become fewer. */
export class DrainMeter {
  #since: number | undefined;
  #peak = 0;
  #lastSent = 0;
  #lastAt = 0;
  #rate = 0;

  /**
   * @param waiting Messages behind the window; undefined while not connected.
   * @param sent Messages sent so far, by any count that only grows.
   * @param now Milliseconds on any steady clock.
   */
  observe(waiting: number | undefined, sent: number, now: number): Draining | undefined {
    if (waiting === undefined || waiting === 0) {
      this.#since = undefined;
      this.#peak = 0;
      return undefined;
    }
    if (this.#since === undefined) {
      this.#since = now;
      this.#lastAt = now;
      this.#lastSent = sent;
      this.#rate = 0;
    }
    this.#peak = Math.max(this.#peak, waiting);
    if (now - this.#lastAt >= 1_000) {
      this.#rate = ((sent - this.#lastSent) * 1_000) / (now - this.#lastAt);
      this.#lastAt = now;
      this.#lastSent = sent;
    }
    if (now - this.#since < SHOWN_AFTER_MS) return undefined;
    const percent = Math.floor(((this.#peak - waiting) * 100) / this.#peak);
    return { queued: waiting, percent, rate: Math.max(0, Math.round(this.#rate)) };
  }
}
