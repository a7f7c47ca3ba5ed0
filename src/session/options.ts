export interface SessionOptions {
  /** At most this many unacknowledged PUBLISH, whatever the broker allows. */
  maxInflight: number;
  /** Unacknowledged PUBLISH that a broker takes which does not announce it (3.1, 3.1.1); absent: learned. */
  brokerReceiveMaximum?: number;
  /** Bytes of stored messages (their records); beyond, `whenFull` decides. */
  maxBytes: number;
  whenFull: 'reject' | 'dropOldest';
  /** What becomes of unacknowledged messages when the broker lost its session. */
  onSessionLost: 'republish' | 'discard';
  /** Messages that are given up become dead letters (`keepFailed`, `failedKept`) before they are gone. */
  keepFailed: boolean;
  /** Messages a second that leave the queue; re-sends and acknowledgements are not held back. 0: no limit. */
  maxSendRate: number;
  /** What we announce to an MQTT 5 broker. */
  receiveMaximum: number;
  /** Received QoS 2 messages for which PUBREC went out and PUBCOMP did not; further PUBREC wait. */
  handshakesMax: number;
}
