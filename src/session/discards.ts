import type { DiscardReason, Effect } from './effects';
import type { Failure } from './failure';
import { Fifo } from './fifo';
import type { QueuedMessage } from './message';

/**
 * Messages that are stored no more and were not sent. That is told when the record of it is durable: a crash before that
 * brings the message back, and it would arrive although its sender was told that it does not.
 */
export class Discards {
  readonly #untold = new Fifo<{ record: number; effect: Extract<Effect, { type: 'discarded' }> }>();

  constructor(private readonly effects: Effect[]) {}

  /** @param record the Completed record that removes it. */
  add(
    record: number,
    message: QueuedMessage,
    { reason, reasonCode, reasonString }: Omit<Failure, 'reason' | 'failedAt'> & { reason: DiscardReason },
  ): void {
    const effect: Extract<Effect, { type: 'discarded' }> = { type: 'discarded', message, reason };
    if (reasonCode !== undefined) effect.reasonCode = reasonCode;
    if (reasonString !== undefined) effect.reasonString = reasonString;
    this.#untold.push({ record, effect });
  }

  /** Records up to `durable` are. */
  tell(durable: number): void {
    for (let first = this.#untold.peek(); first !== undefined && first.record <= durable; first = this.#untold.peek()) {
      this.#untold.shift();
      this.effects.push(first.effect);
    }
  }

  /** The store kept no record above `durable`; they were appended again up to `appended`. */
  reappended(durable: number, appended: number): void {
    for (const untold of this.#untold) if (untold.record > durable) untold.record = appended;
  }
}
