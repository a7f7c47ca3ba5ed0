import type { MessageProperties, QueuedMessage } from '../session/message';
import type { ByteReader } from './byte-reader';
import type { ByteWriter } from './byte-writer';

/** Which optional fields follow; a message without MQTT 5 properties spends two bytes on them. */
const Has = {
  origin: 0x01,
  properties: 0x02,
  payloadFormatIndicator: 0x04,
  messageExpiryInterval: 0x08,
  responseTopic: 0x10,
  correlationData: 0x20,
  contentType: 0x40,
  userProperties: 0x80,
} as const;

const USER_PROPERTY_BYTES_MIN = 9;
const TEXT_BYTES_MIN = 4;

/** Writes a message that travels inside a snapshot. */
export function writeMessage(writer: ByteWriter, message: QueuedMessage): void {
  const { origin, properties } = message;
  writer.u64(message.sequence, 'message sequence');
  writer.f64(message.enqueuedAt, 'enqueue time');
  writer.u8(message.qos, 'QoS');
  writer.flag(message.retain);
  writer.text32(message.topic, 'topic');
  writer.bytes32(message.payload, 'payload');
  writer.u8((origin ? Has.origin : 0) | propertyFlags(properties), 'optional fields');
  if (origin) {
    writer.text32(origin.node, 'origin node');
    writer.text32(origin.messageId, 'origin message id');
  }
  if (properties) writeProperties(writer, properties);
}

/** Reads what `writeMessage` wrote. */
export function readMessage(reader: ByteReader): QueuedMessage {
  const sequence = reader.u64('message sequence');
  const enqueuedAt = reader.f64('enqueue time');
  const qos = reader.oneOf([0, 1, 2], 'QoS');
  const retain = reader.flag('retain flag');
  const topic = readText(reader, 'topic');
  const payload = readBytes(reader, 'payload');
  const flags = reader.u8('optional fields');
  const message: QueuedMessage = { sequence, enqueuedAt, qos, retain, topic, payload };
  if (flags & Has.origin) {
    message.origin = { node: readText(reader, 'origin node'), messageId: readText(reader, 'origin message id') };
  }
  if (flags & Has.properties) message.properties = readProperties(reader, flags);
  return message;
}

/** UTF-8 behind its length as u32. */
export function readText(reader: ByteReader, what: string): string {
  return reader.text(reader.u32(what), what);
}

function readBytes(reader: ByteReader, what: string): Buffer {
  return reader.copy(reader.u32(what), what);
}

function propertyFlags(properties: MessageProperties | undefined): number {
  if (!properties) return 0;
  return (
    Has.properties |
    (properties.payloadFormatIndicator === undefined ? 0 : Has.payloadFormatIndicator) |
    (properties.messageExpiryInterval === undefined ? 0 : Has.messageExpiryInterval) |
    (properties.responseTopic === undefined ? 0 : Has.responseTopic) |
    (properties.correlationData === undefined ? 0 : Has.correlationData) |
    (properties.contentType === undefined ? 0 : Has.contentType) |
    (properties.userProperties === undefined ? 0 : Has.userProperties)
  );
}

function writeProperties(writer: ByteWriter, properties: MessageProperties): void {
  if (properties.payloadFormatIndicator !== undefined) writer.flag(properties.payloadFormatIndicator);
  if (properties.messageExpiryInterval !== undefined) {
    writer.u32(properties.messageExpiryInterval, 'message expiry interval');
  }
  if (properties.responseTopic !== undefined) writer.text32(properties.responseTopic, 'response topic');
  if (properties.correlationData !== undefined) writer.bytes32(properties.correlationData, 'correlation data');
  if (properties.contentType !== undefined) writer.text32(properties.contentType, 'content type');
  if (properties.userProperties !== undefined) writeUserProperties(writer, properties.userProperties);
}

function readProperties(reader: ByteReader, flags: number): MessageProperties {
  const properties: MessageProperties = {};
  if (flags & Has.payloadFormatIndicator) properties.payloadFormatIndicator = reader.flag('payload format indicator');
  if (flags & Has.messageExpiryInterval) properties.messageExpiryInterval = reader.u32('message expiry interval');
  if (flags & Has.responseTopic) properties.responseTopic = readText(reader, 'response topic');
  if (flags & Has.correlationData) properties.correlationData = readBytes(reader, 'correlation data');
  if (flags & Has.contentType) properties.contentType = readText(reader, 'content type');
  if (flags & Has.userProperties) properties.userProperties = readUserProperties(reader);
  return properties;
}

/** A single value and a list of one stay different, as they are for `mqtt-packet`. */
function writeUserProperties(writer: ByteWriter, userProperties: Record<string, string | string[]>): void {
  const entries = Object.entries(userProperties);
  writer.u32(entries.length, 'user property count');
  for (const [name, value] of entries) {
    writer.text32(name, 'user property name');
    writer.flag(Array.isArray(value));
    const values = Array.isArray(value) ? value : [value];
    writer.u32(values.length, 'user property value count');
    for (const text of values) writer.text32(text, 'user property value');
  }
}

function readUserProperties(reader: ByteReader): Record<string, string | string[]> {
  const count = reader.count(reader.u32('user property count'), USER_PROPERTY_BYTES_MIN, 'user property count');
  const entries: [string, string | string[]][] = [];
  for (let i = 0; i < count; i++) {
    const name = readText(reader, 'user property name');
    const isList = reader.flag('user property list flag');
    const valueCount = reader.count(reader.u32('user property value count'), TEXT_BYTES_MIN, 'user property values');
    const values: string[] = [];
    for (let v = 0; v < valueCount; v++) values.push(readText(reader, 'user property value'));
    entries.push([name, isList ? values : (values[0] ?? '')]);
  }
  // fromEntries defines own properties, so that a name like __proto__ stays a name.
  return Object.fromEntries(entries);
}
