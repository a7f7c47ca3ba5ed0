import type { AcknowledgementReference } from '../../src/client/acknowledgement-reference';
import type { ReceivedMessage } from '../../src/client/router';
import type { MessageProperties } from '../../src/session/message';
import { userPropertiesOf } from './config-values';
import { type Datatype, decodePayload, type PayloadProblem } from './payload';

/** A message as it goes into the flow. */
export interface InboundMsg {
  topic: string;
  payload: unknown;
  qos: 0 | 1 | 2;
  retain: boolean;
  /** Only where Node-RED's own node sets it: the broker is on this machine. */
  _topic?: string;
  /** The flow may have had the message before: it was being handed over when the process was killed. */
  redelivered?: true;
  /** With acknowledgement by the flow: what acknowledges it. */
  mqttAck?: AcknowledgementReference;
  responseTopic?: string;
  correlationData?: Buffer;
  contentType?: string;
  messageExpiryInterval?: number;
  payloadFormatIndicator?: boolean;
  /** As in Node-RED's own node: of a name that comes more than once, the JSON text of its values. */
  userProperties?: Record<string, string>;
}

export type InboundResult = { msg: InboundMsg } | { problem: PayloadProblem; msg: InboundMsg };

/**
 * Makes the `msg` of an inbound message. With `problem` the payload could not be decoded as asked, and `msg` has it as it is;
 * it is to be acknowledged all the same.
 * `brokerIsLocal`: the broker was given as localhost or 127.0.0.1.
 */
export function inboundMsg(received: ReceivedMessage, datatype: Datatype, brokerIsLocal: boolean): InboundResult {
  const { topic, qos, retain, properties, mqttAck } = received;
  const decoded = decodePayload(received.payload, datatype, properties ?? {});
  const msg: InboundMsg = { topic, payload: decoded.payload, qos, retain };
  if (mqttAck !== undefined) msg.mqttAck = { ...mqttAck };
  if (decoded.problem !== undefined) return { problem: decoded.problem, msg };
  if (properties !== undefined) addProperties(msg, properties);
  if (received.redelivered) msg.redelivered = true;
  if (brokerIsLocal) msg._topic = topic;
  return { msg };
}

function addProperties(msg: InboundMsg, properties: MessageProperties): void {
  if (properties.responseTopic) msg.responseTopic = properties.responseTopic;
  if (properties.correlationData !== undefined) msg.correlationData = Buffer.from(properties.correlationData);
  if (properties.contentType) msg.contentType = properties.contentType;
  if (properties.messageExpiryInterval !== undefined) msg.messageExpiryInterval = properties.messageExpiryInterval;
  if (properties.payloadFormatIndicator !== undefined) msg.payloadFormatIndicator = properties.payloadFormatIndicator;
  const userProperties = userPropertiesOf(properties.userProperties);
  if (userProperties !== undefined) msg.userProperties = userProperties;
}
