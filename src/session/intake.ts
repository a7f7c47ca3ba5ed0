import type { Effect } from './effects';
import type { Message, MessageOrigin } from './message';
import type { Outbound } from './outbound';
import { publishPacketSize } from './outbound-message';
import { identifierOf } from './packet-identifiers';
import type { ConnectionLimits } from './packets';
import { queuedMessage } from './queued-message';
import { messageSize } from './record-codec';
import type { RecordLog } from './record-log';
import { type EnqueuedRecord, type MessageSource, RecordKind } from './records';
import type { Transfers } from './transfers';

/** Bytes by which the queue may be too large while its oldest messages are read, to be dropped. */
const OVER_BYTES_MAX = 16 * 1024 * 1024;

export interface IntakeOptions {
  maxBytes: number;
  whenFull: 'reject' | 'dropOldest';
}

/**
 * What a publish became. `stored`: in the queue under this sequence; durable as soon as that record is. `duplicate`: this
 * message of its source was enqueued before; `pending`: but that is not durable yet, so it may still be rejected.
 */
export type PublishOutcome =
  | { kind: 'stored'; sequence: number }
  | { kind: 'sent' }
  | { kind: 'full' }
  | { kind: 'duplicate'; pending: boolean };

/** Where messages enter: past the queue, into it, or not at all. */
export class Intake {
  /** Undefined while not connected. */
  #limits: ConnectionLimits | undefined;
  /** More is stored than may be, until the oldest messages have been read and dropped. */
  #isOver = false;

  constructor(
    private readonly outbound: Outbound,
    private readonly transfers: Transfers,
    private readonly log: RecordLog,
    private readonly effects: Effect[],
    private readonly options: IntakeOptions,
  ) {}

  connected(limits: ConnectionLimits): void {
    this.#limits = limits;
  }

  disconnected(): void {
    this.#limits = undefined;
  }

  /** See `Session.publish`. */
  publish(
    message: Message,
    origin: MessageOrigin | undefined,
    watched: boolean,
    now: number,
    source: MessageSource | undefined,
  ): PublishOutcome {
    if (source !== undefined) this.transfers.check(source);
    if (source !== undefined && this.transfers.has(source)) {
      return { kind: 'duplicate', pending: this.transfers.isPending(source) };
    }
    if (source === undefined && message.qos === 0 && this.#sendAtOnce(message)) return { kind: 'sent' };
    const size = messageSize(message, origin);
    if (!this.#makeRoom(size, source !== undefined)) return { kind: 'full' };
    this.#skipReserved();
    const record: EnqueuedRecord = { kind: RecordKind.Enqueued, message, enqueuedAt: now };
    if (origin !== undefined) record.origin = origin;
    if (source !== undefined) record.source = source;
    const sequence = this.log.append(record);
    if (source !== undefined) this.transfers.add(source, sequence);
    this.outbound.enqueue(queuedMessage(sequence, record), size, watched);
    return { kind: 'stored', sequence };
  }

  /** More of the queue is in memory: what was to make room for messages taken meanwhile is dropped. */
  loaded(): void {
    if (!this.#isOver) return;
    this.#dropOldest(0);
    this.#isOver = this.outbound.stored.bytes > this.options.maxBytes;
  }

  /** QoS 0 bypasses the queue while connected, as long as the stream takes it. */
  #sendAtOnce(message: Message): boolean {
    const limits = this.#limits;
    if (limits === undefined || !this.outbound.takesQoS0) return false;
    if (message.retain && !limits.retainAvailable) return false;
    const packetSize = publishPacketSize(message);
    if (limits.maximumPacketSize !== undefined && packetSize > limits.maximumPacketSize) return false;
    const { topic, payload, retain } = message;
    const properties =
      limits.protocolVersion === 5 && message.properties !== undefined ? { properties: message.properties } : {};
    this.effects.push({
      type: 'send',
      packet: { cmd: 'publish', topic, payload, qos: 0, retain, dup: false, ...properties },
    });
    return true;
  }

  #makeRoom(size: number, isTransfer: boolean): boolean {
    const { maxBytes, whenFull } = this.options;
    if (this.outbound.stored.bytes + size <= maxBytes) return true;
    if (whenFull === 'reject' || isTransfer || size > maxBytes) return false;
    this.#dropOldest(size);
    const bytes = this.outbound.stored.bytes + size;
    if (bytes <= maxBytes) return true;
    // What is to make room is on disk only: it goes as soon as it is read.
    if (!this.outbound.isFrontOnDisk || bytes > maxBytes + OVER_BYTES_MAX) return false;
    this.#isOver = true;
    return true;
  }

  #dropOldest(size: number): void {
    const count = this.outbound.dropOldest(size, this.options.maxBytes);
    if (count > 0) this.effects.push({ type: 'report', report: { kind: 'dropped-oldest', count } });
  }

  /** The broker may hold something under these identifiers: no message gets such a sequence. */
  #skipReserved(): void {
    while (this.outbound.isReserved(identifierOf(this.log.sequence + 1))) {
      this.log.append({ kind: RecordKind.Paused, paused: this.outbound.paused });
    }
  }
}
