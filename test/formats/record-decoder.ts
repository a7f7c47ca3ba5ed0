import { Fields } from './bytes';
import type { Properties, StoredMessage, StoredSubscription } from './mcps-decoder';

/** docs/formats.md, section 6. */
export type DecodedRecord =
  | { name: 'Mark'; upTo: number }
  | { name: 'Released'; first: number; last: number }
  | { name: 'Completed'; first: number; last: number; count: number; bytes: number }
  | { name: 'Received' | 'ReceivedRemoved'; identifiers: number[] }
  | { name: 'SessionLost' }
  | { name: 'Subscribed'; subscription: StoredSubscription }
  | { name: 'Unsubscribed'; filter: string }
  | { name: 'Paused'; paused: boolean }
  | { name: 'Broker'; address: string }
  | { name: 'Adopted'; until: number }
  | { name: 'TransferEnded'; source: string }
  | ({ name: 'GivenUp'; ofMessage: number; reserve: number } & Failure)
  | ({ name: 'Failed'; message: StoredMessage } & Failure)
  | { name: 'Enqueued'; message: StoredMessage; source?: { id: string; sequence: number } };

export interface Failure {
  reason: number;
  reasonCode: number;
  failedAt: number;
  reasonString: string;
}

const SUBSCRIPTION_STATES = ['requested', 'active', 'deactivating', 'inactive', 'removing'];

/** @throws Error for a kind that is unknown, or a body that is not of its kind. */
export function decodeRecord(kind: number, sequence: number, body: Buffer): DecodedRecord {
  const fields = new Fields(body);
  return fields.end(readRecord(kind, sequence, fields));
}

function readRecord(kind: number, sequence: number, body: Fields): DecodedRecord {
  switch (kind) {
    case 1:
      return { name: 'Mark', upTo: body.u48() };
    case 2:
      return { name: 'Released', first: body.u48(), last: body.u48() };
    case 3:
      return { name: 'Completed', first: body.u48(), last: body.u48(), count: body.u48(), bytes: body.u48() };
    case 4:
      return { name: 'Received', identifiers: identifiers(body) };
    case 5:
      return { name: 'ReceivedRemoved', identifiers: identifiers(body) };
    case 6:
      return { name: 'SessionLost' };
    case 7:
      return { name: 'Subscribed', subscription: readSubscription(body) };
    case 8:
      return { name: 'Unsubscribed', filter: body.text(body.rest) };
    case 9:
      return { name: 'Paused', paused: body.flag() };
    case 10:
      return { name: 'Broker', address: body.text(body.rest) };
    case 11:
      return { name: 'Adopted', until: body.u48() };
    case 12:
      return { name: 'TransferEnded', source: body.text(body.rest) };
    case 13:
      return { name: 'GivenUp', ofMessage: body.u48(), reserve: body.u16(), ...readFailure(body) };
    case 14: {
      const ofMessage = body.u48();
      return { name: 'Failed', ...readFailure(body), message: readEnqueued(ofMessage, body).message };
    }
    case 0x81:
      return { name: 'Enqueued', ...readEnqueued(sequence, body) };
    default:
      throw new Error(`kind ${kind} is unknown`);
  }
}

function readFailure(body: Fields): Failure {
  return {
    reason: body.oneOf([1, 2, 3, 4, 5, 6]),
    reasonCode: body.u8(),
    failedAt: body.u48(),
    reasonString: body.text16(),
  };
}

function identifiers(body: Fields): number[] {
  return body.list(Math.ceil(body.rest / 2), () => body.u16());
}

function readEnqueued(
  sequence: number,
  body: Fields,
): { message: StoredMessage; source?: { id: string; sequence: number } } {
  const flags = body.u8();
  const qos = body.oneOf([0, 1, 2], flags & 0x03);
  const enqueuedAt = body.u48();
  const topic = body.text16();
  const properties = (flags & 0x08) === 0 ? undefined : readProperties(body.bytes32());
  const origin = (flags & 0x10) === 0 ? undefined : { node: originText(body), messageId: originText(body) };
  const source = (flags & 0x20) === 0 ? undefined : { id: body.text(body.u8()), sequence: body.u48() };
  const message = {
    sequence,
    enqueuedAt,
    qos,
    retain: (flags & 0x04) !== 0,
    topic,
    payload: body.raw(body.rest),
    ...(properties === undefined ? {} : { properties }),
    ...(origin === undefined ? {} : { origin }),
  };
  return { message, ...(source === undefined ? {} : { source }) };
}

/** May have been cut in the middle of a character. */
function originText(body: Fields): string {
  return body.raw(body.u8()).toString('utf8');
}

/** As in an MQTT 5 PUBLISH packet, big-endian. */
function readProperties(bytes: Buffer): Properties {
  const fields = new Fields(bytes);
  const binary = (): Buffer => fields.raw(fields.raw(2).readUInt16BE(0));
  const text = (): string => fields.text(fields.raw(2).readUInt16BE(0));
  const properties: Properties = {};
  while (fields.rest > 0) {
    const identifier = fields.u8();
    if (identifier === 0x01) properties.payloadFormatIndicator = fields.flag();
    else if (identifier === 0x02) properties.messageExpiryInterval = fields.raw(4).readUInt32BE(0);
    else if (identifier === 0x03) properties.contentType = text();
    else if (identifier === 0x08) properties.responseTopic = text();
    else if (identifier === 0x09) properties.correlationData = binary();
    else if (identifier === 0x26) {
      properties.userProperties ??= [];
      properties.userProperties.push([text(), text()]);
    } else throw new Error(`property ${identifier} is unknown`);
  }
  return properties;
}

function readSubscription(body: Fields): StoredSubscription {
  const options = body.u8();
  const state = SUBSCRIPTION_STATES[body.oneOf([0, 1, 2, 3, 4])]!;
  const refusedWith = body.u8();
  const identifier = body.u32();
  const filter = body.text16();
  const users = body.text(body.rest);
  return {
    filter,
    qos: body.oneOf([0, 1, 2], options & 0x03),
    noLocal: (options & 0x10) !== 0,
    retainAsPublished: (options & 0x20) !== 0,
    retainHandling: body.oneOf([0, 1, 2], (options & 0x0c) >> 2),
    identifier,
    state,
    ...(refusedWith === 0 ? {} : { refusedWith }),
    ...(users === '' ? {} : { users }),
  };
}
