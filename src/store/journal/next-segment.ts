import type { Scheduler } from '../scheduler';
import type { JournalKey } from './format';
import { type SegmentDisk, SegmentFile } from './segment-file';
import type { SegmentTable } from './segment-table';

const RETRY_DELAY_MS = 1000;

export interface NextSegmentOptions {
  key: JournalKey;
  epoch: number;
  disk: SegmentDisk;
  scheduler: Scheduler;
  table: SegmentTable;
}

/** Makes the segment after the active one ahead of time, so that no message waits for a new file. */
export class NextSegment {
  readonly #options: NextSegmentOptions;
  #segment: Promise<SegmentFile | undefined> | undefined;
  #notBefore = 0;

  constructor(options: NextSegmentOptions) {
    this.#options = options;
  }

  /** Starts making it, unless it is there or has just failed. `attempt`: that of the last batch written so far. */
  prepare(attempt: number): void {
    if (this.#segment !== undefined || this.#options.scheduler.now() < this.#notBefore) return;
    this.#segment = this.#create(attempt);
  }

  /** The segment; undefined when it cannot be made now. */
  async take(attempt: number): Promise<SegmentFile | undefined> {
    this.prepare(attempt);
    const segment = await this.#segment;
    this.#segment = undefined;
    return segment;
  }

  async discard(): Promise<void> {
    const segment = await this.#segment;
    this.#segment = undefined;
    await segment?.discard();
  }

  async #create(attempt: number): Promise<SegmentFile | undefined> {
    const { key, epoch, disk, table, scheduler } = this.#options;
    const { number, path } = table.allot();
    try {
      return await SegmentFile.create(disk, path, {
        uid: key.uid,
        epoch,
        number,
        attempt,
        firstSequence: 0,
        replacesFrom: 0,
      });
    } catch {
      // Only a delay: the active segment grows meanwhile, and a disk that fails shows itself there.
      this.#notBefore = scheduler.now() + RETRY_DELAY_MS;
      return undefined;
    }
  }
}
