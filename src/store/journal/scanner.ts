import type { OpenFile } from '../file-system';
import {
  BATCH_HEADER_BYTES,
  isBatchHeader,
  type JournalKey,
  RECORD_HEADER_BYTES,
  readUInt64,
  recordChecksum,
} from './format';

const CHUNK_BYTES = 128 * 1024;
/** How far attempt numbers may have moved on when a batch header is unreadable and only its records speak. */
const ATTEMPT_STEPS_MAX = 0x1_0000;

/** Looking for a record inside damage lets the event loop run after so many bytes. */
const SEARCH_BYTES_PER_TURN = 1024 * 1024;
/** Payload made to look like records would cost a checksum over all that follows at every step; what is behind is given up. */
const SEARCH_CHECKSUM_BYTES_MAX = 64 * 1024 * 1024;

/** Bytes that are no valid record; `to` is where the next valid one, or the end, was found. */
export interface UnreadableRange {
  from: number;
  to: number;
}

export interface ScannerOptions {
  file: OpenFile;
  /** Where the batches begin. */
  start: number;
  /** Bytes of the file that count; reading stops there. */
  limit: number;
  /** Attempt numbers in the file are above this. */
  attempt: number;
  /** Sequences in the file are above this. */
  after: number;
  chunkBytes?: number;
}

/**
 * Reads a segment from front to back and gives every record that proves itself: by its own checksum and by the batch
 * it stands in. After something unreadable it goes on at the next provable record or batch header.
 *
 * `advance` works on what is in memory; when it says `more`, `fill` reads on. Nothing read from disk makes it
 * allocate more than the file holds.
 */
export class SegmentScanner {
  /** The current record, valid after `advance` returned `record`, until the next call. */
  sequence: number;
  kind = 0;
  /** Bytes of the record in the file. */
  size = 0;
  /** Where the next record or batch begins. */
  offset: number;
  /** The highest sequence that a batch header named as durable. */
  durableMark = 0;
  /** Unreadable places passed so far. */
  readonly unreadable: UnreadableRange[] = [];

  readonly #key: JournalKey;
  readonly #file: OpenFile;
  readonly #chunkBytes: number;
  #limit: number;
  #window: Buffer = Buffer.alloc(0);
  /** Position of the window's first byte in the file, and how many of its bytes are filled. */
  #windowStart: number;
  #windowLength = 0;
  /** The next `fill` reads at least up to here. */
  #needed = 0;
  #attempt: number;
  #batch: 'none' | 'proven' | 'implied' = 'none';
  #batchEnd = 0;
  #body = 0;
  /** Start of the unreadable place being passed, -1: none. */
  #lostAt = -1;
  /** Bytes looked at since the last pause, and bytes that went into checksums at this unreadable place. */
  #looked = 0;
  #checked = 0;
  #isPausing = false;

  constructor(key: JournalKey, options: ScannerOptions) {
    this.#key = key;
    this.#file = options.file;
    this.#chunkBytes = options.chunkBytes ?? CHUNK_BYTES;
    this.#limit = options.limit;
    this.offset = options.start;
    this.#windowStart = options.start;
    this.#attempt = options.attempt;
    this.sequence = options.after;
  }

  /** Start of the unreadable bytes at the end, or undefined when the last record ended there. */
  get unreadableTail(): number | undefined {
    const last = this.unreadable.at(-1);
    return last !== undefined && last.to === this.#limit ? last.from : undefined;
  }

  get limit(): number {
    return this.#limit;
  }

  /** More batches were written behind. */
  extend(limit: number): void {
    this.#limit = limit;
  }

  /** The current record's body, in memory of its own. */
  copyBody(): Buffer {
    return Buffer.from(this.#window.subarray(this.#body, this.#body + this.size - RECORD_HEADER_BYTES));
  }

  /** Goes to the next record. `more`: call `fill` and repeat. `end`: nothing follows up to the limit. */
  advance(): 'record' | 'more' | 'end' {
    for (;;) {
      if (this.#lostAt >= 0) {
        const found = this.#search();
        if (found !== 'found') return found;
      }
      if (this.#batch !== 'none' && this.offset >= this.#batchEnd) this.#batch = 'none';
      if (this.offset >= this.#limit) return 'end';
      if (this.#batch === 'none' || this.#batch === 'implied') {
        const entered = this.#enterBatch();
        if (entered === 'more') return 'more';
        if (entered) continue;
      }
      const result = this.#batch === 'none' ? this.#implyBatch() : this.#takeRecord(this.offset, false);
      if (result === 'more' || result === true) return result === true ? 'record' : result;
      this.#lostAt = this.offset;
      this.#checked = 0;
      this.offset++;
    }
  }

  /** Reads on, or lets the event loop run. A file that ends early lowers the limit. */
  async fill(): Promise<void> {
    if (this.#isPausing) {
      this.#isPausing = false;
      await new Promise<void>((resolve) => setImmediate(resolve));
      return;
    }
    const keep = this.offset - this.#windowStart;
    const end = Math.min(this.#limit, Math.max(this.#needed, this.offset + this.#chunkBytes));
    const kept = Math.max(0, this.#windowLength - keep);
    const size = end - this.offset;
    // A window that grew for one large record is given back.
    const fits = size <= this.#window.length && this.#window.length <= Math.max(size, this.#chunkBytes * 2);
    const window = fits ? this.#window : Buffer.allocUnsafeSlow(size);
    if (kept > 0) this.#window.copy(window, 0, keep, keep + kept);
    this.#window = window;
    this.#windowStart = this.offset;
    this.#windowLength = kept;
    while (this.#windowLength < size) {
      const position = this.#windowStart + this.#windowLength;
      const count = await this.#file.read(window, this.#windowLength, size - this.#windowLength, position);
      if (count === 0) {
        this.#limit = position;
        this.#batchEnd = Math.min(this.#batchEnd, position);
        break;
      }
      this.#windowLength += count;
    }
  }

  #has(end: number): boolean {
    if (end <= this.#windowStart + this.#windowLength) return true;
    this.#needed = end;
    return false;
  }

  /** At a valid batch header: passes it. */
  #enterBatch(): boolean | 'more' {
    if (this.offset + BATCH_HEADER_BYTES > this.#limit) return false;
    if (!this.#has(this.offset + BATCH_HEADER_BYTES)) return 'more';
    const at = this.offset - this.#windowStart;
    if (!isBatchHeader(this.#key, this.#window, at, this.offset)) return false;
    const attempt = this.#window.readUInt32LE(at + 24);
    const steps = attemptSteps(this.#attempt, attempt);
    if (steps === 0 || steps >= 0x8000_0000) return false;
    this.#attempt = attempt;
    this.durableMark = Math.max(this.durableMark, readUInt64(this.#window, at + 8));
    this.offset += BATCH_HEADER_BYTES;
    this.#batchEnd = Math.min(this.#limit, this.offset + this.#window.readUInt32LE(at + 4));
    this.#batch = 'proven';
    return true;
  }

  /** Where a batch header should be is none. The record behind it may prove itself and the batch. */
  #implyBatch(): boolean | 'more' {
    const start = this.offset + BATCH_HEADER_BYTES;
    if (start + RECORD_HEADER_BYTES > this.#limit) return false;
    if (!this.#has(start + RECORD_HEADER_BYTES)) return 'more';
    this.#batchEnd = this.#limit;
    const headerAt = this.offset;
    const result = this.#takeRecord(start, true);
    if (result === true) {
      this.#batch = 'implied';
      this.unreadable.push({ from: headerAt, to: start });
    }
    return result;
  }

  /**
   * Takes the record at `start` if it is valid and in its place. `anew`: the batch's attempt number is not known, the
   * checksum tells it.
   */
  #takeRecord(start: number, anew: boolean): boolean | 'more' {
    if (start + RECORD_HEADER_BYTES > this.#batchEnd) return false;
    if (!this.#has(start + RECORD_HEADER_BYTES)) return 'more';
    let at = start - this.#windowStart;
    const size = this.#window.readUInt32LE(at);
    if (size < RECORD_HEADER_BYTES || start + size > this.#batchEnd) return false;
    const sequence = readUInt64(this.#window, at + 8);
    if (!this.#plausible(sequence, start, anew)) return false;
    if (!this.#has(start + size)) return 'more';
    at = start - this.#windowStart;
    this.#looked += size;
    this.#checked += size;
    const attempt = (this.#window.readUInt32LE(at + 4) ^ recordChecksum(this.#key, this.#window, at, size)) >>> 0;
    const steps = attemptSteps(this.#attempt, attempt);
    if (anew ? steps === 0 || steps > ATTEMPT_STEPS_MAX : steps !== 0) return false;
    this.#attempt = attempt;
    this.sequence = sequence;
    this.kind = this.#window[at + 16] ?? 0;
    this.size = size;
    this.#body = at + RECORD_HEADER_BYTES;
    this.offset = start + size;
    return true;
  }

  /** Sequences rise; inside damage by no more than the records that fit there. */
  #plausible(sequence: number, start: number, anew: boolean): boolean {
    if (sequence <= this.sequence || sequence > Number.MAX_SAFE_INTEGER) return false;
    if (anew) return this.sequence === 0 || sequence === this.sequence + 1;
    if (this.#lostAt < 0 || this.sequence === 0) return true;
    return sequence <= this.sequence + 1 + (start - this.#lostAt) / RECORD_HEADER_BYTES;
  }

  /** Looks from `offset` on for the next record of the batch or the next batch header. */
  #search(): 'found' | 'record' | 'more' | 'end' {
    if (this.#batch === 'proven') {
      const found = this.#searchRecord();
      if (found !== 'end') return found;
      this.offset = this.#batchEnd;
      this.#batch = 'none';
    }
    return this.#searchBatch();
  }

  #searchRecord(): 'record' | 'more' | 'end' {
    for (; this.offset + RECORD_HEADER_BYTES <= this.#batchEnd; this.offset++) {
      if (this.#checked > SEARCH_CHECKSUM_BYTES_MAX) return 'end';
      if (++this.#looked > SEARCH_BYTES_PER_TURN) {
        this.#looked = 0;
        this.#isPausing = true;
        return 'more';
      }
      const from = this.offset;
      const result = this.#takeRecord(from, false);
      if (result === 'more') return 'more';
      if (result) {
        this.#found(from);
        return 'record';
      }
    }
    return 'end';
  }

  #searchBatch(): 'found' | 'more' | 'end' {
    while (this.offset + BATCH_HEADER_BYTES <= this.#limit) {
      if (!this.#has(this.offset + BATCH_HEADER_BYTES)) return 'more';
      const filled = this.#window.subarray(0, this.#windowLength);
      const index = filled.indexOf(this.#key.batchMagicBytes, this.offset - this.#windowStart);
      if (index < 0) {
        this.offset = this.#windowStart + this.#windowLength - 3;
        continue;
      }
      this.offset = this.#windowStart + index;
      const from = this.offset;
      const entered = this.#enterBatch();
      if (entered === 'more') return 'more';
      if (entered) {
        this.#found(from);
        return 'found';
      }
      this.offset++;
    }
    this.offset = this.#limit;
    this.#found(this.#limit);
    return 'end';
  }

  #found(at: number): void {
    this.unreadable.push({ from: this.#lostAt, to: at });
    this.#lostAt = -1;
  }
}

/** How many attempts `to` is after `from`; the numbers wrap at 32 bits. */
function attemptSteps(from: number, to: number): number {
  return (to - from) >>> 0;
}
