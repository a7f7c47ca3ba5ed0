import { elapsedSince } from './elapsed';
import type { FailureReason } from './failure';
import type { Message, QoS, QueuedMessage } from './message';
import type { ReadyMessage } from './outbound-queue';
import { identifierOf } from './packet-identifiers';
import type { ConnectionLimits, PublishPacket, PublishPacketProperties } from './packets';
import type { OpenMessageState } from './state';

/**
 * A message that left the queue for the send window.
 *
 * `waiting`: to be sent, in order. `clearing`: as `waiting`, but the broker must first answer the PUBREL that frees its
 * identifier. `published`: PUBLISH sent on this connection. `releasing`: PUBREC received, its record not yet durable.
 * `released`: PUBREL may be sent.
 */
export interface OutboundMessage {
  message: QueuedMessage;
  size: number;
  /** QoS in force towards this broker: never above its Maximum QoS. */
  qos: QoS;
  packetId: number;
  previous: number;
  phase: 'waiting' | 'clearing' | 'published' | 'releasing' | 'released';
  /** PUBLISH may have reached the broker's present session: the next one carries DUP. */
  sent: boolean;
  /** Record that must be durable before the next packet for this message. */
  barrier: number;
  /** Bytes it takes in the window of this connection; -1: none taken. */
  windowBytes: number;
  releaseOrder: number;
  /** When PUBLISH was last sent, 0: not known; and how often it was sent again. */
  sentAt: number;
  retries: number;
  /** The broker has answered the PUBREL that freed its identifier: it is not sent again, the mark may cover it now. */
  cleared: boolean;
  /** QoS 0: its removal was recorded; it is sent once or not at all. */
  removed: boolean;
  /** A snapshot has carried it, so its journal segment may be gone: every later snapshot must carry it, too. */
  inSnapshot: boolean;
}

function isExpired(message: QueuedMessage, now: number): boolean {
  const interval = message.properties?.messageExpiryInterval;
  return interval !== undefined && elapsedSince(message.enqueuedAt, now) >= interval * 1000;
}

/** Bytes of the MQTT 5 PUBLISH packet (only MQTT 5 limits them): fixed header, topic, identifier, properties, payload. */
export function publishPacketSize(message: Message): number {
  const properties = propertiesSize(message);
  const identifier = message.qos === 0 ? 0 : 2;
  const remaining =
    2 + Buffer.byteLength(message.topic) + identifier + lengthSize(properties) + properties + message.payload.length;
  return 1 + lengthSize(remaining) + remaining;
}

/** Bytes of a Variable Byte Integer (1.5.5 (5.0)). */
export function lengthSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}

function propertiesSize({ properties }: Message): number {
  if (properties === undefined) return 0;
  let size = 0;
  if (properties.payloadFormatIndicator !== undefined) size += 2;
  if (properties.messageExpiryInterval !== undefined) size += 5;
  if (properties.contentType !== undefined) size += 3 + Buffer.byteLength(properties.contentType);
  if (properties.responseTopic !== undefined) size += 3 + Buffer.byteLength(properties.responseTopic);
  if (properties.correlationData !== undefined) size += 3 + properties.correlationData.length;
  for (const [name, value] of Object.entries(properties.userProperties ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) {
      size += 5 + Buffer.byteLength(name) + Buffer.byteLength(one);
    }
  }
  return size;
}

/** The PUBLISH of a message for one connection: identifier, DUP and the remaining expiry are put in here. */
export function publishPacket(outbound: OutboundMessage, limits: ConnectionLimits, now: number): PublishPacket {
  const { message } = outbound;
  const packet: PublishPacket = {
    cmd: 'publish',
    topic: message.topic,
    payload: message.payload,
    qos: outbound.qos,
    retain: message.retain,
    dup: outbound.sent && outbound.qos > 0,
  };
  if (outbound.qos > 0) packet.messageId = outbound.packetId;
  if (limits.protocolVersion === 5 && message.properties !== undefined) {
    packet.properties = remainingProperties(message, now);
  }
  return packet;
}

function remainingProperties(message: QueuedMessage, now: number): PublishPacketProperties {
  const properties: PublishPacketProperties = { ...message.properties };
  if (properties.messageExpiryInterval !== undefined) {
    const elapsed = Math.floor(elapsedSince(message.enqueuedAt, now) / 1000);
    properties.messageExpiryInterval = Math.max(1, properties.messageExpiryInterval - elapsed);
  }
  return properties;
}

/** A message leaves the queue. */
export function outboundFrom(ready: ReadyMessage): OutboundMessage {
  return {
    message: ready.message,
    size: ready.size,
    qos: ready.message.qos,
    packetId: identifierOf(ready.message.sequence),
    previous: ready.previous,
    phase: 'waiting',
    sent: false,
    barrier: ready.barrier,
    windowBytes: -1,
    releaseOrder: 0,
    sentAt: 0,
    retries: 0,
    cleared: false,
    removed: false,
    inSnapshot: false,
  };
}

/** PUBREC has come: never PUBLISH again. */
export function isReleased(outbound: OutboundMessage): boolean {
  return outbound.phase === 'releasing' || outbound.phase === 'released';
}

/** Why a message cannot be sent on this connection at all (MQTT-3.2.2-14, -15 (5.0)). */
export function obstacleTo(
  outbound: OutboundMessage,
  limits: ConnectionLimits,
  now: number,
): FailureReason | undefined {
  const { message } = outbound;
  if (outbound.removed) return undefined;
  if (limits.maximumPacketSize !== undefined && publishPacketSize(message) > limits.maximumPacketSize) {
    return 'packet-too-large';
  }
  if (message.retain && !limits.retainAvailable) return 'retain-unavailable';
  // Once sent, a message no longer expires (MQTT-4.3.3-7 (5.0)).
  if (!outbound.sent && isExpired(message, now)) return 'expired';
  return undefined;
}

/** How a snapshot keeps a message that has left the queue. `mark`: up to there messages may have been sent. */
export function openState(outbound: OutboundMessage, mark: number): OpenMessageState {
  const { message, packetId, releaseOrder, sentAt, retries, inSnapshot } = outbound;
  const unreleased = message.sequence <= mark ? 'published' : 'requeued';
  return {
    sequence: message.sequence,
    packetId,
    phase: isReleased(outbound) ? 'released' : unreleased,
    releaseOrder,
    sentAt,
    retries,
    ...(inSnapshot ? { message } : {}),
  };
}
