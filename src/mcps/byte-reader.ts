import { McpsError } from './mcps-error';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads little-endian fields and trusts nothing: every length and count is checked against the bytes that are there
 * before anything is allocated. `what` names the field in errors.
 */
export class ByteReader {
  offset: number;

  constructor(
    private readonly bytes: Buffer,
    start = 0,
    private readonly end = bytes.length,
  ) {
    this.offset = start;
  }

  get remaining(): number {
    return this.end - this.offset;
  }

  u8(what: string): number {
    return this.bytes.readUInt8(this.#take(1, what));
  }

  u16(what: string): number {
    return this.bytes.readUInt16LE(this.#take(2, what));
  }

  u32(what: string): number {
    return this.bytes.readUInt32LE(this.#take(4, what));
  }

  i32(what: string): number {
    return this.bytes.readInt32LE(this.#take(4, what));
  }

  /** @throws McpsError `ERR_MCPS_VALUE` above 2^53 - 1, which a number cannot hold exactly. */
  u64(what: string): number {
    const start = this.offset;
    const value = this.bytes.readBigUInt64LE(this.#take(8, what));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw new McpsError('ERR_MCPS_VALUE', `${what} at offset ${start} is out of range: ${value}`, { offset: start });
    }
    return Number(value);
  }

  f64(what: string): number {
    return this.bytes.readDoubleLE(this.#take(8, what));
  }

  /** 0 or 1. */
  flag(what: string): boolean {
    return this.oneOf([0, 1], what) === 1;
  }

  /** One byte that must be among `values`. */
  oneOf<T extends number>(values: readonly T[], what: string): T {
    const start = this.offset;
    const value = this.u8(what);
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) {
      throw new McpsError('ERR_MCPS_VALUE', `${what} at offset ${start} cannot be ${value}`, { offset: start });
    }
    return found;
  }

  /** A view of the next `length` bytes, not a copy. */
  raw(length: number, what: string): Buffer {
    const start = this.#take(length, what);
    return this.bytes.subarray(start, start + length);
  }

  /** A copy of the next `length` bytes, so that a small payload does not retain the whole file. */
  copy(length: number, what: string): Buffer {
    return Buffer.from(this.raw(length, what));
  }

  text(length: number, what: string): string {
    const start = this.offset;
    const raw = this.raw(length, what);
    try {
      return utf8.decode(raw);
    } catch {
      throw new McpsError('ERR_MCPS_UTF8', `${what} at offset ${start} is not valid UTF-8`, { offset: start });
    }
  }

  /** Accepts a count only if so many entries of at least `entryBytesMin` bytes can still follow. */
  count(value: number, entryBytesMin: number, what: string): number {
    if (value * entryBytesMin > this.remaining) {
      throw new McpsError(
        'ERR_MCPS_COUNT',
        `${what} says ${value} entries, but only ${this.remaining} bytes follow at offset ${this.offset}`,
        { offset: this.offset, count: value },
      );
    }
    return value;
  }

  /** @throws McpsError `ERR_MCPS_TRAILING` unless everything was read. */
  finish(what: string): void {
    if (this.remaining > 0) {
      throw new McpsError('ERR_MCPS_TRAILING', `${this.remaining} bytes too many after ${what}`, {
        offset: this.offset,
      });
    }
  }

  #take(length: number, what: string): number {
    if (length > this.remaining) {
      throw new McpsError(
        'ERR_MCPS_TRUNCATED',
        `${what} at offset ${this.offset} needs ${length} bytes, ${this.remaining} are there`,
        { offset: this.offset },
      );
    }
    const start = this.offset;
    this.offset += length;
    return start;
  }
}
