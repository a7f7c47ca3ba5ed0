import type { MessageProperties } from './message';

/** Property identifiers of MQTT 5, 2.2.2.2: the journal keeps a message's properties as the wire does. */
const PAYLOAD_FORMAT_INDICATOR = 0x01;
const MESSAGE_EXPIRY_INTERVAL = 0x02;
const CONTENT_TYPE = 0x03;
const RESPONSE_TOPIC = 0x08;
const CORRELATION_DATA = 0x09;
const USER_PROPERTY = 0x26;

/** Bytes that `writeProperties` will produce, without a length prefix. */
export function propertiesSize(properties: MessageProperties): number {
  let size = 0;
  if (properties.payloadFormatIndicator !== undefined) size += 2;
  if (properties.messageExpiryInterval !== undefined) size += 5;
  if (properties.contentType !== undefined) size += 3 + Buffer.byteLength(properties.contentType);
  if (properties.responseTopic !== undefined) size += 3 + Buffer.byteLength(properties.responseTopic);
  if (properties.correlationData !== undefined) size += 3 + properties.correlationData.length;
  forEachUserProperty(properties, (name, value) => {
    size += 5 + Buffer.byteLength(name) + Buffer.byteLength(value);
  });
  return size;
}

/** Writes the properties at `offset`; returns the offset behind them. */
export function writeProperties(properties: MessageProperties, target: Buffer, offset: number): number {
  let at = offset;
  if (properties.payloadFormatIndicator !== undefined) {
    at = target.writeUInt8(PAYLOAD_FORMAT_INDICATOR, at);
    at = target.writeUInt8(properties.payloadFormatIndicator ? 1 : 0, at);
  }
  if (properties.messageExpiryInterval !== undefined) {
    at = target.writeUInt8(MESSAGE_EXPIRY_INTERVAL, at);
    at = target.writeUInt32BE(properties.messageExpiryInterval, at);
  }
  if (properties.contentType !== undefined) {
    at = target.writeUInt8(CONTENT_TYPE, at);
    at = writeString(properties.contentType, target, at);
  }
  if (properties.responseTopic !== undefined) {
    at = target.writeUInt8(RESPONSE_TOPIC, at);
    at = writeString(properties.responseTopic, target, at);
  }
  if (properties.correlationData !== undefined) {
    at = target.writeUInt8(CORRELATION_DATA, at);
    at = target.writeUInt16BE(properties.correlationData.length, at);
    at += properties.correlationData.copy(target, at);
  }
  forEachUserProperty(properties, (name, value) => {
    at = target.writeUInt8(USER_PROPERTY, at);
    at = writeString(name, target, at);
    at = writeString(value, target, at);
  });
  return at;
}

/**
 * Reads properties that fill `body` to its end.
 * @throws RangeError when they do not fit, or one is unknown.
 */
export function readProperties(body: Buffer): MessageProperties {
  const properties: MessageProperties = {};
  const reader = new Reader(body);
  while (!reader.atEnd) {
    const identifier = reader.byte();
    switch (identifier) {
      case PAYLOAD_FORMAT_INDICATOR:
        properties.payloadFormatIndicator = reader.byte() === 1;
        break;
      case MESSAGE_EXPIRY_INTERVAL:
        properties.messageExpiryInterval = reader.uint32();
        break;
      case CONTENT_TYPE:
        properties.contentType = reader.string();
        break;
      case RESPONSE_TOPIC:
        properties.responseTopic = reader.string();
        break;
      case CORRELATION_DATA:
        properties.correlationData = Buffer.from(reader.bytes());
        break;
      case USER_PROPERTY:
        addUserProperty(properties, reader.string(), reader.string());
        break;
      default:
        throw new RangeError(`unknown property 0x${identifier.toString(16)}`);
    }
  }
  return properties;
}

function forEachUserProperty(properties: MessageProperties, visit: (name: string, value: string) => void): void {
  if (properties.userProperties === undefined) return;
  for (const name of Object.keys(properties.userProperties)) {
    const value = properties.userProperties[name];
    if (Array.isArray(value)) for (const one of value) visit(name, one);
    else if (value !== undefined) visit(name, value);
  }
}

function addUserProperty(properties: MessageProperties, name: string, value: string): void {
  // A null prototype: names come from the network or a flow, `__proto__` among them.
  properties.userProperties ??= Object.create(null) as Record<string, string | string[]>;
  const present = properties.userProperties[name];
  if (present === undefined) properties.userProperties[name] = value;
  else if (Array.isArray(present)) present.push(value);
  else properties.userProperties[name] = [present, value];
}

function writeString(text: string, target: Buffer, offset: number): number {
  const length = target.write(text, offset + 2, 'utf8');
  target.writeUInt16BE(length, offset);
  return offset + 2 + length;
}

class Reader {
  #at = 0;

  constructor(private readonly body: Buffer) {}

  get atEnd(): boolean {
    return this.#at >= this.body.length;
  }

  byte(): number {
    const value = this.body.readUInt8(this.#at);
    this.#at += 1;
    return value;
  }

  uint32(): number {
    const value = this.body.readUInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  bytes(): Buffer {
    const length = this.body.readUInt16BE(this.#at);
    const end = this.#at + 2 + length;
    if (end > this.body.length) throw new RangeError('a property is longer than its record');
    const bytes = this.body.subarray(this.#at + 2, end);
    this.#at = end;
    return bytes;
  }

  string(): string {
    return this.bytes().toString('utf8');
  }
}
