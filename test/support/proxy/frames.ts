import type { Packet } from 'mqtt-packet';
import * as mqttPacket from 'mqtt-packet';

/** Bytes to forward together, and the packets whose last byte is among them. */
export interface Piece {
  bytes: Buffer;
  packets: { packet: Packet; end: number }[];
  /** Exactly one whole packet, so that it can be left out. */
  whole: boolean;
}

/**
 * Cuts one direction of a connection into packets, without changing a byte.
 *
 * Frames are found by the fixed header; mqtt-packet only decodes them. Unless `whole` packets are asked for, bytes are
 * passed on as they come, so that a long packet is not held back until its end.
 */
export class FrameReader {
  readonly #parser: mqttPacket.Parser;
  #parsed: Packet | undefined;
  #error: Error | undefined;
  /** The frame that has begun. */
  #parts: Buffer[] = [];
  #received = 0;
  /** Undefined until the fixed header is complete. */
  #size: number | undefined;
  #holding = false;

  /** @param protocolVersion of the CONNECT; undefined for the direction in which CONNECT itself comes. */
  constructor(protocolVersion?: number) {
    this.#parser = mqttPacket.parser(protocolVersion === undefined ? undefined : { protocolVersion });
    this.#parser.on('packet', (packet) => {
      this.#parsed = packet;
    });
    this.#parser.on('error', (error: Error) => {
      this.#error = error;
    });
  }

  /** Why the bytes are no MQTT packets. From there on all bytes pass undecoded. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** @param whole the caller wants packets that begin in this chunk as pieces of their own. */
  read(chunk: Buffer, whole: boolean): Piece[] {
    const pieces: Piece[] = [];
    let flow: Piece | undefined;
    let flowStart = 0;
    let position = 0;
    while (position < chunk.length) {
      const start = position;
      if (this.#received === 0 && !this.#error) this.#holding = whole;
      const end = this.#error ? chunk.length : this.#take(chunk, start);
      position = end;
      const frame = this.#completeFrame();
      const packet = frame && this.#decode(frame);
      if (this.#holding) {
        if (frame && packet) pieces.push({ bytes: frame, packets: [{ packet, end: frame.length }], whole: true });
        else if (this.#error) {
          pieces.push({ bytes: frame ?? Buffer.concat(this.#parts), packets: [], whole: false });
          this.#parts = [];
          this.#holding = false;
        }
        continue;
      }
      if (!flow) {
        flow = { bytes: chunk, packets: [], whole: false };
        flowStart = start;
        pieces.push(flow);
      }
      flow.bytes = chunk.subarray(flowStart, end);
      if (packet) flow.packets.push({ packet, end: end - flowStart });
    }
    return pieces;
  }

  #completeFrame(): Buffer | undefined {
    if (this.#size === undefined || this.#received < this.#size) return undefined;
    const [first, ...rest] = this.#parts;
    const frame = first && rest.length === 0 ? first : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#received = 0;
    this.#size = undefined;
    return frame;
  }

  /** Takes the bytes of at most one frame, from `start`. @returns the position behind them. */
  #take(chunk: Buffer, start: number): number {
    let position = start;
    if (this.#size === undefined) {
      position = this.#takeHeader(chunk, start);
    }
    if (this.#size !== undefined) {
      const missing = this.#size - this.#received - (position - start);
      position = Math.min(chunk.length, position + missing);
    }
    this.#parts.push(chunk.subarray(start, position));
    this.#received += position - start;
    return position;
  }

  /** Reads up to the end of the remaining length (2.2.3 in 3.1.1, 2.1.4 in 5.0), which may lie in an earlier chunk. */
  #takeHeader(chunk: Buffer, start: number): number {
    const header = this.#parts.flatMap((part) => [...part]);
    let position = start;
    while (position < chunk.length) {
      header.push(chunk[position++] ?? 0);
      const last = header[header.length - 1] ?? 0;
      if (header.length > 1 && last < 0x80) {
        const remaining = header.slice(1).reduce((sum, byte, index) => sum + (byte & 0x7f) * 128 ** index, 0);
        this.#size = header.length + remaining;
        return position;
      }
      if (header.length === 5) {
        this.#error = new Error('remaining length of more than four bytes');
        return chunk.length;
      }
    }
    return position;
  }

  #decode(frame: Buffer): Packet | undefined {
    this.#parsed = undefined;
    this.#parser.parse(frame);
    const packet: Packet | undefined = this.#parsed;
    if (!packet) this.#error ??= new Error(`packet of ${frame.length} bytes could not be decoded`);
    return this.#error ? undefined : packet;
  }
}
