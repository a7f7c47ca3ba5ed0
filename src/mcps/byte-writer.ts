import { McpsError } from './mcps-error';

/** Writes little-endian fields into a buffer that grows. `what` names the field when a value does not fit it. */
export class ByteWriter {
  #buffer = Buffer.allocUnsafe(256);
  #length = 0;

  u8(value: number, what: string): void {
    this.#check(value, 0, 0xff, what);
    const start = this.#reserve(1);
    this.#length = this.#buffer.writeUInt8(value, start);
  }

  u16(value: number, what: string): void {
    this.#check(value, 0, 0xffff, what);
    const start = this.#reserve(2);
    this.#length = this.#buffer.writeUInt16LE(value, start);
  }

  u32(value: number, what: string): void {
    this.#check(value, 0, 0xffffffff, what);
    const start = this.#reserve(4);
    this.#length = this.#buffer.writeUInt32LE(value, start);
  }

  i32(value: number, what: string): void {
    this.#check(value, -0x80000000, 0x7fffffff, what);
    const start = this.#reserve(4);
    this.#length = this.#buffer.writeInt32LE(value, start);
  }

  u64(value: number, what: string): void {
    this.#check(value, 0, Number.MAX_SAFE_INTEGER, what);
    const start = this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64LE(BigInt(value), start);
  }

  f64(value: number, what: string): void {
    if (!Number.isFinite(value)) throw new McpsError('ERR_MCPS_VALUE', `${what} is not a number: ${value}`);
    const start = this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, start);
  }

  flag(value: boolean): void {
    this.u8(value ? 1 : 0, 'flag');
  }

  raw(bytes: Uint8Array): void {
    const start = this.#reserve(bytes.length);
    this.#buffer.set(bytes, start);
    this.#length = start + bytes.length;
  }

  /** UTF-8 behind its length as u16. */
  text16(value: string, what: string): void {
    const bytes = Buffer.from(value, 'utf8');
    if (bytes.length > 0xffff) {
      throw new McpsError('ERR_MCPS_LENGTH', `${what} has ${bytes.length} bytes, the format holds 65535`);
    }
    this.u16(bytes.length, what);
    this.raw(bytes);
  }

  /** UTF-8 behind its length as u32. */
  text32(value: string, what: string): void {
    this.bytes32(Buffer.from(value, 'utf8'), what);
  }

  /** Bytes behind their length as u32. */
  bytes32(value: Uint8Array, what: string): void {
    this.u32(value.length, what);
    this.raw(value);
  }

  /** What was written; shares memory with the writer, which is not to be used afterwards. */
  finish(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #check(value: number, min: number, max: number, what: string): void {
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new McpsError('ERR_MCPS_VALUE', `${what} must be an integer from ${min} to ${max}, not ${value}`);
    }
  }

  #reserve(bytes: number): number {
    const needed = this.#length + bytes;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, this.#length);
      this.#buffer = grown;
    }
    return this.#length;
  }
}
