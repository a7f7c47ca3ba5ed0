import {
  type IConnectPacket,
  type IDisconnectPacket,
  type IPingreqPacket,
  type Packet,
  writeToStream,
} from 'mqtt-packet';
import { SessionError } from '../errors';
import type { AcknowledgementPacket, OutboundPacket, PublishPacket } from '../session/packets';

/** Payloads from this size on are sent as they are; smaller ones are copied beside their header. */
const COPY_BELOW_BYTES = 16 * 1024;
const BLOCK_BYTES = 64 * 1024;

/** MQTT's limit of the remaining length (2.2.3 (3.1.1), 2.1.4 (5.0)). */
const REMAINING_LENGTH_MAX = 268_435_455;

// It would keep 65,536 buffers, 7 MiB, to write a number faster into the few packets that are left to it.
writeToStream.cacheNumbers = false;

const ACKNOWLEDGEMENT_HEADERS = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const;

/**
 * Encodes packets one behind the other. PUBLISH without properties and plain acknowledgements, which are nearly all of
 * the traffic, are written straight into a block; the rest is encoded by `mqtt-packet`.
 */
export class PacketEncoder {
  readonly #options: { protocolVersion: 3 | 4 | 5 };
  #chunks: Buffer[] = [];
  #block = Buffer.alloc(0);
  /** `#block` is handed out up to `#start`, and written up to `#position`. */
  #start = 0;
  #position = 0;
  /** Bytes encoded since the last `take`. */
  bytes = 0;

  constructor(protocolVersion: 3 | 4 | 5) {
    this.#options = { protocolVersion };
  }

  /**
   * @throws SessionError `ERR_PACKET_INVALID` for a packet that MQTT cannot express; nothing of it is encoded then.
   */
  append(packet: OutboundPacket | IConnectPacket | IDisconnectPacket | IPingreqPacket): void {
    if (packet.cmd === 'publish' && (packet.properties === undefined || this.#options.protocolVersion !== 5)) {
      this.#publish(packet);
    } else if (packet.cmd in ACKNOWLEDGEMENT_HEADERS && isPlain(packet as AcknowledgementPacket)) {
      this.#acknowledgement(packet as AcknowledgementPacket);
    } else {
      this.#other(packet as Packet);
    }
  }

  /** All that was encoded, in order; ours no longer. */
  take(): Buffer[] {
    this.#closeBlock();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.bytes = 0;
    return chunks;
  }

  #publish(packet: PublishPacket): void {
    const { topic, payload, qos } = packet;
    const topicBytes = Buffer.byteLength(topic);
    const isVersion5 = this.#options.protocolVersion === 5;
    const headBytes = 2 + topicBytes + (qos > 0 ? 2 : 0) + (isVersion5 ? 1 : 0);
    const remainingLength = headBytes + payload.length;
    if (topicBytes > 0xffff) throw invalid(packet.cmd, `its topic has ${topicBytes} bytes; 65,535 are allowed`);
    if (remainingLength > REMAINING_LENGTH_MAX) throw invalid(packet.cmd, `it is too large (${remainingLength} bytes)`);
    const identifier = qos > 0 ? checkedIdentifier(packet.cmd, packet.messageId) : 0;

    const isCopied = payload.length < COPY_BELOW_BYTES;
    this.#reserve(5 + headBytes + (isCopied ? payload.length : 0));
    const block = this.#block;
    let position = this.#position;
    block[position++] = 0x30 | (packet.dup ? 8 : 0) | (qos << 1) | (packet.retain ? 1 : 0);
    let length = remainingLength;
    for (; length > 127; length >>>= 7) block[position++] = (length & 0x7f) | 0x80;
    block[position++] = length;
    block[position++] = topicBytes >>> 8;
    block[position++] = topicBytes;
    position += block.write(topic, position, topicBytes, 'utf8');
    if (qos > 0) {
      block[position++] = identifier >>> 8;
      block[position++] = identifier;
    }
    if (isVersion5) block[position++] = 0;
    if (isCopied) position += payload.copy(block, position);
    this.#advance(position);
    if (!isCopied) this.#appendChunk(payload);
  }

  #acknowledgement({ cmd, messageId }: AcknowledgementPacket): void {
    const identifier = checkedIdentifier(cmd, messageId);
    this.#reserve(4);
    const block = this.#block;
    let position = this.#position;
    block[position++] = ACKNOWLEDGEMENT_HEADERS[cmd];
    block[position++] = 2;
    block[position++] = identifier >>> 8;
    block[position++] = identifier;
    this.#advance(position);
  }

  #other(packet: Packet): void {
    if (packet.messageId !== undefined) checkedIdentifier(packet.cmd, packet.messageId);
    const parts: (Buffer | string)[] = [];
    // Declared as a whole stream; but `writeToStream` only writes to it, and destroys it when a packet cannot be encoded.
    const sink = {
      write: (part: Buffer | string) => parts.push(part) > 0,
      destroy: (error: Error) => {
        throw error;
      },
    };
    try {
      writeToStream(withoutEmptyProperties(packet), sink as unknown as NodeJS.WritableStream, this.#options);
    } catch (error) {
      throw invalid(packet.cmd, error instanceof Error ? error.message : String(error), error);
    }
    if (parts.length === 0) throw invalid(packet.cmd, 'its properties cannot be encoded');
    for (const part of parts) {
      const chunk = typeof part === 'string' ? Buffer.from(part) : part;
      if (chunk.length < COPY_BELOW_BYTES) {
        this.#reserve(chunk.length);
        this.#advance(this.#position + chunk.copy(this.#block, this.#position));
      } else {
        this.#appendChunk(chunk);
      }
    }
  }

  #appendChunk(chunk: Buffer): void {
    this.#closeBlock();
    this.#chunks.push(chunk);
    this.bytes += chunk.length;
  }

  /** Makes room for `length` bytes that must not be split. */
  #reserve(length: number): void {
    if (this.#position + length <= this.#block.length) return;
    this.#closeBlock();
    this.#block = Buffer.allocUnsafeSlow(Math.max(BLOCK_BYTES, length));
    this.#start = 0;
    this.#position = 0;
  }

  #advance(position: number): void {
    this.bytes += position - this.#position;
    this.#position = position;
  }

  #closeBlock(): void {
    if (this.#position > this.#start) this.#chunks.push(this.#block.subarray(this.#start, this.#position));
    this.#start = this.#position;
  }
}

function isPlain(packet: AcknowledgementPacket): boolean {
  return packet.properties === undefined && (packet.reasonCode === undefined || packet.reasonCode === 0);
}

/** MQTT-2.3.1-1 (3.1.1), MQTT-2.2.1-3 (5.0) */
function checkedIdentifier(cmd: string, identifier: number | undefined): number {
  if (identifier !== undefined && Number.isInteger(identifier) && identifier > 0 && identifier <= 0xffff) {
    return identifier;
  }
  throw invalid(cmd, `its packet identifier is ${identifier}`);
}

/** `mqtt-packet` writes nothing at all, without an error, when a list of properties is there and empty. */
function withoutEmptyProperties(packet: Packet): Packet {
  const { properties } = packet as { properties?: Record<string, unknown> };
  if (!properties) return packet;
  const kept = Object.entries(properties).filter(([, value]) => value !== undefined && !isEmptyList(value));
  return { ...packet, properties: Object.fromEntries(kept) } as Packet;
}

function isEmptyList(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return false;
  return Object.keys(value).length === 0;
}

function invalid(cmd: string, reason: string, cause?: unknown): SessionError {
  return new SessionError('ERR_PACKET_INVALID', `${cmd.toUpperCase()} cannot be sent: ${reason}`, { cause });
}
