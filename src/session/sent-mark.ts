import { MarkReach } from './mark-reach';
import type { RecordLog } from './record-log';
import { RecordKind } from './records';

/**
 * "Every stored message up to here may have been sent." The mark is made durable ahead of the messages it covers, in
 * steps of the send window or more, so that sending rarely waits for it and no message needs a record of its own: its
 * identifier follows from its sequence. After a crash a stored message at or below the mark counts as sent.
 */
export class SentMark {
  #upTo: number;
  #durableUpTo: number;
  #record = 0;
  /** The present mark was moved before a message needed it. */
  #isAhead = false;
  readonly #reach = new MarkReach();

  constructor(
    upTo: number,
    private readonly log: RecordLog,
  ) {
    this.#upTo = upTo;
    this.#durableUpTo = upTo;
  }

  get upTo(): number {
    return this.#upTo;
  }

  /**
   * Makes sure a mark covers `sequence`, and soon the next `step` ones.
   * @returns the record that must be durable before the message is sent; 0: none.
   */
  cover(sequence: number, step: number): number {
    if (sequence > this.#upTo || (this.#upTo === this.#durableUpTo && sequence + step / 2 > this.#upTo && step > 0)) {
      this.#isAhead = sequence <= this.#upTo;
      this.#reach.moved();
      this.#upTo = sequence + step;
      this.#record = this.log.append({ kind: RecordKind.Mark, upTo: this.#upTo });
    }
    return sequence <= this.#durableUpTo ? 0 : this.#record;
  }

  /** How many messages it may cover ahead: see {@link MarkReach}. */
  reach(window: number, size: number): number {
    return this.#reach.of(window, size);
  }

  /** A message that is durable itself waits for the record of the mark. */
  waitedFor(): void {
    if (this.#isAhead) this.#reach.waitedFor();
  }

  durable(sequence: number): void {
    if (this.#record <= sequence) this.#durableUpTo = this.#upTo;
  }

  /** The broker's session is gone: nothing was sent in the next one. */
  reset(): void {
    this.#upTo = 0;
    this.#durableUpTo = 0;
    this.#record = 0;
  }

  /** The store kept no record above `durable`; they were appended again up to `appended`. */
  reappended(durable: number, appended: number): void {
    if (this.#record > durable) this.#record = appended;
  }
}
