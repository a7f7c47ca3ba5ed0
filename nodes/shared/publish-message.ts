import { assertTopicName } from '../../src/client/topics';
import { SessionError } from '../../src/errors';
import type { Message, MessageProperties, QoS } from '../../src/session/message';
import { booleanOf, numberOf, qosOf, textOf, userPropertiesOf } from './config-values';
import { encodePayload } from './payload';

/** What an out node's dialog fixes; undefined: the message decides. */
export interface PublishSettings {
  topic?: string;
  qos?: QoS;
  retain?: boolean;
  responseTopic?: string;
  correlationData?: string;
  contentType?: string;
  messageExpiryInterval?: number;
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
  /** What Node-RED's own node leaves in `msg`: topic, qos, retain and payload as they are published. */
  published: { topic: string; qos: QoS; retain: boolean; payload: string | Buffer };
}

const UINT16_MAX = 65_535;
const UINT32_MAX = 4_294_967_295;

export function publishSettings(config: PublishConfig): PublishSettings {
  return withoutUndefined<PublishSettings>({
    topic: typeof config.topic === 'string' && config.topic !== '' ? config.topic : undefined,
    qos: qosOf(config.qos),
    retain: booleanOf(config.retain),
    responseTopic: textOf(config.respTopic),
    correlationData: textOf(config.correl),
    contentType: textOf(config.contentType),
    messageExpiryInterval: numberOf(config.expiry) || undefined,
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
    delete properties.responseTopic;
  }
  assertTopicName(topic);
  const qos = settings.qos ?? qosOf(msg.qos) ?? 0;
  const retain = settings.retain ?? booleanOf(msg.retain, false);
  const payload = encodePayload(msg.payload);
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : Buffer.from(payload);
  const message: Message = { topic, payload: bytes, qos, retain };
  if (properties !== undefined && Object.keys(properties).length > 0) message.properties = properties;
  return { message, published: { topic, qos, retain, payload } };
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

function correlationData(value: unknown): Buffer | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
    throw new SessionError('ERR_PROPERTY', 'correlationData must be a Buffer or a string.');
  }
  const data = typeof value === 'string' ? Buffer.from(value) : Buffer.from(value);
  if (data.length > UINT16_MAX) throw tooLong('correlationData', data.length);
  return data;
}

/** Whole seconds. As in Node-RED's own node, what is no number is left out. */
function expiryInterval(value: unknown): number | undefined {
  const seconds = numberOf(value);
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
