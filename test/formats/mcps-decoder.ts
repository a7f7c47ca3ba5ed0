import { crc32, Fields } from './bytes';

export interface Header {
  version: number;
  created: number;
  lastAccess: number;
  expiryInterval: number;
  clientId: string;
}

export interface V1File extends Header {
  subscriptions: { topic: string; qos: number }[];
  lastPacketId: number;
  inflight: {
    packetId: number;
    topic: string;
    payload: Buffer;
    qos: number;
    retain: boolean;
    sendTime: number;
    retryCount: number;
  }[];
}

export interface Properties {
  payloadFormatIndicator?: boolean;
  messageExpiryInterval?: number;
  contentType?: string;
  responseTopic?: string;
  correlationData?: Buffer;
  /** Name and value, in order. */
  userProperties?: [name: string, value: string][];
}

export interface StoredMessage {
  sequence: number;
  enqueuedAt: number;
  qos: number;
  retain: boolean;
  topic: string;
  payload: Buffer;
  origin?: { node: string; messageId: string };
  properties?: Properties;
}

export interface StoredSubscription {
  filter: string;
  qos: number;
  noLocal: boolean;
  retainAsPublished: boolean;
  retainHandling: number;
  identifier: number;
  state: string;
  refusedWith?: number;
  users?: string;
}

export interface OpenMessage {
  sequence: number;
  packetId: number;
  phase: number;
  releaseOrder: number;
  sentAt: number;
  retries: number;
  message?: StoredMessage;
}

export interface Snapshot {
  header: Header;
  sequence: number;
  mark: number;
  queueStart: number;
  adoptedUntil: number;
  stored: { count: number; bytes: number };
  oldestEnqueuedAt: number;
  subscriptions: StoredSubscription[];
  received: number[];
  journal: { uid: Buffer; epoch: number; segments: { number: number; firstSequence: number; length: number }[] };
  open: OpenMessage[];
  paused: boolean;
  broker: string;
  window: { size: number; ceiling: number };
  transfers: { source: string; enqueued: { first: number; last: number }[] }[];
  givenUp: GivenUp[];
  reserved: number[];
}

export interface GivenUp {
  sequence: number;
  reason: number;
  reasonCode: number;
  failedAt: number;
  reasonString: string;
}

/** Written by a newer version: to be left as it is. */
export class NewerVersion extends Error {}

const QOS = [0, 1, 2];
const PHASES = [0, 1, 2];
const SUBSCRIPTION_STATES = ['requested', 'active', 'inactive', 'deactivating', 'removing'];

function readHeader(fields: Fields): Header {
  if (fields.u32() !== 0x4d435053) throw new Error('no session file');
  return {
    version: fields.u16(),
    created: fields.u64(),
    lastAccess: fields.u64(),
    expiryInterval: fields.u32(),
    clientId: fields.text16(),
  };
}

/** docs/formats.md, section 3. */
export function decodeV1(bytes: Buffer): V1File {
  const fields = new Fields(bytes);
  const header = readHeader(fields);
  if (header.version !== 1) throw new Error(`version ${header.version}`);
  const subscriptions = fields.list(fields.u16(), () => ({
    topic: fields.text16(),
    qos: fields.oneOf(QOS, fields.i32()),
  }));
  const lastPacketId = fields.u32();
  const inflight = fields.list(fields.u16(), () => ({
    packetId: fields.u16(),
    topic: fields.text16(),
    payload: fields.bytes32(),
    qos: fields.oneOf(QOS, fields.i32()),
    retain: fields.flag(),
    sendTime: fields.u64(),
    retryCount: fields.u32(),
  }));
  const identifiers = new Set(inflight.map(({ packetId }) => packetId));
  if (identifiers.has(0) || identifiers.size < inflight.length) throw new Error('an identifier is 0 or repeated');
  return fields.end({ ...header, subscriptions, lastPacketId, inflight });
}

/** docs/formats.md, section 4. @throws NewerVersion, or Error for a damaged file. */
export function decodeSnapshot(bytes: Buffer): Snapshot {
  const { header, fields, checksum } = readSnapshotHeader(bytes);
  const sections = readSections(fields, checksum);
  const section = <T>(id: number, read: (content: Fields) => T): T => {
    const content = sections.get(id);
    if (content === undefined) throw new Error(`section 0x${id.toString(16)} is missing`);
    const inside = new Fields(content);
    return inside.end(read(inside));
  };
  return {
    header,
    ...section(0x8001, readCounters),
    subscriptions: section(0x8002, (content) => content.list(content.u32(), () => readSubscription(content))),
    received: section(0x8003, (content) => content.list(content.u32(), () => content.u16())),
    journal: section(0x8004, readJournalPosition),
    open: section(0x8005, (content) => content.list(content.u32(), () => readOpenMessage(content))),
    paused: section(0x8006, (content) => content.flag()),
    broker: section(0x8007, (content) => content.text32()),
    window: sections.has(0x0008)
      ? section(0x0008, (content) => ({ size: content.u32(), ceiling: content.u32() }))
      : { size: 0, ceiling: 0 },
    transfers: sections.has(0x0009) ? section(0x0009, readTransfers) : [],
    givenUp: sections.has(0x000a) ? section(0x000a, readGivenUp) : [],
    reserved: sections.has(0x000b)
      ? section(0x000b, (content) => content.list(content.u32(), () => content.u16()))
      : [],
  };
}

function readSnapshotHeader(bytes: Buffer): { header: Header; fields: Fields; checksum: number } {
  const fields = new Fields(bytes);
  const header = readHeader(fields);
  const head = Buffer.from(bytes.subarray(0, fields.offset));
  const stored = fields.u32();
  if (header.version === 2 && stored === crc32(head)) return { header, fields, checksum: stored };
  head.writeUInt16LE(2, 4);
  if (header.version > 2 && stored !== crc32(head)) throw new NewerVersion(`version ${header.version}`);
  throw new Error('the header is damaged');
}

const KNOWN_SECTIONS = [0x8001, 0x8002, 0x8003, 0x8004, 0x8005, 0x8006, 0x8007];

function readSections(fields: Fields, headerChecksum: number): Map<number, Buffer> {
  const sections = new Map<number, Buffer>();
  for (;;) {
    const head = fields.raw(6);
    const [id, length] = [head.readUInt16LE(0), head.readUInt32LE(2)];
    const stored = fields.u32();
    const content = fields.raw(length);
    if (stored !== crc32(content, crc32(head, headerChecksum))) throw new Error('a section is damaged');
    if (id === 0xffff) {
      if (length !== 4 || content.readUInt32LE(0) !== sections.size) throw new Error('a section is missing');
      return fields.end(sections);
    }
    if (sections.has(id)) throw new Error('a section is repeated');
    if ((id & 0x8000) !== 0 && !KNOWN_SECTIONS.includes(id)) throw new NewerVersion(`section ${id}`);
    sections.set(id, content);
  }
}

function readCounters(content: Fields) {
  return {
    sequence: content.u64(),
    mark: content.u64(),
    queueStart: content.u64(),
    adoptedUntil: content.u64(),
    stored: { count: content.u64(), bytes: content.u64() },
    oldestEnqueuedAt: content.f64(),
  };
}

function readSubscription(content: Fields): StoredSubscription {
  const subscription: StoredSubscription = {
    filter: content.text32(),
    qos: content.oneOf(QOS),
    noLocal: content.flag(),
    retainAsPublished: content.flag(),
    retainHandling: content.oneOf([0, 1, 2]),
    identifier: content.u32(),
    state: SUBSCRIPTION_STATES[content.oneOf([0, 1, 2, 3, 4])]!,
  };
  const refused = content.flag();
  const reasonCode = content.u16();
  if (refused) subscription.refusedWith = reasonCode;
  const users = content.text32();
  if (users !== '') subscription.users = users;
  return subscription;
}

function readJournalPosition(content: Fields): Snapshot['journal'] {
  return {
    uid: content.raw(16),
    epoch: content.u64(),
    segments: content.list(content.u32(), () => ({
      number: content.u32(),
      firstSequence: content.u64(),
      length: content.u64(),
    })),
  };
}

function readTransfers(content: Fields): Snapshot['transfers'] {
  return content.list(content.u32(), () => ({
    source: content.text32(),
    enqueued: content.list(content.u32(), () => ({ first: content.u64(), last: content.u64() })),
  }));
}

function readGivenUp(content: Fields): GivenUp[] {
  return content.list(content.u32(), () => ({
    sequence: content.u64(),
    reason: content.oneOf([1, 2, 3, 4, 5, 6]),
    reasonCode: content.u8(),
    failedAt: content.f64(),
    reasonString: content.text32(),
  }));
}

function readOpenMessage(content: Fields): OpenMessage {
  const open: OpenMessage = {
    sequence: content.u64(),
    packetId: content.u16(),
    phase: content.oneOf(PHASES),
    releaseOrder: content.u64(),
    sentAt: content.f64(),
    retries: content.u32(),
  };
  if (content.flag()) open.message = readMessage(content);
  return open;
}

function readMessage(content: Fields): StoredMessage {
  const message: StoredMessage = {
    sequence: content.u64(),
    enqueuedAt: content.f64(),
    qos: content.oneOf(QOS),
    retain: content.flag(),
    topic: content.text32(),
    payload: content.bytes32(),
  };
  const has = content.u8();
  if (has & 0x01) message.origin = { node: content.text32(), messageId: content.text32() };
  if ((has & 0x02) === 0) return message;
  const properties: Properties = {};
  message.properties = properties;
  if (has & 0x04) properties.payloadFormatIndicator = content.flag();
  if (has & 0x08) properties.messageExpiryInterval = content.u32();
  if (has & 0x10) properties.responseTopic = content.text32();
  if (has & 0x20) properties.correlationData = content.bytes32();
  if (has & 0x40) properties.contentType = content.text32();
  if (has & 0x80) properties.userProperties = readUserProperties(content);
  return message;
}

function readUserProperties(content: Fields): [string, string][] {
  return content
    .list(content.u32(), () => {
      const name = content.text32();
      content.flag();
      return content.list(content.u32(), (): [string, string] => [name, content.text32()]);
    })
    .flat();
}
