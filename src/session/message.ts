/** Quality of Service, as in the MQTT specifications. */
export type QoS = 0 | 1 | 2;

/**
 * The MQTT 5 properties of a PUBLISH that belong to the message (not to a connection).
 * Names and shapes are those of `mqtt-packet`, so that they pass through unchanged.
 */
export interface MessageProperties {
  payloadFormatIndicator?: boolean;
  /** Seconds, counted from enqueue; what remains is sent (3.3.2.3.3). */
  messageExpiryInterval?: number;
  responseTopic?: string;
  correlationData?: Buffer;
  contentType?: string;
  userProperties?: Record<string, string | string[]>;
}

/** An application message, free of anything that belongs to one connection (identifier, DUP, topic alias). */
export interface Message {
  topic: string;
  payload: Buffer;
  qos: QoS;
  retain: boolean;
  properties?: MessageProperties;
}

/** Who queued a message, so that a failure after a restart can be reported there. */
export interface MessageOrigin {
  /** Id of the Node-RED node, or any name the library's user gives. */
  node: string;
  /** `_msgid` of the message that was queued. */
  messageId: string;
}

/** A message of the outbound queue. `sequence` orders the queue; no clock does. */
export interface QueuedMessage extends Message {
  sequence: number;
  /** Milliseconds since the epoch on the process's steady clock at enqueue. */
  enqueuedAt: number;
  origin?: MessageOrigin;
}
