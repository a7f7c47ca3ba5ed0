import * as zlib from 'node:zlib';

/** docs/formats.md, section 1: a checksum that goes on from `start`. */
export function crc32(bytes: Buffer | string, start = 0): number {
  return zlib.crc32(bytes, start);
}

/** Fields one after the other, little-endian. Every read is checked against the bytes that are there. */
export class Fields {
  offset = 0;

  constructor(private readonly bytes: Buffer) {}

  get rest(): number {
    return this.bytes.length - this.offset;
  }

  u8(): number {
    return this.bytes.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.bytes.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.#take(4));
  }

  i32(): number {
    return this.bytes.readInt32LE(this.#take(4));
  }

  u48(): number {
    return this.bytes.readUIntLE(this.#take(6), 6);
  }

  u64(): number {
    const value = this.bytes.readBigUInt64LE(this.#take(8));
    if (value >= 2n ** 53n) throw new Error(`${value} is above 2^53 - 1`);
    return Number(value);
  }

  f64(): number {
    return this.bytes.readDoubleLE(this.#take(8));
  }

  flag(): boolean {
    return this.oneOf([0, 1]) === 1;
  }

  /** A byte that must be one of these. */
  oneOf(values: readonly number[], value = this.u8()): number {
    if (!values.includes(value))
      throw new Error(`${value} before offset ${this.offset} is none of ${values.join(', ')}`);
    return value;
  }

  raw(length: number): Buffer {
    const start = this.#take(length);
    return this.bytes.subarray(start, start + length);
  }

  text(length: number): string {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.raw(length));
  }

  text16(): string {
    return this.text(this.u16());
  }

  text32(): string {
    return this.text(this.u32());
  }

  bytes32(): Buffer {
    return this.raw(this.u32());
  }

  /** So many entries, read one after the other. */
  list<T>(count: number, read: () => T): T[] {
    const entries: T[] = [];
    for (let index = 0; index < count; index++) entries.push(read());
    return entries;
  }

  end<T>(value: T): T {
    if (this.rest > 0) throw new Error(`${this.rest} bytes are left over`);
    return value;
  }

  #take(length: number): number {
    if (length > this.rest) throw new Error(`${length} bytes are due at offset ${this.offset}, ${this.rest} are there`);
    this.offset += length;
    return this.offset - length;
  }
}
