/**
 * MCPS version 1, byte for byte. All integers little-endian:
 *
 *   magic u32, version u16 = 1, created u64 ms, last access u64 ms, expiry interval u32 s, client id (u16 length)
 *   u16 subscriptions: topic (u16 length), QoS i32
 *   last packet identifier u32
 *   u16 in-flight messages, oldest first: packet identifier u16, topic (u16 length), payload (u32 length), QoS i32,
 *   retain u8, send time u64 ms, retry count u32
 */
import type { QoS } from '../session/message';
import { ByteReader } from './byte-reader';
import { ByteWriter } from './byte-writer';
import { readMetadata, readVersion, writeHeader } from './header';
import { McpsError } from './mcps-error';

export const MCPS_VERSION_1 = 1;

const LIST_LENGTH_MAX = 0xffff;
const SUBSCRIPTION_BYTES_MIN = 6;
const INFLIGHT_BYTES_MIN = 25;

export interface McpsV1Subscription {
  topic: string;
  qos: QoS;
}

export interface McpsV1InflightMessage {
  /** 1 to 65535, each once in a file. */
  packetId: number;
  topic: string;
  payload: Buffer;
  qos: QoS;
  retain: boolean;
  /** Milliseconds since the epoch. */
  sendTime: number;
  retryCount: number;
}

/** All that a v1 file holds. Times in milliseconds since the epoch, `expiryInterval` in seconds (0: never). */
export interface McpsV1Session {
  version: 1;
  clientId: string;
  createdTime: number;
  lastAccessTime: number;
  expiryInterval: number;
  lastPacketId: number;
  subscriptions: McpsV1Subscription[];
  /** Oldest first. */
  inflight: McpsV1InflightMessage[];
}

/** The client id in the head of a v1 file; undefined when the bytes are not the beginning of one. */
export function readV1ClientId(head: Buffer): string | undefined {
  try {
    const reader = new ByteReader(head);
    return readVersion(reader) === MCPS_VERSION_1 ? readMetadata(reader).clientId : undefined;
  } catch (error) {
    if (error instanceof McpsError) return undefined;
    throw error;
  }
}

/**
 * Reads a v1 file.
 * @throws McpsError with code `ERR_MCPS_MAGIC`, `_VERSION`, `_TRUNCATED`, `_COUNT`, `_UTF8`, `_IDENTIFIER` (0 or
 * repeated), `_QOS` (outside 0 to 2), `_VALUE` (a time above 2^53, a retain flag above 1) or `_TRAILING`.
 */
export function decodeMcpsV1(bytes: Buffer): McpsV1Session {
  const reader = new ByteReader(bytes);
  const version = readVersion(reader);
  if (version !== MCPS_VERSION_1) {
    throw new McpsError('ERR_MCPS_VERSION', `session file has version ${version}, not 1`, { version });
  }
  const metadata = readMetadata(reader);

  const subscriptions: McpsV1Subscription[] = [];
  const subscriptionCount = reader.count(
    reader.u16('subscription count'),
    SUBSCRIPTION_BYTES_MIN,
    'subscription count',
  );
  for (let i = 0; i < subscriptionCount; i++) {
    const topic = reader.text(reader.u16('subscription topic length'), 'subscription topic');
    subscriptions.push({ topic, qos: readQoS(reader) });
  }

  const lastPacketId = reader.u32('last packet identifier');
  const inflight: McpsV1InflightMessage[] = [];
  const identifiers = new Set<number>();
  const inflightCount = reader.count(reader.u16('in-flight count'), INFLIGHT_BYTES_MIN, 'in-flight count');
  for (let i = 0; i < inflightCount; i++) {
    const message = readInflightMessage(reader);
    checkIdentifier(message.packetId, identifiers);
    inflight.push(message);
  }
  reader.finish('the last in-flight message');

  return {
    version: MCPS_VERSION_1,
    clientId: metadata.clientId,
    createdTime: metadata.createdAt,
    lastAccessTime: metadata.lastAccessAt,
    expiryInterval: metadata.expiryInterval,
    lastPacketId,
    subscriptions,
    inflight,
  };
}

/**
 * Writes a v1 file, byte for byte as the original implementation does.
 * @throws McpsError for what v1 cannot hold: `ERR_MCPS_COUNT` (more than 65535 entries), `_LENGTH` (text above 65535
 * bytes), `_UTF8` (a lone surrogate), `_IDENTIFIER` (0 or repeated), `_QOS`, `_VALUE` (a number outside of its field, a
 * payload that is no Buffer). Never a cut file.
 */
export function encodeMcpsV1(session: McpsV1Session): Buffer {
  const writer = new ByteWriter();
  writeHeader(writer, MCPS_VERSION_1, {
    clientId: checkText(session.clientId, 'client id'),
    createdAt: session.createdTime,
    lastAccessAt: session.lastAccessTime,
    expiryInterval: session.expiryInterval,
  });

  writer.u16(checkListLength(session.subscriptions, 'subscriptions'), 'subscription count');
  for (const { topic, qos } of session.subscriptions) {
    writer.text16(checkText(topic, 'subscription topic'), 'subscription topic');
    writer.i32(checkQoS(qos), 'subscription QoS');
  }

  writer.u32(session.lastPacketId, 'last packet identifier');
  writer.u16(checkListLength(session.inflight, 'in-flight messages'), 'in-flight count');
  const identifiers = new Set<number>();
  for (const message of session.inflight) {
    checkIdentifier(message.packetId, identifiers);
    writer.u16(message.packetId, 'packet identifier');
    writer.text16(checkText(message.topic, 'topic'), 'topic');
    writer.bytes32(checkPayload(message.payload), 'payload');
    writer.i32(checkQoS(message.qos), 'QoS');
    writer.flag(message.retain);
    writer.u64(message.sendTime, 'send time');
    writer.u32(message.retryCount, 'retry count');
  }
  return writer.finish();
}

function readInflightMessage(reader: ByteReader): McpsV1InflightMessage {
  const packetId = reader.u16('packet identifier');
  const topic = reader.text(reader.u16('topic length'), 'topic');
  const payload = reader.copy(reader.u32('payload length'), 'payload');
  const qos = readQoS(reader);
  const retain = reader.flag('retain flag');
  const sendTime = reader.u64('send time');
  const retryCount = reader.u32('retry count');
  return { packetId, topic, payload, qos, retain, sendTime, retryCount };
}

function readQoS(reader: ByteReader): QoS {
  const offset = reader.offset;
  return checkQoS(reader.i32('QoS'), { offset });
}

function checkQoS(qos: number, details: Record<string, unknown> = {}): QoS {
  if (qos !== 0 && qos !== 1 && qos !== 2) {
    throw new McpsError('ERR_MCPS_QOS', `QoS must be 0, 1 or 2, not ${qos}`, { ...details, qos });
  }
  return qos;
}

/** A packet identifier is not 0 and belongs to one message only (MQTT-2.3.1-1 and -2 (3.1.1)). */
function checkIdentifier(packetId: number, seen: Set<number>): void {
  if (packetId === 0 || seen.has(packetId)) {
    const reason = packetId === 0 ? 'is 0' : `${packetId} is repeated`;
    throw new McpsError('ERR_MCPS_IDENTIFIER', `packet identifier ${reason}`, { packetId });
  }
  seen.add(packetId);
}

/** UTF-8 would put another character in the place of a lone surrogate. */
function checkText(text: string, what: string): string {
  if (typeof text !== 'string') throw new McpsError('ERR_MCPS_VALUE', `${what} is not a string`);
  if (/\p{Surrogate}/u.test(text)) throw new McpsError('ERR_MCPS_UTF8', `${what} has half a surrogate pair`);
  return text;
}

function checkPayload(payload: unknown): Uint8Array {
  if (!(payload instanceof Uint8Array)) throw new McpsError('ERR_MCPS_VALUE', 'a payload is not a Buffer');
  return payload;
}

function checkListLength(list: readonly unknown[], what: string): number {
  if (list.length > LIST_LENGTH_MAX) {
    throw new McpsError('ERR_MCPS_COUNT', `${list.length} ${what}: a v1 file holds ${LIST_LENGTH_MAX}; use JSONL`);
  }
  return list.length;
}
