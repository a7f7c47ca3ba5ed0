import { assertTopicName } from '../../src/client/topics';
import { SessionError } from '../../src/errors';
import type { Message, MessageProperties, QoS } from '../../src/session/message';
import { booleanOf, exactTextOf, integerOf, isRecord, numberOf, qosOf, userPropertiesOf } from './config-values';
import { encodePayload } from './payload';

/** What an out node's dialog fixes; undefined: the message decides. */
export interface PublishSettings {
  topic?: string;
  qos?: QoS;
  retain?: boolean;
  responseTopic?: string;
  correlationData?: string;
  contentType?: string;
  messageExpiryInterval?: number | string;
  userProperties?: Record<string, string>;
}

/** Fields of the out node's configuration, named as those of Node-RED's own. */
export interface PublishConfig {
  topic?: unknown;
  qos?: unknown;
  retain?: unknown;
  respTopic?: unknown;
  correl?: unknown;
  contentType?: unknown;
  expiry?: unknown;
  userProps?: unknown;
}

export interface PreparedMessage {
  message: Message;
  /** Encoded. */
  payload: string | Buffer;
  /** MQTT 5: the topic alias that the flow asks for, 1 to 65,535. */
  topicAlias?: number;
}

const UINT16_MAX = 65_535;
const UINT32_MAX = 4_294_967_295;

export function publishSettings(config: PublishConfig): PublishSettings {
  return withoutUndefined<PublishSettings>({
    topic: typeof config.topic === 'string' && config.topic !== '' ? config.topic : undefined,
    qos: qosOf(config.qos),
    // A boolean `false` leaves it to the message, as a blank field does.
    retain: config.retain ? booleanOf(config.retain, false) : undefined,
    responseTopic: exactTextOf(config.respTopic),
    correlationData: exactTextOf(config.correl),
    contentType: exactTextOf(config.contentType),
    messageExpiryInterval: (config.expiry as string | number | undefined) || undefined,
    userProperties: userPropertiesOf(config.userProps),
  });
}

/**
 * The message that `msg` and the node's settings make: a setting wins over the property of `msg`. Everything is encoded and
 * copied, so that the flow may go on changing `msg`.
 * @returns undefined when `msg` has no payload: then nothing is sent.
 * @throws SessionError `ERR_TOPIC`, `ERR_PAYLOAD` or `ERR_PROPERTY`.
 */
export function prepareMessage(
  msg: Record<string, unknown>,
  settings: PublishSettings,
  protocolVersion: 3 | 4 | 5,
): PreparedMessage | undefined {
  if (!Object.hasOwn(msg, 'payload')) return undefined;
  const properties = protocolVersion === 5 ? messageProperties(msg, settings) : undefined;
  let topic = settings.topic ?? msg.topic;
  if ((topic === undefined || topic === '') && properties?.responseTopic !== undefined) {
    // As Node-RED's own node: a request that was received can be answered by sending it back.
    topic = properties.responseTopic;
  }
  assertTopicName(topic);
  const qos = settings.qos ?? qosOf(msg.qos) ?? 0;
  const retain = settings.retain ?? booleanOf(msg.retain, false);
  const payload = encodePayload(msg.payload);
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload);
  const message: Message = { topic, payload: bytes, qos, retain };
  if (properties !== undefined && Object.keys(properties).length > 0) message.properties = properties;
  const topicAlias = protocolVersion === 5 ? Math.trunc(numberOf(msg.topicAlias, 0)) : 0;
  return { message, payload, ...(topicAlias >= 1 && topicAlias <= UINT16_MAX && { topicAlias }) };
}

/**
 * Puts into `msg` what Node-RED's own node leaves there: all that the settings fix, and the rest as it is published.
 * Complete nodes show it. `prepared`: undefined when nothing is.
 */
export function markPublished(
  msg: Record<string, unknown>,
  settings: PublishSettings,
  prepared: PreparedMessage | undefined,
  protocolVersion: 3 | 4 | 5,
): void {
  const { topic, qos, retain, ...properties } = settings;
  if (topic !== undefined) msg.topic = topic;
  msg.qos = qos ?? qosOf(msg.qos) ?? 0;
  msg.retain = retain ?? booleanOf(msg.retain, false);
  if (protocolVersion === 5) Object.assign(msg, properties);
  if (prepared === undefined) return;
  msg.payload = prepared.payload;
  if (protocolVersion !== 5) return;
  if (!msg.topic) {
    msg.topic = prepared.message.topic;
    delete msg.responseTopic;
  }
  if (typeof msg.userProperties !== 'object') delete msg.userProperties;
  if (prepared.topicAlias === undefined) delete msg.topicAlias;
  else msg.topicAlias = prepared.topicAlias;
}

function messageProperties(msg: Record<string, unknown>, settings: PublishSettings): MessageProperties {
  const userProperties =
    settings.userProperties ?? (typeof msg.userProperties === 'object' ? msg.userProperties : undefined);
  const properties = withoutUndefined<MessageProperties>({
    responseTopic: settings.responseTopic ?? nonEmptyString(msg.responseTopic),
    correlationData: correlationData(settings.correlationData ?? msg.correlationData),
    contentType: settings.contentType ?? nonEmptyString(msg.contentType),
    messageExpiryInterval: expiryInterval(settings.messageExpiryInterval ?? msg.messageExpiryInterval),
    userProperties: userPropertiesOf(userProperties),
    payloadFormatIndicator: booleanOf(msg.payloadFormatIndicator),
  });
  if (properties.responseTopic !== undefined) assertTopicName(properties.responseTopic);
  assertLength('contentType', properties.contentType);
  for (const [name, value] of Object.entries(properties.userProperties ?? {})) {
    assertLength('userProperties', name);
    assertLength(`userProperties.${name}`, value as string);
  }
  return properties;
}

function nonEmptyString(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Text, bytes, a list of bytes, or a Buffer that has been through JSON. */
function correlationData(value: unknown): Buffer | undefined {
  if (!value) return undefined;
  const bytes = isRecord(value) && value.type === 'Buffer' ? value.data : value;
  if (typeof bytes !== 'string' && !(bytes instanceof Uint8Array) && !Array.isArray(bytes)) {
    throw new SessionError('ERR_PROPERTY', 'correlationData must be a Buffer or a string.');
  }
  // Before memory is taken for it: a list may be longer than what is in it.
  if (bytes.length > UINT16_MAX && typeof bytes !== 'string') throw tooLong('correlationData', bytes.length);
  if (Array.isArray(bytes) && !bytes.every((byte) => typeof byte === 'number')) {
    throw new SessionError('ERR_PROPERTY', 'correlationData must be a list of bytes, if it is a list.');
  }
  const data = typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes);
  if (data.length > UINT16_MAX) throw tooLong('correlationData', data.length);
  return data;
}

/** Whole seconds. As in Node-RED's own node, what begins with no number is left out. */
function expiryInterval(value: unknown): number | undefined {
  const seconds = typeof value === 'number' ? numberOf(value) : integerOf(value);
  if (seconds === undefined || seconds < 0) return undefined;
  if (seconds > UINT32_MAX) {
    throw new SessionError('ERR_PROPERTY', `messageExpiryInterval ${seconds} is above ${UINT32_MAX} seconds.`);
  }
  return Math.trunc(seconds);
}

/** 1.5.4 of MQTT 5.0: at most 65,535 bytes of well-formed UTF-8 without the null character. */
function assertLength(name: string, value: string | undefined): void {
  if (value === undefined) return;
  const bytes = Buffer.byteLength(value);
  if (bytes > UINT16_MAX) throw tooLong(name, bytes);
  if (value.includes('\0')) throw new SessionError('ERR_PROPERTY', `${name} contains the null character.`);
}

function tooLong(name: string, bytes: number): SessionError {
  return new SessionError('ERR_PROPERTY', `${name} has ${bytes} bytes; MQTT allows ${UINT16_MAX}.`);
}

function withoutUndefined<T extends object>(values: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T;
}
