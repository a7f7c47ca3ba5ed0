import type { JournalEvents } from '../../client/ports';
import { SessionError } from '../../errors';
import type { RecordCodec } from '../../session/state';
import type { Scheduler } from '../scheduler';
import { BATCH_BYTES_MAX, Batch, BufferPool } from './batch';
import { type JournalKey, SEGMENT_HEADER_BYTES, writeBatchHeader } from './format';
import { NextSegment } from './next-segment';
import type { Reserve } from './reserve';
import { isNoSpace, type SegmentDisk, SegmentFile } from './segment-file';
import type { SegmentTable } from './segment-table';
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
 * 1. What was written stays in memory (`#unsynced`) until a sync that covers it has succeeded.
 * 2. After a failed write the file is cut back to its last whole batch; everything not yet reported is handed back.
 * 3. After a failed sync, or a failed cut, nothing is ever written to that file again: `#unsynced` goes to a new
 *    segment that replaces everything from there on. Until that has worked nothing else is written.
 * 4. A segment ends when it is full, provided that the next one could be made; else it grows.
 */
export class JournalWriter<R> {
  /** The error of the last attempt, until the next one may be made; undefined while writing works. */
  failure: Error | undefined;

  readonly #options: WriterOptions<R>;
  readonly #pool = new BufferPool();
  #active: SegmentFile;
  readonly #next: NextSegment;
  readonly #batchBytesMax: number;

  #nextSequence: number;
  /** Number of the last batch made, and of the last one written. */
  #attempt = 0;
  #attemptWritten = 0;
  /** Batches not yet written, the open one last. */
  #queue: Batch<R>[] = [];
  /** Written, or to be written again, and not covered by a sync. */
  #unsynced: Batch<R>[] = [];
  #reported: number;
  #synced: number;
  /** End of the active segment when it was synced last. */
  #syncedEnd = SEGMENT_HEADER_BYTES;
  /** The active segment must not be written to again. */
  #abandoned = false;

  #running: Promise<void> | undefined;
  /** Cancels the pause after a failure. */
  #cancelPause: (() => void) | undefined;
  #cancelInterval: (() => void) | undefined;
  #intervalIsOver = false;
  #verifiedAt: number;
  #waiters: SyncWaiter[] = [];
  #status: 'open' | 'closing' | 'closed' | 'lost' = 'open';

  constructor(options: WriterOptions<R>, active: SegmentFile) {
    this.#options = options;
    this.#active = active;
    this.#next = new NextSegment(options);
    this.#batchBytesMax = Math.min(BATCH_BYTES_MAX, options.segmentBytes - SEGMENT_HEADER_BYTES);
    this.#nextSequence = options.nextSequence;
    this.#reported = options.nextSequence - 1;
    this.#synced = this.#reported;
    this.#verifiedAt = options.scheduler.now();
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
      batch = new Batch<R>(++this.#attempt, sequence, this.#pool.take());
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
    if (sequence <= this.#synced) return Promise.resolve();
    if (this.#status === 'closed' || this.#status === 'lost') return Promise.reject(closedError());
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
    this.#unsynced = [];
    this.#endPause();
    this.#cancelInterval?.();
    this.#rejectWaiters(closedError());
    await this.#next.discard();
    await this.#active.close();
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
    if (this.#unsynced.length === 0) return false;
    return this.#options.durability === 'always' || this.#abandoned || this.#intervalIsOver || this.#waiters.length > 0;
  }

  async #run(): Promise<void> {
    try {
      while (this.#hasWork()) await this.#commitGroup();
    } catch (error) {
      const lost = error instanceof Error ? error : new Error(String(error));
      await this.#release('lost').catch(() => undefined);
      this.#options.events().lost(lost);
    }
  }

  /** One group commit. Throws only when the session is lost. */
  async #commitGroup(): Promise<void> {
    let group: Batch<R>[] = [];
    try {
      if (this.#abandoned) await this.#rewrite();
      await this.#makeRoom();
      group = this.#takeGroup();
      if (group.length > 0) {
        await this.#write(group);
        this.#unsynced.push(...group);
        group = [];
      }
      if (this.#syncIsDue()) await this.#sync();
      else await this.#verify(VERIFY_INTERVAL_MS);
    } catch (error) {
      if (error instanceof HolderLost) throw error.cause;
      this.#fail(error instanceof Error ? error : new Error(String(error)), group);
      return;
    }
    this.#report();
    if (this.#active.end * 2 > this.#options.segmentBytes) this.#next.prepare(this.#attemptWritten);
  }

  /** Takes what waits, as far as it fits into the segment. */
  #takeGroup(): Batch<R>[] {
    let end = this.#active.end;
    let count = 0;
    for (const batch of this.#queue) {
      end += batch.length;
      // The first was made room for; where that failed, or it is larger than a segment, it goes in all the same.
      if (count > 0 && end > this.#options.segmentBytes) break;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  #fits(bytes: number): boolean {
    return this.#active.end + bytes <= this.#options.segmentBytes || this.#active.end === SEGMENT_HEADER_BYTES;
  }

  /** Rotates when the next batch does not fit: the old segment synced, then on to the one that was made ahead. */
  async #makeRoom(): Promise<void> {
    const first = this.#queue[0];
    if (first === undefined || this.#fits(first.length)) return;
    if (this.#unsynced.length > 0) {
      await this.#sync();
      this.#report();
    }
    const next = await this.#next.take(this.#attemptWritten);
    // Without a next segment (disk full) this one grows.
    if (next !== undefined) await this.#switchTo(next, first.first);
  }

  async #switchTo(segment: SegmentFile, firstSequence: number): Promise<void> {
    const old = this.#active;
    this.#active = segment;
    this.#syncedEnd = segment.end;
    const { table, events } = this.#options;
    table.segments.push({ number: segment.number, path: segment.path, firstSequence, length: segment.end });
    // All that counts in it is synced; what closing could still complain about concerns nobody.
    await old.close().catch(() => undefined);
    events().checkpointDue();
  }

  async #write(group: readonly Batch<R>[]): Promise<void> {
    for (;;) {
      try {
        await this.#writeBatches(this.#active, group);
        return;
      } catch (error) {
        if (await this.#mayRetry(error, group)) continue;
        await this.#cutBack();
        throw error;
      }
    }
  }

  /** True when the disk was full and the reserve gave room for `batches`, which must not add messages to it. */
  async #mayRetry(error: unknown, batches: readonly Batch<R>[]): Promise<boolean> {
    if (!isNoSpace(error) || batches.some((batch) => batch.hasMessages && batch.last > this.#reported)) return false;
    return await this.#options.reserve.shrink(batches.reduce((sum, batch) => sum + batch.length, 0));
  }

  /** Puts the batches behind the end of `segment` and moves the end when all are written. */
  async #writeBatches(segment: SegmentFile, batches: readonly Batch<R>[]): Promise<void> {
    let position = segment.end;
    for (const batch of batches) {
      writeBatchHeader(this.#options.key, batch.buffer, batch.length, this.#synced, position, batch.attempt);
      this.#attemptWritten = batch.attempt;
      await segment.write(batch.buffer, batch.length, position);
      position += batch.length;
    }
    segment.end = position;
  }

  /** A late cut of ours must not shorten what a successor has taken over, so the lock is read before. */
  async #cutBack(): Promise<void> {
    await this.#verify(0);
    // The write error that led here is the one that gets reported.
    await this.#active.cut().catch(() => {
      this.#abandoned = true;
    });
  }

  async #sync(): Promise<void> {
    try {
      await this.#active.sync();
    } catch (error) {
      this.#abandoned = true;
      this.#options.notice({
        level: 'warn',
        text: `Sync of ${this.#active.path} failed (${String(error)}); what it held unsynced is written to a new segment`,
      });
      await this.#rewrite();
      return;
    }
    await this.#verify(0);
    this.#confirmSynced();
  }

  /** Moves on to a new segment that holds again what the abandoned one may have lost. */
  async #rewrite(): Promise<void> {
    for (;;) {
      try {
        await this.#rewriteOnce();
        return;
      } catch (error) {
        if (!(await this.#mayRetry(error, this.#unsynced))) throw error;
      }
    }
  }

  async #rewriteOnce(): Promise<void> {
    const { disk, table, key, epoch } = this.#options;
    // Its number is lower than the one allotted here, and the order of numbers is the order of records.
    await this.#next.discard();
    const { number, path } = table.allot();
    const firstSequence = this.#unsynced[0]?.first ?? this.#reported + 1;
    const attempt = (this.#unsynced[0]?.attempt ?? this.#attemptWritten + 1) - 1;
    const segment = await SegmentFile.createBare(disk, path, number);
    try {
      // Records first: while the header is missing, recovery goes by the old segment.
      await this.#writeBatches(segment, this.#unsynced);
      await segment.finish({ uid: key.uid, epoch, number, attempt, firstSequence, replacesFrom: firstSequence });
      await this.#verify(0);
    } catch (error) {
      await segment.discard();
      throw error;
    }
    if (table.active) table.active.length = this.#syncedEnd;
    await this.#switchTo(segment, firstSequence);
    this.#abandoned = false;
    this.#confirmSynced();
  }

  /** Everything written is on the disk. */
  #confirmSynced(): void {
    this.#synced = Math.max(this.#synced, this.#unsynced.at(-1)?.last ?? 0);
    this.#syncedEnd = this.#active.end;
    for (const batch of this.#unsynced) this.#pool.give(batch.buffer);
    this.#unsynced = [];
    this.#intervalIsOver = false;
    this.#cancelInterval?.();
    this.#cancelInterval = undefined;
  }

  /** Tells what is durable now, in the sense of the setting. */
  #report(): void {
    this.failure = undefined;
    const last = Math.max(this.#synced, this.#unsynced.at(-1)?.last ?? 0);
    const { table, durability, events } = this.#options;
    if (table.active) table.active.length = this.#active.end;
    if (this.#unsynced.length > 0 && durability === 'interval') this.#armInterval();
    for (let index = this.#unsynced.length - 1; index >= 0; index--) {
      const batch = this.#unsynced[index];
      if (batch === undefined || batch.records.length === 0) break;
      batch.settle(this.#pool);
    }
    this.#resolveWaiters();
    if (last <= this.#reported) return;
    this.#reported = last;
    events().durable(last);
  }

  #armInterval(): void {
    this.#cancelInterval ??= this.#options.scheduler.after(SYNC_INTERVAL_MS, () => {
      this.#cancelInterval = undefined;
      this.#intervalIsOver = true;
      this.#start();
    });
  }

  /** Hands back all that was not reported; what was, stays to be written again. `group`: taken, but not written. */
  #fail(error: Error, group: readonly Batch<R>[]): void {
    const { events, notice, scheduler } = this.#options;
    const isFirst = this.failure === undefined;
    this.failure = error;
    const back = [...this.#unsynced.filter((batch) => batch.first > this.#reported), ...group, ...this.#queue];
    this.#unsynced = this.#status === 'closing' ? [] : this.#unsynced.filter((batch) => batch.first <= this.#reported);
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
    else if (isFirst) notice({ level: 'error', text: `Writing ${this.#active.path} failed: ${error.message}` });
  }

  /** @throws HolderLost when the session was taken over. Asks again only when the last answer is older than `ageMs`. */
  async #verify(ageMs: number): Promise<void> {
    const now = this.#options.scheduler.now();
    if (ageMs > 0 && now - this.#verifiedAt < ageMs) return;
    try {
      await this.#options.verifyHolder();
    } catch (error) {
      throw new HolderLost(error);
    }
    this.#verifiedAt = now;
  }

  #resolveWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => waiter.sequence > this.#synced);
    for (const waiter of waiters) if (waiter.sequence <= this.#synced) waiter.resolve();
  }

  #rejectWaiters(error: unknown): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}

class HolderLost extends Error {
  constructor(cause: unknown) {
    super('The session was taken over', { cause });
  }
}

function closedError(): SessionError {
  return new SessionError('ERR_JOURNAL_CLOSED', 'The journal is closed; open the session again');
}
