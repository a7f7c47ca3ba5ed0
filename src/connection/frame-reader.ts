import { ProtocolViolation } from './protocol-violation';

/** Chunks of one packet that are kept as they came; then they are joined, because each costs much more than its bytes. */
const LOOSE_PARTS_MAX = 1_024;

/** Called with the packet's bytes: `buffer` from `start` (first byte of the fixed header), `body` (behind it) to `end`. */
export type FrameHandler = (buffer: Buffer, start: number, body: number, end: number) => boolean;

/**
 * Cuts a byte stream into control packets by the fixed header (2.1 and 2.2 in 3.1.1, 2.1 in 5.0).
 * A packet that lies in one chunk is not copied; one that spans chunks is joined once, when it is complete.
 */
export class FrameReader {
  readonly #maximumPacketSize: number;
  #parts: Buffer[] = [];
  /** The first of these were joined already. */
  #joinedParts = 0;
  #partBytes = 0;
  /** Bytes of the packet that began in `#parts`; 0 while its fixed header is not complete. */
  #packetBytes = 0;

  /** `maximumPacketSize`: what our CONNECT announced (MQTT-3.1.2-24 (5.0)); absent: no limit. */
  constructor(maximumPacketSize = Number.POSITIVE_INFINITY) {
    this.#maximumPacketSize = maximumPacketSize;
  }

  /**
   * Calls `handle` for each packet that `chunk` completes, until it returns false; then the rest is dropped.
   * @throws ProtocolViolation for a malformed length or a packet above the maximum; whatever `handle` throws.
   */
  read(chunk: Buffer, handle: FrameHandler): void {
    let buffer = chunk;
    if (this.#parts.length > 0) {
      this.#parts.push(chunk);
      this.#partBytes += chunk.length;
      if (this.#partBytes < this.#packetBytes) {
        this.#joinLooseParts();
        return;
      }
      buffer = Buffer.concat(this.#parts, this.#partBytes);
      this.#parts = [];
      this.#joinedParts = 0;
    }
    let start = 0;
    while (start < buffer.length) {
      const body = bodyOffset(buffer, start);
      const length = body === 0 ? 0 : body - start + remainingLength(buffer, start + 1);
      if (length > this.#maximumPacketSize) {
        throw new ProtocolViolation(
          0x95,
          `it sent a packet of ${length} bytes; ${this.#maximumPacketSize} were allowed`,
        );
      }
      if (body === 0 || start + length > buffer.length) {
        const rest = buffer.subarray(start);
        this.#parts = [rest];
        this.#partBytes = rest.length;
        this.#packetBytes = length;
        return;
      }
      if (!handle(buffer, start, body, start + length)) return;
      start += length;
    }
  }

  #joinLooseParts(): void {
    if (this.#parts.length - this.#joinedParts < LOOSE_PARTS_MAX) return;
    this.#parts.push(Buffer.concat(this.#parts.splice(this.#joinedParts)));
    this.#joinedParts = this.#parts.length;
  }
}

/** Offset behind the fixed header, or 0 while it is not complete. */
function bodyOffset(buffer: Buffer, start: number): number {
  for (let offset = start + 1; offset < buffer.length; offset++) {
    if ((buffer[offset] as number) < 0x80) return offset + 1;
    if (offset === start + 4)
      throw new ProtocolViolation(0x81, 'it sent a packet whose length has more than four bytes');
  }
  return 0;
}

/** The variable byte integer at `offset`, which is known to be complete. */
function remainingLength(buffer: Buffer, offset: number): number {
  let value = 0;
  let shift = 0;
  for (let position = offset; ; position++, shift += 7) {
    const byte = buffer[position] as number;
    value += (byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}
