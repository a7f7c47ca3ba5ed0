import { isUtf8 } from 'node:buffer';
import { ProtocolViolation } from './protocol-violation';

const EMPTY = Buffer.alloc(0);

/** Below this a payload is copied, because a view would keep the whole chunk that it came in (up to 64 KiB) alive. */
const COPY_BELOW_BYTES = 16 * 1024;

/** Reads the fields of one packet; none reaches past its end. Every fault is a `ProtocolViolation`. */
export class PacketReader {
  readonly #buffer: Buffer;
  #position: number;
  readonly #end: number;

  constructor(buffer: Buffer, position: number, end: number) {
    this.#buffer = buffer;
    this.#position = position;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.#position;
  }

  byte(): number {
    this.#need(1);
    return this.#buffer[this.#position++] as number;
  }

  uint16(): number {
    this.#need(2);
    const value = this.#buffer.readUInt16BE(this.#position);
    this.#position += 2;
    return value;
  }

  uint32(): number {
    this.#need(4);
    const value = this.#buffer.readUInt32BE(this.#position);
    this.#position += 4;
    return value;
  }

  variableByteInteger(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw new ProtocolViolation(0x81, 'it sent a variable byte integer of more than four bytes');
  }

  /** A UTF-8 string; ill-formed text and U+0000 are malformed (1.5.3-1 and -2 (3.1.1), 1.5.4-1 and -2 (5.0)). */
  string(): string {
    const length = this.uint16();
    this.#need(length);
    const start = this.#position;
    this.#position += length;
    const text = this.#buffer.toString('utf8', start, this.#position);
    // Decoding puts U+FFFD where the bytes are wrong, but it may also have been sent.
    if (text.includes('\ufffd') && !isUtf8(this.#buffer.subarray(start, this.#position))) {
      throw new ProtocolViolation(0x81, 'it sent text that is not UTF-8');
    }
    if (text.includes('\0')) throw new ProtocolViolation(0x81, 'it sent text with the character U+0000');
    return text;
  }

  /** Binary data with its length in front, copied. */
  binary(): Buffer {
    return this.#bytes(this.uint16());
  }

  /** All that is left: a copy when it is small, else a view. */
  rest(): Buffer {
    return this.#bytes(this.remaining);
  }

  /** A reader of the next `length` bytes, which are skipped here. */
  part(length: number): PacketReader {
    this.#need(length);
    const start = this.#position;
    this.#position += length;
    return new PacketReader(this.#buffer, start, this.#position);
  }

  /** @throws ProtocolViolation unless everything was read. */
  finish(): void {
    if (this.#position !== this.#end) {
      throw new ProtocolViolation(0x81, `it sent a packet with ${this.remaining} bytes too many`);
    }
  }

  #bytes(length: number): Buffer {
    this.#need(length);
    if (length === 0) return EMPTY;
    const view = this.#buffer.subarray(this.#position, this.#position + length);
    this.#position += length;
    return length < COPY_BELOW_BYTES ? Buffer.from(view) : view;
  }

  #need(length: number): void {
    if (this.#position + length > this.#end) throw new ProtocolViolation(0x81, 'it sent a packet that ends too early');
  }
}
