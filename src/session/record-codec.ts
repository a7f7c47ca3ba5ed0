import { type Failure, numberOfReason, reasonOfNumber } from './failure';
import type { Message, MessageOrigin, QoS } from './message';
import { propertiesSize, readProperties, writeProperties } from './property-codec';
import { type EnqueuedRecord, type MessageSource, RecordKind, type SessionRecord } from './records';
import type { RecordCodec, Subscription, SubscriptionState } from './state';

/**
 * Record bodies, little-endian. Sequences and times take 6 bytes (enough for 2^48 records and the year 10889).
 *
 * | kind            | body                                                                                         |
 * | --------------- | -------------------------------------------------------------------------------------------- |
 * | Enqueued        | flags u8, enqueued at u48, topic (u16 length), [properties (u32 length)], [node, messageId (u8 length each)], [source id (u8 length), source sequence u48], payload to the end |
 * | Mark, Adopted   | sequence u48                                                                                 |
 * | Released        | first u48, last u48                                                                          |
 * | Completed       | first u48, last u48, count u48, bytes u48                                                    |
 * | Received(Removed) | identifiers u16 each                                                                       |
 * | SessionLost     | empty                                                                                        |
 * | Subscribed      | options u8, state u8, refused with u8, identifier u32, filter (u16 length), users to the end |
 * | Unsubscribed, Broker, TransferEnded | UTF-8 to the end                                                                        |
 * | Paused          | u8                                                                                           |
 * | GivenUp         | sequence u48, reserve u16, failure                                                           |
 * | Failed          | sequence u48, failure, body of an Enqueued record to the end                                 |
 *
 * A failure is: reason u8, reason code u8, failed at u48, reason string (u16 length).
 */
export const recordCodec: RecordCodec<SessionRecord> = {
  kind: (record) => record.kind,
  size: recordSize,
  write: writeRecord,
  read(kind, body) {
    try {
      return readRecord(kind, body);
    } catch (cause) {
      throw Object.assign(
        new Error(`a record of kind ${kind} cannot be read: ${(cause as Error).message}`, { cause }),
        {
          code: 'ERR_RECORD_INVALID',
        },
      );
    }
  },
};

const FLAG_RETAIN = 0x04;
const FLAG_PROPERTIES = 0x08;
const FLAG_ORIGIN = 0x10;
const FLAG_SOURCE = 0x20;
const ORIGIN_TEXT_MAX = 255;
const REASON_STRING_BYTES_MAX = 65_535;
const SUBSCRIPTION_STATES: readonly SubscriptionState[] = [
  'requested',
  'active',
  'deactivating',
  'inactive',
  'removing',
];

/** What a stored message counts for: the bytes of its record's body, less where it was transferred from. */
export function messageSize(message: Message, origin: MessageOrigin | undefined): number {
  let size = 9 + Buffer.byteLength(message.topic) + message.payload.length;
  if (message.properties !== undefined) size += 4 + propertiesSize(message.properties);
  if (origin !== undefined) size += 2 + originSize(origin.node) + originSize(origin.messageId);
  return size;
}

function recordSize(record: SessionRecord): number {
  switch (record.kind) {
    case RecordKind.Enqueued:
      return messageSize(record.message, record.origin) + sourceSize(record.source);
    case RecordKind.Mark:
    case RecordKind.Adopted:
      return 6;
    case RecordKind.Released:
      return 12;
    case RecordKind.Completed:
      return 24;
    case RecordKind.Received:
    case RecordKind.ReceivedRemoved:
      return record.identifiers.length * 2;
    case RecordKind.SessionLost:
      return 0;
    case RecordKind.Subscribed:
      return 9 + Buffer.byteLength(record.subscription.filter) + Buffer.byteLength(record.subscription.users ?? '');
    case RecordKind.Unsubscribed:
      return Buffer.byteLength(record.filter);
    case RecordKind.Broker:
      return Buffer.byteLength(record.address);
    case RecordKind.TransferEnded:
      return Buffer.byteLength(record.source);
    case RecordKind.Paused:
      return 1;
    case RecordKind.GivenUp:
      return 8 + failureSize(record);
    case RecordKind.Failed:
      return 6 + failureSize(record) + messageSize(record.message, record.origin);
  }
}

function writeRecord(record: SessionRecord, target: Buffer, offset: number): number {
  switch (record.kind) {
    case RecordKind.Enqueued:
      return writeEnqueued(record, target, offset);
    case RecordKind.Mark:
      return target.writeUIntLE(record.upTo, offset, 6);
    case RecordKind.Adopted:
      return target.writeUIntLE(record.until, offset, 6);
    case RecordKind.Released:
      return target.writeUIntLE(record.last, target.writeUIntLE(record.first, offset, 6), 6);
    case RecordKind.Completed: {
      let at = target.writeUIntLE(record.first, offset, 6);
      at = target.writeUIntLE(record.last, at, 6);
      at = target.writeUIntLE(record.count, at, 6);
      return target.writeUIntLE(record.bytes, at, 6);
    }
    case RecordKind.Received:
    case RecordKind.ReceivedRemoved: {
      let at = offset;
      for (const identifier of record.identifiers) at = target.writeUInt16LE(identifier, at);
      return at;
    }
    case RecordKind.SessionLost:
      return offset;
    case RecordKind.Subscribed:
      return writeSubscription(record.subscription, target, offset);
    case RecordKind.Unsubscribed:
      return offset + target.write(record.filter, offset, 'utf8');
    case RecordKind.Broker:
      return offset + target.write(record.address, offset, 'utf8');
    case RecordKind.TransferEnded:
      return offset + target.write(record.source, offset, 'utf8');
    case RecordKind.Paused:
      return target.writeUInt8(record.paused ? 1 : 0, offset);
    case RecordKind.GivenUp:
      return writeFailure(
        record,
        target,
        target.writeUInt16LE(record.reserve, target.writeUIntLE(record.sequence, offset, 6)),
      );
    case RecordKind.Failed:
      return writeEnqueued(
        record,
        target,
        writeFailure(record, target, target.writeUIntLE(record.sequence, offset, 6)),
      );
  }
}

function readRecord(kind: number, body: Buffer): SessionRecord {
  switch (kind) {
    case RecordKind.Enqueued:
      return readEnqueued(body);
    case RecordKind.Mark:
      return { kind, upTo: body.readUIntLE(0, 6) };
    case RecordKind.Adopted:
      return { kind, until: body.readUIntLE(0, 6) };
    case RecordKind.Released:
      return { kind, first: body.readUIntLE(0, 6), last: body.readUIntLE(6, 6) };
    case RecordKind.Completed:
      return {
        kind,
        first: body.readUIntLE(0, 6),
        last: body.readUIntLE(6, 6),
        count: body.readUIntLE(12, 6),
        bytes: body.readUIntLE(18, 6),
      };
    case RecordKind.Received:
    case RecordKind.ReceivedRemoved: {
      const identifiers: number[] = [];
      for (let at = 0; at < body.length; at += 2) identifiers.push(body.readUInt16LE(at));
      return { kind, identifiers };
    }
    case RecordKind.SessionLost:
      return { kind };
    case RecordKind.Subscribed:
      return { kind, subscription: readSubscription(body) };
    case RecordKind.Unsubscribed:
      return { kind, filter: body.toString('utf8') };
    case RecordKind.Broker:
      return { kind, address: body.toString('utf8') };
    case RecordKind.TransferEnded:
      return { kind, source: body.toString('utf8') };
    case RecordKind.Paused:
      return { kind, paused: body.readUInt8(0) === 1 };
    case RecordKind.GivenUp: {
      const { failure } = readFailure(body, 8);
      return { kind, sequence: body.readUIntLE(0, 6), reserve: body.readUInt16LE(6), ...failure };
    }
    case RecordKind.Failed: {
      const { failure, end } = readFailure(body, 6);
      const { message, enqueuedAt, origin } = readEnqueued(body.subarray(end));
      const from = origin === undefined ? {} : { origin };
      return { kind, sequence: body.readUIntLE(0, 6), message, enqueuedAt, ...from, ...failure };
    }
    default:
      throw new RangeError('the kind is unknown');
  }
}

function writeEnqueued(record: Omit<EnqueuedRecord, 'kind'>, target: Buffer, offset: number): number {
  const { message, origin } = record;
  let flags: number = message.qos;
  if (message.retain) flags |= FLAG_RETAIN;
  if (message.properties !== undefined) flags |= FLAG_PROPERTIES;
  if (origin !== undefined) flags |= FLAG_ORIGIN;
  if (record.source !== undefined) flags |= FLAG_SOURCE;
  target[offset] = flags;
  let at = target.writeUIntLE(Math.max(0, Math.trunc(record.enqueuedAt)), offset + 1, 6);
  const topicLength = target.write(message.topic, at + 2, 'utf8');
  target.writeUInt16LE(topicLength, at);
  at += 2 + topicLength;
  if (message.properties !== undefined) {
    const end = writeProperties(message.properties, target, at + 4);
    target.writeUInt32LE(end - at - 4, at);
    at = end;
  }
  if (origin !== undefined) {
    at = writeOriginText(origin.node, target, at);
    at = writeOriginText(origin.messageId, target, at);
  }
  if (record.source !== undefined) {
    target[at] = target.write(record.source.id, at + 1, 'utf8');
    at = target.writeUIntLE(record.source.sequence, at + 1 + (target[at] as number), 6);
  }
  return at + message.payload.copy(target, at);
}

function readEnqueued(body: Buffer): EnqueuedRecord {
  const flags = body.readUInt8(0);
  if ((flags & 3) === 3) throw new RangeError('QoS 3');
  const enqueuedAt = body.readUIntLE(1, 6);
  const topicEnd = 9 + body.readUInt16LE(7);
  const message: Message = {
    topic: text(body, 9, topicEnd),
    payload: body,
    qos: (flags & 3) as QoS,
    retain: (flags & FLAG_RETAIN) !== 0,
  };
  let at = topicEnd;
  if ((flags & FLAG_PROPERTIES) !== 0) {
    const end = at + 4 + body.readUInt32LE(at);
    if (end > body.length) throw new RangeError('properties are longer than their record');
    message.properties = readProperties(body.subarray(at + 4, end));
    at = end;
  }
  const record: EnqueuedRecord = { kind: RecordKind.Enqueued, message, enqueuedAt };
  if ((flags & FLAG_ORIGIN) !== 0) {
    const nodeEnd = at + 1 + body.readUInt8(at);
    const idEnd = nodeEnd + 1 + body.readUInt8(nodeEnd);
    record.origin = { node: text(body, at + 1, nodeEnd), messageId: text(body, nodeEnd + 1, idEnd) };
    at = idEnd;
  }
  if ((flags & FLAG_SOURCE) !== 0) {
    const idEnd = at + 1 + body.readUInt8(at);
    record.source = { id: text(body, at + 1, idEnd), sequence: body.readUIntLE(idEnd, 6) };
    at = idEnd + 6;
  }
  message.payload = body.subarray(at);
  return record;
}

function writeSubscription(subscription: Subscription, target: Buffer, offset: number): number {
  let options: number = subscription.qos | (subscription.retainHandling << 2);
  if (subscription.noLocal) options |= 0x10;
  if (subscription.retainAsPublished) options |= 0x20;
  target[offset] = options;
  target[offset + 1] = SUBSCRIPTION_STATES.indexOf(subscription.state);
  target[offset + 2] = subscription.refusedWith ?? 0;
  target.writeUInt32LE(subscription.identifier, offset + 3);
  const filterLength = target.write(subscription.filter, offset + 9, 'utf8');
  target.writeUInt16LE(filterLength, offset + 7);
  const at = offset + 9 + filterLength;
  return at + target.write(subscription.users ?? '', at, 'utf8');
}

function readSubscription(body: Buffer): Subscription {
  const options = body.readUInt8(0);
  const state = SUBSCRIPTION_STATES[body.readUInt8(1)];
  const refusedWith = body.readUInt8(2);
  const filterEnd = 9 + body.readUInt16LE(7);
  const retainHandling = (options >> 2) & 3;
  if ((options & 3) === 3 || retainHandling === 3 || state === undefined) throw new RangeError('subscription options');
  return {
    filter: text(body, 9, filterEnd),
    qos: (options & 3) as QoS,
    noLocal: (options & 0x10) !== 0,
    retainAsPublished: (options & 0x20) !== 0,
    retainHandling: retainHandling as 0 | 1 | 2,
    identifier: body.readUInt32LE(3),
    state,
    ...(refusedWith === 0 ? {} : { refusedWith }),
    ...(filterEnd === body.length ? {} : { users: text(body, filterEnd, body.length) }),
  };
}

function sourceSize(source: MessageSource | undefined): number {
  return source === undefined ? 0 : 7 + Buffer.byteLength(source.id);
}

/** The broker's words are cut where no record could hold them. */
function reasonStringBytes({ reasonString = '' }: Failure): Buffer {
  return Buffer.from(reasonString, 'utf8').subarray(0, REASON_STRING_BYTES_MAX);
}

function failureSize(failure: Failure): number {
  return 10 + reasonStringBytes(failure).length;
}

function writeFailure(failure: Failure, target: Buffer, offset: number): number {
  const words = reasonStringBytes(failure);
  target[offset] = numberOfReason(failure.reason);
  target[offset + 1] = failure.reasonCode ?? 0;
  target.writeUIntLE(Math.max(0, Math.trunc(failure.failedAt)), offset + 2, 6);
  target.writeUInt16LE(words.length, offset + 8);
  return offset + 10 + words.copy(target, offset + 10);
}

function readFailure(body: Buffer, offset: number): { failure: Failure; end: number } {
  const reason = reasonOfNumber(body.readUInt8(offset));
  if (reason === undefined) throw new RangeError(`the reason ${body[offset]} is unknown`);
  const reasonCode = body.readUInt8(offset + 1);
  const end = offset + 10 + body.readUInt16LE(offset + 8);
  const reasonString = text(body, offset + 10, end);
  const failure: Failure = { reason, failedAt: body.readUIntLE(offset + 2, 6) };
  if (reasonCode !== 0) failure.reasonCode = reasonCode;
  if (reasonString !== '') failure.reasonString = reasonString;
  return { failure, end };
}

function originSize(value: string): number {
  return Math.min(Buffer.byteLength(value), ORIGIN_TEXT_MAX);
}

function writeOriginText(value: string, target: Buffer, offset: number): number {
  const bytes = Buffer.from(value, 'utf8').subarray(0, ORIGIN_TEXT_MAX);
  target[offset] = bytes.length;
  return offset + 1 + bytes.copy(target, offset + 1);
}

function text(body: Buffer, start: number, end: number): string {
  if (end > body.length) throw new RangeError('a text is longer than its record');
  return body.toString('utf8', start, end);
}
