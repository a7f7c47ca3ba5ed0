import type { Effect } from './effects';

/** What was removed. */
export interface PurgeDone {
  count: number;
  bytes: number;
  /** Those of them whose publisher waits for the acknowledgement. */
  watched: number[];
  /** The record that says so; 0: there was nothing to remove. */
  record: number;
}

/**
 * The removal of all messages that have not been sent. It waits until what was appended before it is durable (only that
 * may be removed from the journal), then needs one record, however long the queue on disk is. Meanwhile nothing leaves
 * the queue; what is enqueued after the request stays.
 */
export class Purge {
  /** The newest message to be removed. */
  #upTo: number | undefined;
  /** Enqueued since the request. */
  #behind = { count: 0, bytes: 0 };
  /** Done; told when this record is durable. */
  #done: PurgeDone | undefined;

  constructor(private readonly effects: Effect[]) {}

  get isPending(): boolean {
    return this.#upTo !== undefined;
  }

  request(upTo: number): void {
    this.#upTo = upTo;
    this.#behind = { count: 0, bytes: 0 };
  }

  enqueued(bytes: number): void {
    if (this.#upTo === undefined) return;
    this.#behind.count += 1;
    this.#behind.bytes += bytes;
  }

  /** Takes the request when all that it concerns is durable. */
  take(durable: number): { upTo: number; behind: { count: number; bytes: number } } | undefined {
    const upTo = this.#upTo;
    if (upTo === undefined || upTo > durable) return undefined;
    this.#upTo = undefined;
    return { upTo, behind: this.#behind };
  }

  /** Joined with what an earlier purge has not told yet. */
  done({ count, bytes, watched, record }: PurgeDone): void {
    const before = this.#done ?? { record: 0, count: 0, bytes: 0, watched: [] };
    this.#done = {
      count: before.count + count,
      bytes: before.bytes + bytes,
      watched: [...before.watched, ...watched],
      record: Math.max(record, before.record),
    };
  }

  tell(durable: number): void {
    if (this.#done === undefined || this.#done.record > durable) return;
    const { count, bytes, watched } = this.#done;
    this.#done = undefined;
    this.effects.push({ type: 'purged', count, bytes, watched });
  }

  /** The store kept nothing above `durable`: messages there are not in the queue, records were appended again. */
  storeFailed(durable: number, appended: number): void {
    if (this.#upTo !== undefined) this.request(Math.min(this.#upTo, durable));
    if (this.#done !== undefined && this.#done.record > durable) this.#done.record = appended;
  }
}
