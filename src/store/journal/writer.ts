import type { JournalEvents } from '../../client/ports';
import { SessionError } from '../../errors';
import type { RecordCodec } from '../../session/state';
import type { Scheduler } from '../scheduler';
import { BATCH_BYTES_MAX, Batch } from './batch';
import { type JournalKey, SEGMENT_HEADER_BYTES } from './format';
import { HolderCheck, HolderLost } from './holder-check';
import { ImmediateWrites } from './immediate-writes';
import type { Reserve } from './reserve';
import type { SegmentDisk, SegmentFile } from './segment-file';
import type { SegmentTable } from './segment-table';
import { JournalTail } from './tail';
import type { JournalNotice } from './types';

/** When a record counts as durable: after fdatasync, or after write() with a sync once a second or only now and then. */
export type Durability = 'always' | 'interval' | 'os';

const SYNC_INTERVAL_MS = 1000;
/** Where records count before a sync, the lock is read this often; a silent holder is displaced after much longer. */
const VERIFY_INTERVAL_MS = 1000;
/** How long a failing disk is left alone. */
const RETRY_DELAY_MS = 1000;

export interface WriterOptions<R> {
  key: JournalKey;
  codec: RecordCodec<R>;
  epoch: number;
  durability: Durability;
  segmentBytes: number;
  disk: SegmentDisk;
  scheduler: Scheduler;
  table: SegmentTable;
  reserve: Reserve;
  /** Sequence of the first record to come. */
  nextSequence: number;
  verifyHolder: () => Promise<void>;
  events: () => JournalEvents<R>;
  notice: (notice: JournalNotice) => void;
}

interface SyncWaiter {
  sequence: number;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/**
 * The only writer of a journal. `append` encodes into the open batch; one loop takes all batches that wait, writes
 * them, syncs as the durability asks, makes sure that the session is still ours, and reports.
 *
 * 1. What was written stays in memory (`JournalTail.unsynced`) until a sync that covers it has succeeded.
 * 2. After a failed write the file is cut back to its last whole batch; everything not yet reported is handed back.
 * 3. After a failed sync, or a failed cut, nothing is ever written to that file again: what is unsynced goes to a new
 *    segment that replaces everything from there on. Until that has worked nothing else is written.
 * 4. A segment ends when it is full, provided that the next one could be made; else it grows.
 */
export class JournalWriter<R> {
  /** The error of the last attempt, until the next one may be made; undefined while writing works. */
  failure: Error | undefined;

  readonly #options: WriterOptions<R>;
  readonly #holder: HolderCheck;
  readonly #tail: JournalTail<R>;
  readonly #batchBytesMax: number;

  #nextSequence: number;
  /** Number of the last batch made. */
  #attempt = 0;
  /** Batches not yet written, the open one last. */
  #queue: Batch<R>[] = [];
  #reported: number;

  /** Every record up to here may be reported durable. */
  #committed: number;
  #running: Promise<void> | undefined;
  /** Why the session is not ours any more. */
  #lost: Error | undefined;
  /** Cancels the pause after a failure. */
  #cancelPause: (() => void) | undefined;
  #cancelInterval: (() => void) | undefined;
  #intervalIsOver = false;
  #waiters: SyncWaiter[] = [];
  #status: 'open' | 'closing' | 'closed' | 'lost' = 'open';

  constructor(options: WriterOptions<R>, active: SegmentFile) {
    this.#options = options;
    this.#batchBytesMax = Math.min(BATCH_BYTES_MAX, options.segmentBytes - SEGMENT_HEADER_BYTES);
    this.#nextSequence = options.nextSequence;
    this.#reported = options.nextSequence - 1;
    this.#committed = this.#reported;
    this.#holder = new HolderCheck(options.verifyHolder, options.scheduler);
    const tailOptions = {
      ...options,
      holder: this.#holder,
      ...(options.durability === 'always' ? {} : { immediate: new ImmediateWrites(options.scheduler) }),
      reported: () => this.#reported,
      ended: () => options.events().checkpointDue(),
    };
    this.#tail = new JournalTail<R>(tailOptions, active, this.#reported);
  }

  /** Every record up to here has been reported durable. */
  get reported(): number {
    return this.#reported;
  }

  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** See `SessionJournal.append`. @throws TypeError when `sequence` is not the next one. */
  append(sequence: number, record: R): void {
    if (this.#status !== 'open') {
      if (this.#status === 'lost') return;
      throw closedError();
    }
    if (sequence !== this.#nextSequence) {
      throw new TypeError(`The next sequence of the journal is ${this.#nextSequence}, not ${sequence}`);
    }
    const { key, codec } = this.#options;
    const bodySize = codec.size(record);
    let batch = this.#queue.at(-1);
    if (batch === undefined || !batch.accepts(bodySize, this.#batchBytesMax)) {
      batch = new Batch<R>(++this.#attempt, sequence, this.#tail.pool.take());
      batch.add(key, codec, record, bodySize);
      this.#queue.push(batch);
    } else {
      batch.add(key, codec, record, bodySize);
    }
    this.#nextSequence++;
    this.#start();
  }

  /** Resolves when all records up to `sequence` are synced, whatever the durability. Rejects when writing fails. */
  synced(sequence: number): Promise<void> {
    if (sequence <= this.#tail.synced) return Promise.resolve();
    if (this.#status === 'closed' || this.#status === 'lost') return Promise.reject(this.#lost ?? closedError());
    if (sequence >= this.#nextSequence) {
      return Promise.reject(
        new RangeError(`Record ${sequence} is not in the journal, which ends before ${this.#nextSequence}`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiters.push({ sequence, resolve, reject });
      this.#start();
    });
  }

  /** Writes and syncs what waits, then closes the files. @throws the error when the last records could not be written. */
  async close(): Promise<void> {
    if (this.#status !== 'open') return;
    this.#status = 'closing';
    this.#endPause();
    const outcome = this.synced(this.#nextSequence - 1).then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    const failure = await outcome;
    while (this.#running !== undefined) await this.#running;
    await this.#release('closed');
    if (failure) throw failure.error;
  }

  async #release(status: 'closed' | 'lost'): Promise<void> {
    this.#status = status;
    this.#queue = [];
    this.#tail.forget();
    this.#endPause();
    this.#endInterval();
    this.#rejectWaiters(this.#lost ?? closedError());
    await this.#tail.close();
  }

  #endPause(): void {
    this.#cancelPause?.();
    this.#cancelPause = undefined;
  }

  #start(): void {
    if (this.#running !== undefined || this.#cancelPause !== undefined) return;
    // In the next microtask, so that everything appended in this one goes together.
    this.#running = Promise.resolve()
      .then(() => this.#run())
      .finally(() => {
        this.#running = undefined;
        if (this.#hasWork()) this.#start();
      });
  }

  #hasWork(): boolean {
    if (this.#status === 'closed' || this.#status === 'lost' || this.#cancelPause !== undefined) return false;
    return this.#queue.length > 0 || this.#syncIsDue();
  }

  #syncIsDue(): boolean {
    const { unsynced, isAbandoned } = this.#tail;
    if (unsynced.length === 0) return false;
    return this.#options.durability === 'always' || isAbandoned || this.#intervalIsOver || this.#waiters.length > 0;
  }

  async #run(): Promise<void> {
    try {
      while (this.#hasWork()) {
        await this.#commitGroup();
        // It is told now where no write is to come, and where the next one may have to wait for a new segment.
        if (!this.#hasWork() || this.#tail.isAbandoned || !this.#hasRoom()) this.#report();
      }
      this.#tail.pool.rest();
    } catch (error) {
      const lost = error instanceof Error ? error : new Error(String(error));
      this.#lost = lost;
      // Files that could not be closed are no longer ours to care for: what is to be told is why the session is lost.
      await this.#release('lost').catch(() => undefined);
      this.#options.events().lost(lost);
    }
  }

  /**
   * One group commit. What it makes durable is reported when the sync of the next group is under way, or by `#run` when
   * there is none: so the disk works while those who waited go on. Throws only when the session is lost.
   */
  async #commitGroup(): Promise<void> {
    let group: Batch<R>[] = [];
    let confirmed: Promise<void>;
    try {
      if (this.#tail.isAbandoned) await this.#tail.repair();
      if (!this.#hasRoom()) await this.#makeRoom();
      group = this.#takeGroup();
      if (group.length > 0) await this.#tail.write(group);
      confirmed = this.#syncIsDue() ? this.#tail.sync() : this.#holder.verify(VERIFY_INTERVAL_MS);
    } catch (error) {
      this.#groupFailed(error, group);
      return;
    }
    const failure = confirmed.then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    try {
      this.#report();
    } catch (error) {
      // No error of the disk: what is being synced would be handed back, and be there all the same.
      await failure;
      throw error;
    }
    const failed = await failure;
    if (failed !== undefined) {
      this.#groupFailed(failed.error, []);
      return;
    }
    this.#commit();
    if (this.#tail.end * 2 > this.#options.segmentBytes) this.#tail.prepareNext();
  }

  /** Tells what was durable before, then what is not. `group`: taken, but not written. @throws when the session is lost. */
  #groupFailed(error: unknown, group: readonly Batch<R>[]): void {
    this.#report();
    if (error instanceof HolderLost) throw error.cause;
    this.#fail(error instanceof Error ? error : new Error(String(error)), group);
  }

  /** Takes what waits, as far as it fits into the segment. */
  #takeGroup(): Batch<R>[] {
    let { end } = this.#tail;
    let count = 0;
    for (const batch of this.#queue) {
      end += batch.length;
      // The first was made room for; where that failed, or it is larger than a segment, it goes in all the same.
      if (count > 0 && end > this.#options.segmentBytes) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  /** Whether the next batch fits into the segment. */
  #hasRoom(): boolean {
    const { end } = this.#tail;
    const bytes = this.#queue[0]?.length ?? 0;
    return end + bytes <= this.#options.segmentBytes || end === SEGMENT_HEADER_BYTES;
  }

  /** The next batch does not fit: the old segment is synced, then on to the one that was made ahead. */
  async #makeRoom(): Promise<void> {
    const first = this.#queue[0];
    if (first === undefined) return;
    if (this.#tail.unsynced.length > 0) {
      await this.#tail.sync();
      this.#commit();
      this.#report();
    }
    await this.#tail.rotate(first.first);
  }

  /** What is written now is durable, in the sense of the setting. */
  #commit(): void {
    this.failure = undefined;
    const { table, durability } = this.#options;
    const { written, unsynced, pool, end } = this.#tail;
    if (table.active) table.active.length = end;
    if (unsynced.length === 0) this.#endInterval();
    else if (durability === 'interval') this.#armInterval();
    for (let index = unsynced.length - 1; index >= 0; index--) {
      const batch = unsynced[index];
      if (batch === undefined || batch.records.length === 0) break;
      batch.settle(pool);
    }
    this.#committed = written;
  }

  /** Tells what is durable. */
  #report(): void {
    this.#resolveWaiters();
    if (this.#committed <= this.#reported) return;
    this.#reported = this.#committed;
    this.#options.events().durable(this.#reported);
  }

  #armInterval(): void {
    this.#cancelInterval ??= this.#options.scheduler.after(SYNC_INTERVAL_MS, () => {
      this.#cancelInterval = undefined;
      this.#intervalIsOver = true;
      this.#start();
    });
  }

  #endInterval(): void {
    this.#intervalIsOver = false;
    this.#cancelInterval?.();
    this.#cancelInterval = undefined;
  }

  /** Hands back all that was not reported; what was, stays to be written again. `group`: taken, but not written. */
  #fail(error: Error, group: readonly Batch<R>[]): void {
    const { events, notice, scheduler } = this.#options;
    const isFirst = this.failure === undefined;
    this.failure = error;
    const back = [...this.#tail.takeUnreported(), ...group, ...this.#queue];
    if (this.#status === 'closing') this.#tail.forget();
    this.#queue = [];
    this.#nextSequence = this.#reported + 1;
    if (this.#status === 'open') {
      this.#cancelPause = scheduler.after(RETRY_DELAY_MS, () => {
        this.#cancelPause = undefined;
        // With nothing left to write, only the next record can show whether writing works again.
        if (!this.#hasWork()) this.failure = undefined;
        this.#start();
      });
    }
    this.#rejectWaiters(error);
    const records = back.flatMap((batch) =>
      batch.records.map((record, index) => ({ sequence: batch.first + index, record })),
    );
    if (records.length > 0) events().failed(error, records);
    else if (isFirst) notice({ level: 'error', text: `Writing ${this.#tail.path} failed: ${error.message}` });
  }

  #resolveWaiters(): void {
    const waiters = this.#waiters;
    const { synced } = this.#tail;
    this.#waiters = waiters.filter((waiter) => waiter.sequence > synced);
    for (const waiter of waiters) if (waiter.sequence <= synced) waiter.resolve();
  }

  #rejectWaiters(error: unknown): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}

function closedError(): SessionError {
  return new SessionError('ERR_JOURNAL_CLOSED', 'The journal is closed; open the session again');
}
