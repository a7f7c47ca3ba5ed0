import { SessionError, shownValue } from '../errors';
import type { Message, MessageProperties } from '../session/message';
import { assertTopicName } from './topics';

const TEXT_BYTES_MAX = 65_535;
const UINT32_MAX = 0xffff_ffff;
/** The remaining length of a packet is at most this (2.2.3 (3.1.1), 2.1.4 (5.0)); topic and properties need their part. */
const PAYLOAD_BYTES_MAX = 268_435_455 - 256 * 1024;

/**
 * Checks all of a message, so that nothing enters the queue that could never leave it.
 * @throws SessionError `ERR_TOPIC`, or `ERR_PAYLOAD` naming the property and what is wrong with it.
 */
export function assertMessage(message: Message): void {
  assertTopicName(message.topic);
  const { payload, qos, retain, properties } = message;
  if (!Buffer.isBuffer(payload)) throw invalid(message, 'its payload is not a Buffer');
  if (payload.length > PAYLOAD_BYTES_MAX)
    throw invalid(message, `its payload has ${payload.length} bytes, more than MQTT can carry`);
  if (qos !== 0 && qos !== 1 && qos !== 2) throw invalid(message, `its QoS is ${shownValue(qos)}, not 0, 1 or 2`);
  if (typeof retain !== 'boolean') throw invalid(message, 'its retain flag is not a boolean');
  const reason = properties === undefined ? undefined : badProperties(properties);
  if (reason !== undefined) throw invalid(message, reason);
}

function badProperties(properties: MessageProperties): string | undefined {
  const { payloadFormatIndicator, messageExpiryInterval, correlationData, contentType, responseTopic } = properties;
  if (payloadFormatIndicator !== undefined && typeof payloadFormatIndicator !== 'boolean') {
    return 'payloadFormatIndicator is not a boolean';
  }
  if (messageExpiryInterval !== undefined && !isUint32(messageExpiryInterval)) {
    return `messageExpiryInterval is ${shownValue(messageExpiryInterval)}, not a whole number of seconds up to ${UINT32_MAX}`;
  }
  if (
    correlationData !== undefined &&
    !(Buffer.isBuffer(correlationData) && correlationData.length <= TEXT_BYTES_MAX)
  ) {
    return `correlationData is not a Buffer of at most ${TEXT_BYTES_MAX} bytes`;
  }
  if (contentType !== undefined && !isText(contentType)) return 'contentType is not a string MQTT can carry';
  if (responseTopic !== undefined) {
    try {
      assertTopicName(responseTopic);
    } catch (error) {
      return `responseTopic is no topic name: ${(error as Error).message}`;
    }
  }
  return badUserProperties(properties.userProperties);
}

function badUserProperties(userProperties: unknown): string | undefined {
  if (userProperties === undefined) return undefined;
  if (userProperties === null || typeof userProperties !== 'object' || Array.isArray(userProperties)) {
    return 'userProperties is not an object';
  }
  let bytes = 0;
  for (const [name, value] of Object.entries(userProperties)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (!isText(name) || !isText(one))
        return `the user property ${JSON.stringify(name)} is not a string MQTT can carry`;
      bytes += Buffer.byteLength(name) + Buffer.byteLength(one);
    }
  }
  return bytes > 2 * TEXT_BYTES_MAX ? `userProperties have ${bytes} bytes, more than ${2 * TEXT_BYTES_MAX}` : undefined;
}

function isUint32(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= UINT32_MAX;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0') && Buffer.byteLength(value) <= TEXT_BYTES_MAX;
}

function invalid(message: Message, reason: string): SessionError {
  return new SessionError('ERR_PAYLOAD', `The message for topic "${message.topic}" cannot be published: ${reason}.`);
}
