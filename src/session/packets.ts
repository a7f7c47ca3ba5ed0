import type { MessageProperties, QoS } from './message';

/**
 * The packets that a session sends and receives, in the shape of `mqtt-packet` (which encodes and parses them), so that
 * none is converted on its way. CONNECT, CONNACK, PINGREQ, PINGRESP and DISCONNECT are the connection's.
 */
export interface PublishPacket {
  cmd: 'publish';
  topic: string;
  payload: Buffer;
  qos: QoS;
  retain: boolean;
  dup: boolean;
  /** Absent at QoS 0. */
  messageId?: number;
  properties?: PublishPacketProperties;
}

export interface PublishPacketProperties extends MessageProperties {
  topicAlias?: number;
  subscriptionIdentifier?: number | number[];
}

export interface AcknowledgementProperties {
  reasonString?: string;
  userProperties?: Record<string, string | string[]>;
}

export interface AcknowledgementPacket {
  cmd: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp';
  messageId: number;
  /** MQTT 5; absent counts as 0. */
  reasonCode?: number;
  properties?: AcknowledgementProperties;
}

export interface SubscribePacket {
  cmd: 'subscribe';
  messageId: number;
  subscriptions: { topic: string; qos: QoS; nl?: boolean; rap?: boolean; rh?: number }[];
  properties?: { subscriptionIdentifier?: number };
}

export interface SubackPacket {
  cmd: 'suback';
  messageId: number;
  /** One per filter: the granted QoS, or 0x80 and above when refused. */
  granted: number[];
}

export interface UnsubscribePacket {
  cmd: 'unsubscribe';
  messageId: number;
  unsubscriptions: string[];
}

export interface UnsubackPacket {
  cmd: 'unsuback';
  messageId: number;
  granted?: number[];
}

export type OutboundPacket = PublishPacket | AcknowledgementPacket | SubscribePacket | UnsubscribePacket;
export type InboundPacket = PublishPacket | AcknowledgementPacket | SubackPacket | UnsubackPacket;

/** What a CONNACK (and our CONNECT) fixed for one connection. Defaults are MQTT's. */
export interface ConnectionLimits {
  protocolVersion: 3 | 4 | 5;
  /** `undefined`: legacy 3.1 has no such bit. */
  sessionPresent: boolean | undefined;
  /** CONNECT carried Clean Session / Clean Start 1. */
  cleanStart: boolean;
  /** PUBLISH with QoS above 0 that the broker takes unacknowledged; `undefined` in 3.1.1, where it does not say. */
  receiveMaximum: number | undefined;
  maximumQoS: QoS;
  retainAvailable: boolean;
  /** Bytes of a whole packet; `undefined`: no limit. */
  maximumPacketSize: number | undefined;
  topicAliasMaximum: number;
  wildcardSubscriptionAvailable: boolean;
  subscriptionIdentifiersAvailable: boolean;
  sharedSubscriptionAvailable: boolean;
}
