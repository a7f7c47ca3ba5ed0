import type { DiscardReason, Effect } from './effects';
import type { Failure } from './failure';
import { Fifo } from './fifo';
import type { QueuedMessage } from './message';

/** Why a message is stored no more. */
export type DiscardCause = Omit<Failure, 'reason' | 'failedAt'> & { reason: DiscardReason };

type Discarded = Extract<Effect, { type: 'discarded' }>;

/**
 * Messages that are stored no more and were not sent. That is told when it is durable: a crash before that brings the
 * message back, and it would arrive although its sender was told that it does not.
 */
export class Discards {
  readonly #untold = new Fifo<{ record: number; effect: Discarded }>();

  constructor(private readonly effects: Effect[]) {}

  /** To be told when `record`, which removes it, is durable. */
  add(record: number, message: QueuedMessage, cause: DiscardCause): void {
    this.#untold.push({ record, effect: effectOf(message, cause) });
  }

  /** The decision is durable already. */
  tell(message: QueuedMessage, cause: DiscardCause): void {
    this.effects.push(effectOf(message, cause));
  }

  /** Records up to `durable` are. */
  durable(durable: number): void {
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

function effectOf(message: QueuedMessage, { reason, reasonCode, reasonString }: DiscardCause): Discarded {
  const effect: Discarded = { type: 'discarded', message, reason };
  if (reasonCode !== undefined) effect.reasonCode = reasonCode;
  if (reasonString !== undefined) effect.reasonString = reasonString;
  return effect;
}
