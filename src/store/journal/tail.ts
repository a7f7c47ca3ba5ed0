import type { Scheduler } from '../scheduler';
import { type Batch, BufferPool } from './batch';
import { type JournalKey, SEGMENT_HEADER_BYTES, writeBatchHeader } from './format';
import type { HolderCheck } from './holder-check';
import type { ImmediateWrites } from './immediate-writes';
import { NextSegment } from './next-segment';
import type { Reserve } from './reserve';
import { isNoSpace, type SegmentDisk, SegmentFile } from './segment-file';
import type { SegmentTable } from './segment-table';
import type { JournalNotice } from './types';

export interface TailOptions {
  key: JournalKey;
  epoch: number;
  segmentBytes: number;
  disk: SegmentDisk;
  scheduler: Scheduler;
  table: SegmentTable;
  reserve: Reserve;
  holder: HolderCheck;
  /** For where a record counts before it is synced. */
  immediate?: ImmediateWrites;
  /** Every record up to here has been reported. */
  reported: () => number;
  /** A segment has ended. */
  ended: () => void;
  notice: (notice: JournalNotice) => void;
}

/**
 * The end of a journal on disk: the segment being written, the one made ahead, and what is not covered by a sync yet.
 * Every method may throw `HolderLost`, or the system's error.
 */
export class JournalTail<R> {
  readonly pool = new BufferPool();
  readonly #options: TailOptions;
  #active: SegmentFile;
  readonly #next: NextSegment;
  /** Written, or to be written again, and not covered by a sync. */
  #unsynced: Batch<R>[] = [];
  #synced: number;
  /** End of the active segment when it was synced last. */
  #syncedEnd = SEGMENT_HEADER_BYTES;
  /** Attempt number of the last batch written. */
  #attemptWritten = 0;
  /** The active segment must not be written to again. */
  #abandoned = false;

  constructor(options: TailOptions, active: SegmentFile, synced: number) {
    this.#options = options;
    this.#active = active;
    this.#next = new NextSegment(options);
    this.#synced = synced;
  }

  /** Path of the segment being written. */
  get path(): string {
    return this.#active.path;
  }

  /** Behind the last whole batch written. */
  get end(): number {
    return this.#active.end;
  }

  /** The last record written. */
  get written(): number {
    return Math.max(this.#synced, this.#unsynced.at(-1)?.last ?? 0);
  }

  /** The last record that is on the disk. */
  get synced(): number {
    return this.#synced;
  }

  get unsynced(): readonly Batch<R>[] {
    return this.#unsynced;
  }

  get isAbandoned(): boolean {
    return this.#abandoned;
  }

  /** Puts `batches` behind the last one. On failure none of them counts. */
  async write(batches: readonly Batch<R>[]): Promise<void> {
    for (;;) {
      try {
        await this.#writeBatches(this.#active, batches);
        this.#unsynced.push(...batches);
        return;
      } catch (error) {
        if (await this.#mayRetry(error, batches)) continue;
        await this.#cutBack();
        throw error;
      }
    }
  }

  /** Resolves when everything written is on the disk. */
  async sync(): Promise<void> {
    try {
      await this.#active.sync();
    } catch (error) {
      this.#abandoned = true;
      this.#options.notice({
        level: 'warn',
        text: `Sync of ${this.#active.path} failed (${String(error)}); what it held unsynced is written to a new segment`,
      });
      await this.repair();
      return;
    }
    await this.#options.holder.verify(0);
    this.#confirmSynced();
  }

  /** Moves on to a new segment that holds again what an abandoned one may have lost. */
  async repair(): Promise<void> {
    for (;;) {
      try {
        await this.#rewrite();
        return;
      } catch (error) {
        if (!(await this.#mayRetry(error, this.#unsynced))) throw error;
      }
    }
  }

  /** Goes on to the segment made ahead, everything being synced. Without one (disk full) the old one grows. */
  async rotate(firstSequence: number): Promise<void> {
    const next = await this.#next.take(this.#attemptWritten);
    if (next !== undefined) await this.#switchTo(next, firstSequence);
  }

  prepareNext(): void {
    this.#next.prepare(this.#attemptWritten);
  }

  /** Gives up what was not reported, and returns it; what was, stays to be written again. */
  takeUnreported(): Batch<R>[] {
    const reported = this.#options.reported();
    const unreported = this.#unsynced.filter((batch) => batch.first > reported);
    this.#unsynced = this.#unsynced.filter((batch) => batch.first <= reported);
    return unreported;
  }

  /** What is not synced now is not written again. */
  forget(): void {
    this.#unsynced = [];
  }

  async close(): Promise<void> {
    await this.#next.discard();
    await this.#active.close();
  }

  async #switchTo(segment: SegmentFile, firstSequence: number): Promise<void> {
    const old = this.#active;
    this.#active = segment;
    this.#syncedEnd = segment.end;
    const { number, path, end: length } = segment;
    this.#options.table.segments.push({ number, path, firstSequence, length });
    // All that counts in it is synced; what closing could still complain about concerns nobody.
    await old.close().catch(() => undefined);
    this.#options.ended();
  }

  /** True when the disk was full and the reserve gave room for `batches`, which must not add messages to it. */
  async #mayRetry(error: unknown, batches: readonly Batch<R>[]): Promise<boolean> {
    const { reserve, reported } = this.#options;
    if (!isNoSpace(error) || batches.some((batch) => batch.hasMessages && batch.last > reported())) return false;
    return await reserve.shrink(batches.reduce((sum, batch) => sum + batch.length, 0));
  }

  /** Puts the batches behind the end of `segment` and moves the end when all are written. */
  async #writeBatches(segment: SegmentFile, batches: readonly Batch<R>[]): Promise<void> {
    let position = segment.end;
    for (const batch of batches) {
      writeBatchHeader(this.#options.key, batch.buffer, batch.length, this.#synced, position, batch.attempt);
      this.#attemptWritten = batch.attempt;
      await segment.write(batch.buffer, batch.length, position, this.#options.immediate);
      position += batch.length;
    }
    segment.end = position;
  }

  /** A late cut of ours must not shorten what a successor has taken over, so the lock is read before. */
  async #cutBack(): Promise<void> {
    await this.#options.holder.verify(0);
    // The write error that led here is the one that gets reported.
    await this.#active.cut().catch(() => {
      this.#abandoned = true;
    });
  }

  async #rewrite(): Promise<void> {
    const { disk, table, key, epoch, holder, reported } = this.#options;
    // Its number is lower than the one allotted here, and the order of numbers is the order of records.
    await this.#next.discard();
    const { number, path } = table.allot();
    const firstSequence = this.#unsynced[0]?.first ?? reported() + 1;
    const attempt = (this.#unsynced[0]?.attempt ?? this.#attemptWritten + 1) - 1;
    const segment = await SegmentFile.createBare(disk, path, number);
    try {
      // Records first: while the header is missing, recovery goes by the old segment.
      await this.#writeBatches(segment, this.#unsynced);
      await segment.finish({ uid: key.uid, epoch, number, attempt, firstSequence, replacesFrom: firstSequence });
      await holder.verify(0);
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
    this.#synced = this.written;
    this.#syncedEnd = this.#active.end;
    for (const batch of this.#unsynced) this.pool.give(batch.buffer);
    this.#unsynced = [];
  }
}
