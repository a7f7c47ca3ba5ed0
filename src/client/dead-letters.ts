import { InTurn } from '../in-turn';
import type { FailureReason } from '../session/failure';
import type { Message, MessageOrigin } from '../session/message';
import { type MessageSource, RecordKind, type SessionRecord } from '../session/records';
import type { TransferState } from '../session/state';
import type { DeadLetterFile } from './ports';

/** Entries worked on at a time. */
const PAGE = 100;
/** Names the dead letters among the sources that messages are transferred from. */
const SOURCE = 'dead-letters';

/** A message that was given up. */
export interface DeadLetter {
  /** Rises, and names the dead letter within its session. */
  id: number;
  message: Message;
  reason: FailureReason;
  /** What the broker answered, with `refused`. */
  reasonCode?: number;
  reasonString?: string;
  /** Milliseconds since the epoch. */
  enqueuedAt: number;
  failedAt: number;
  /** Who queued it. */
  origin?: MessageOrigin;
  /** Bytes it takes on the disk. */
  size: number;
}

/** What dead letters need of their open session; each throws `ERR_SESSION_CLOSED` when there is none. */
export interface DeadLetterSession {
  file(): Pick<DeadLetterFile<SessionRecord>, 'list' | 'remove' | 'statistics'>;
  transfer(
    message: Message,
    from: { source: MessageSource; enqueuedAt: number; origin?: MessageOrigin },
  ): Promise<'stored' | 'duplicate'>;
  /** Everything stored is durable when it resolves, whatever the store's setting. */
  save(): Promise<void>;
  endTransfer(source: string): void;
  transfers(): readonly TransferState[];
  now(): number;
}

/** Undefined: the record is none of a dead letter. */
export function deadLetter(id: number, record: SessionRecord, size: number): DeadLetter | undefined {
  if (record.kind !== RecordKind.Failed) return undefined;
  const { kind: _kind, sequence: _sequence, ...rest } = record;
  return { id, ...rest, size };
}

/**
 * Reading, sending again and throwing away dead letters.
 *
 * Sent again: enqueued with its id as source -> durable -> removed from the file, durably -> the source is forgotten. A
 * crash between leaves the source, which says what to remove: nothing is lost and nothing is sent twice.
 */
export class DeadLetters {
  /** One replay or removal at a time. */
  readonly #inTurn = new InTurn();

  constructor(private readonly session: DeadLetterSession) {}

  /** Those with an id above `after`, oldest first, at most `limit`; fewer also when they are large. None: no more. */
  async list(after: number, limit: number): Promise<DeadLetter[]> {
    const entries = await this.session.file().list(after, limit);
    return entries.flatMap(({ id, record, size }) => deadLetter(id, record, size) ?? []);
  }

  /**
   * Puts dead letters (without `ids`: all that there are now) back into the queue, as new messages, in their order.
   * @returns how many.
   * @throws as `SessionClient.publish`; the error has `replayed`: so many are in the queue, the others are dead letters.
   */
  replay(ids?: readonly number[]): Promise<number> {
    return this.#inTurn.run(async () => {
      await this.#finish();
      let replayed = 0;
      for await (const page of this.#pages(ids)) {
        const { done, failure } = await this.#replayPage(page);
        replayed += done;
        if (failure !== undefined) throw Object.assign(failure, { replayed });
      }
      this.session.endTransfer(SOURCE);
      return replayed;
    });
  }

  /** Removes dead letters (without `ids`: all that there are now) for good. @returns how many. */
  discard(ids?: readonly number[]): Promise<number> {
    return this.#inTurn.run(async () => {
      await this.#finish();
      let removed = 0;
      for await (const page of this.#pages(ids)) {
        removed += await this.session.file().remove(page.map(({ id }) => id));
      }
      return removed;
    });
  }

  /** What a replay had enqueued when the process ended is removed. To be called when the session is opened. */
  finishReplay(): Promise<void> {
    return this.#inTurn.run(() => this.#finish());
  }

  /** Removes what an earlier replay has enqueued, and could not remove: to be done before its source is forgotten. */
  async #finish(): Promise<void> {
    const transfer = this.session.transfers().find(({ source }) => source === SOURCE);
    if (transfer === undefined) return;
    await this.session.save();
    const isEnqueued = (id: number) => transfer.enqueued.some(({ first, last }) => first <= id && id <= last);
    for await (const page of this.#pages(undefined)) {
      const done = page.map(({ id }) => id).filter(isEnqueued);
      if (done.length > 0) await this.session.file().remove(done);
    }
    this.session.endTransfer(SOURCE);
  }

  async #replayPage(page: readonly DeadLetter[]): Promise<{ done: number; failure?: Error }> {
    const outcomes = await Promise.allSettled(
      page.map(({ id, message, origin }) =>
        this.session.transfer(message, {
          source: { id: SOURCE, sequence: id },
          enqueuedAt: this.session.now(),
          ...(origin === undefined ? {} : { origin }),
        }),
      ),
    );
    const done = page.filter((_, index) => outcomes[index]?.status === 'fulfilled').map(({ id }) => id);
    if (done.length > 0) {
      await this.session.save();
      await this.session.file().remove(done);
    }
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    return { done: done.length, ...(failed?.status === 'rejected' ? { failure: failed.reason as Error } : {}) };
  }

  /** The chosen ones that there are now, page by page. */
  async *#pages(ids: readonly number[] | undefined): AsyncGenerator<DeadLetter[]> {
    const wanted = ids === undefined ? undefined : new Set(ids);
    let after = 0;
    let page = await this.list(after, PAGE);
    // What is given up meanwhile, perhaps because it was sent again, is not among them.
    let left = this.session.file().statistics().count;
    while (page.length > 0 && left > 0) {
      const chosen = page.slice(0, left).filter(({ id }) => wanted?.has(id) ?? true);
      left -= page.length;
      after = page.at(-1)?.id ?? after;
      if (chosen.length > 0) yield chosen;
      page = await this.list(after, PAGE);
    }
  }
}
