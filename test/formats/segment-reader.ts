import { crc32 } from './bytes';
import type { RawRecord } from './journal-decoder';

const SEGMENT_HEADER_BYTES = 64;
const BATCH_HEADER_BYTES = 32;
const RECORD_HEADER_BYTES = 17;

/** docs/formats.md, section 7, "The records of one segment". */
export class SegmentReader {
  /** The highest `durable` field. */
  durable = 0;
  readonly #seed: number;
  readonly #batchMagic: number;
  readonly #bytes: Buffer;
  readonly #records: RawRecord[] = [];
  #attempt: number;
  #last: number;
  #offset = SEGMENT_HEADER_BYTES;

  constructor(uid: Buffer, bytes: Buffer, start: { attempt: number; lastSequence: number }) {
    this.#seed = crc32(uid);
    this.#batchMagic = (crc32('batch', this.#seed) | 1) >>> 0;
    this.#bytes = bytes;
    this.#attempt = start.attempt;
    this.#last = start.lastSequence;
  }

  readAll(): RawRecord[] {
    while (this.#offset < this.#bytes.length) {
      const end = this.#takeBatchHeader();
      if (end !== undefined) this.#readBatch(end);
      else if (this.#takeRecordOfUnknownBatch()) this.#readUnknownBatch();
      else this.#findBatch();
    }
    return this.#records;
  }

  /** Returns where the batch ends. */
  #takeBatchHeader(): number | undefined {
    const [bytes, at] = [this.#bytes, this.#offset];
    if (at + BATCH_HEADER_BYTES > bytes.length) return undefined;
    if (bytes.readUInt32LE(at) !== this.#batchMagic || bytes.readBigUInt64LE(at + 16) !== BigInt(at)) return undefined;
    if (bytes.readUInt32LE(at + 28) !== crc32(bytes.subarray(at, at + 28), this.#seed)) return undefined;
    const attempt = bytes.readUInt32LE(at + 24);
    const steps = (attempt - this.#attempt) >>> 0;
    if (steps < 1 || steps >= 2 ** 31) return undefined;
    this.#attempt = attempt;
    this.durable = Math.max(this.durable, Number(bytes.readBigUInt64LE(at + 8)));
    this.#offset = at + BATCH_HEADER_BYTES;
    return Math.min(bytes.length, this.#offset + bytes.readUInt32LE(at + 4));
  }

  /** Rule 2 when a record is not valid. */
  #readBatch(end: number): void {
    while (this.#offset < end) {
      if (this.#takeRecord(this.#offset, end)) continue;
      const lostAt = this.#offset;
      const last = this.#last;
      const found = (at: number): boolean =>
        this.#takeRecord(at, end, last === 0 ? undefined : last + 1 + (at - lostAt) / RECORD_HEADER_BYTES);
      let at = lostAt + 1;
      while (at < end && !found(at)) at++;
      if (at >= end) {
        this.#offset = end;
        this.#findBatch();
        return;
      }
    }
  }

  /** Rule 1. */
  #takeRecordOfUnknownBatch(): boolean {
    const at = this.#offset + BATCH_HEADER_BYTES;
    const end = this.#bytes.length;
    const checksum = this.#checksum(at, end);
    if (checksum === undefined) return false;
    const attempt = (this.#bytes.readUInt32LE(at + 4) ^ checksum) >>> 0;
    const steps = (attempt - this.#attempt) >>> 0;
    if (steps < 1 || steps > 65_536) return false;
    const before = this.#attempt;
    this.#attempt = attempt;
    if (this.#takeRecord(at, end, this.#last === 0 ? undefined : this.#last + 1)) return true;
    this.#attempt = before;
    return false;
  }

  #readUnknownBatch(): void {
    for (;;) {
      const end = this.#takeBatchHeader();
      if (end !== undefined) {
        this.#readBatch(end);
        return;
      }
      if (!this.#takeRecord(this.#offset, this.#bytes.length)) break;
    }
    if (this.#offset < this.#bytes.length) this.#findBatch();
  }

  /** Rule 3: leaves the offset at the next valid batch header. */
  #findBatch(): void {
    const [attempt, durable] = [this.#attempt, this.durable];
    const from = this.#offset;
    for (let at = from; at < this.#bytes.length; at++) {
      this.#offset = at;
      if (this.#takeBatchHeader() === undefined) continue;
      [this.#attempt, this.durable, this.#offset] = [attempt, durable, at];
      return;
    }
    this.#offset = this.#bytes.length;
  }

  #takeRecord(at: number, end: number, sequenceMax = Number.MAX_SAFE_INTEGER): boolean {
    const checksum = this.#checksum(at, end);
    if (checksum === undefined || this.#bytes.readUInt32LE(at + 4) !== (checksum ^ this.#attempt) >>> 0) return false;
    const sequence = this.#bytes.readBigUInt64LE(at + 8);
    if (sequence <= this.#last || sequence > sequenceMax) return false;
    const size = this.#bytes.readUInt32LE(at);
    const body = this.#bytes.subarray(at + RECORD_HEADER_BYTES, at + size);
    this.#last = Number(sequence);
    this.#records.push({ sequence: this.#last, kind: this.#bytes[at + 16]!, body });
    this.#offset = at + size;
    return true;
  }

  /** Undefined when no record can stand there. */
  #checksum(at: number, end: number): number | undefined {
    if (at + RECORD_HEADER_BYTES > end) return undefined;
    const size = this.#bytes.readUInt32LE(at);
    if (size < RECORD_HEADER_BYTES || at + size > end) return undefined;
    return crc32(this.#bytes.subarray(at + 8, at + size), (this.#seed ^ size) >>> 0);
  }
}
