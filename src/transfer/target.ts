import type { Message, MessageOrigin } from '../session/message';
import type { MessageSource, SessionRecord } from '../session/records';
import type { SubscriptionRequest } from '../session/subscriptions';

/** A message on its way into another session. */
export interface TransferredMessage {
  message: Message;
  source: MessageSource;
  /** Milliseconds since the epoch: when it was queued first. */
  enqueuedAt: number;
  origin?: MessageOrigin;
}

/** An open session that takes what comes from elsewhere; a `SessionClient` is one. */
export interface TransferTarget {
  readonly clientId: string;
  /**
   * Resolves when it is stored, once for each sequence of a source.
   * @throws SessionError when it is not: `ERR_QUEUE_FULL`, `ERR_STORE_FULL`, `ERR_STORE_BUSY`, ...
   */
  transfer(message: Message, from: Omit<TransferredMessage, 'message'>): Promise<'stored' | 'duplicate'>;
  transferSources(): string[];
  endTransfer(source: string): void;
  restoreSubscription(request: SubscriptionRequest): boolean;
  /** Durable when resolved; the same key twice is one. */
  keepDeadLetter(key: string, record: SessionRecord): Promise<void>;
  /** All of it is on the disk when resolved, in every durability. */
  save(): Promise<void>;
}

/** A record has six bytes for a time; a file that was not made by us may say a later one. */
const TIME_MAX = 2 ** 48 - 1;

/** `time`, or the latest one that a record can hold. */
export function recordTime(time: number): number {
  return Math.min(time, TIME_MAX);
}

const BATCH_MESSAGES = 500;
const BATCH_BYTES = 4 * 1024 * 1024;

/** What of a transfer is durable. */
export interface Transferred {
  /** Messages stored now. */
  stored: number;
  /** Messages that an earlier, interrupted transfer had stored. */
  duplicates: number;
}

/**
 * Gives messages to `target` in order, a batch at a time, so that one sync of the disk serves many. Calls `done` after
 * each batch with what is durable of it. Stops at the first error; those of the batch before it count.
 */
export async function transferInOrder(
  target: Pick<TransferTarget, 'transfer'>,
  messages: AsyncIterable<TransferredMessage> | Iterable<TransferredMessage>,
  done: (message: TransferredMessage) => void = () => undefined,
): Promise<Transferred> {
  const total: Transferred = { stored: 0, duplicates: 0 };
  let batch: { message: TransferredMessage; outcome: Promise<'stored' | 'duplicate'> }[] = [];
  let bytes = 0;
  let failed = false;
  const settle = async (): Promise<void> => {
    const outcomes = await Promise.allSettled(batch.map(({ outcome }) => outcome));
    const settled = batch;
    batch = [];
    bytes = 0;
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'rejected') throw outcome.reason;
      total[outcome.value === 'stored' ? 'stored' : 'duplicates'] += 1;
      done((settled[index] as (typeof settled)[number]).message);
    }
  };
  try {
    for await (const message of messages) {
      if (failed) break;
      const { message: content, ...from } = message;
      const outcome = target.transfer(content, { ...from, enqueuedAt: recordTime(from.enqueuedAt) });
      // Nothing behind a message that is not taken: it would overtake it.
      outcome.catch(() => {
        failed = true;
      });
      batch.push({ message, outcome });
      bytes += content.payload.length;
      if (batch.length >= BATCH_MESSAGES || bytes >= BATCH_BYTES) await settle();
    }
  } catch (error) {
    // What broke the reading comes after everything read so far; that is still stored, or its own error comes first.
    await settle();
    throw error;
  }
  await settle();
  return total;
}
