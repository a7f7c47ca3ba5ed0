import type { Failure } from './failure';
import type { QoS, QueuedMessage } from './message';

/**
 * `requested`: wanted, not yet granted. `active`: wanted and granted. `deactivating`: kept, to be taken back at the
 * broker. `inactive`: kept, not in force at the broker (its user is gone for now, or the broker refused it).
 * `removing`: to be taken back at the broker and then forgotten.
 */
export type SubscriptionState = 'requested' | 'active' | 'deactivating' | 'inactive' | 'removing';

/** A subscription with all its MQTT 5 options. Kept in the session whether or not the broker has granted it. */
export interface Subscription {
  filter: string;
  qos: QoS;
  noLocal: boolean;
  retainAsPublished: boolean;
  /** 0: retained messages at every subscribe; 1: only at a new subscription; 2: never (3.8.3.1). */
  retainHandling: 0 | 1 | 2;
  /** MQTT 5 Subscription Identifier; persists with the subscription. */
  identifier: number;
  state: SubscriptionState;
  /** The SUBACK reason code when the broker refused it. */
  refusedWith?: number;
  /** Who subscribed at run time and must find the subscription again; the client's to read and write. */
  users?: string;
}

/**
 * A message that has, or may have, been sent and is not acknowledged.
 * `published`: PUBLISH (perhaps) sent. `released`: PUBREC recorded, PUBREL (perhaps) sent.
 * `requeued`: the broker lost its session; the message waits at the front of the queue as a new one.
 */
export interface OpenMessageState {
  sequence: number;
  packetId: number;
  phase: 'published' | 'released' | 'requeued';
  /** Position among the released ones: PUBRELs go out in the order of the PUBRECs (MQTT-4.6.0-4 (3.1.1)). */
  releaseOrder: number;
  /** When PUBLISH was last sent, milliseconds since the epoch on the steady clock; 0: not known. */
  sentAt: number;
  /** How often PUBLISH was sent again. */
  retries: number;
  /** Carried inside the snapshot when its journal segment is to be freed or it came from a file without a journal. */
  message?: QueuedMessage;
}

/** A transfer that has not ended: which messages of its source have been enqueued, whatever became of them since. */
export interface TransferState {
  source: string;
  /** Sequences of the source, as ranges: sorted, disjoint, not touching. */
  enqueued: { first: number; last: number }[];
}

/** A message given up that is not a dead letter yet; it is in `open`, too. */
export interface GivenUpState extends Failure {
  sequence: number;
}

/**
 * The session as a snapshot keeps it: all that outlives a connection and a process, except queued messages,
 * which stay in the journal above `queueAfter`.
 */
export interface SessionState {
  /** The last record this state includes. 0: none. */
  sequence: number;
  /** Every stored message up to here may have been sent (see MarkRecord). 0: none. */
  mark: number;
  /** Messages at or below are in `open` or gone; those above are in the queue unless a later record removed them. */
  queueAfter: number;
  /** All stored messages, queued and open. `bytes` counts their records. */
  stored: { count: number; bytes: number };
  /** Steady-clock enqueue time of the oldest stored message, 0 when there is none or it is not known. */
  oldestEnqueuedAt: number;
  /** In the order of their sequence. */
  open: OpenMessageState[];
  /** Identifiers of inbound QoS 2 messages handed over and not yet released by the broker. */
  received: number[];
  subscriptions: Subscription[];
  paused: boolean;
  /** Learned send window: `size` for the next connection, `ceiling` the size that once failed (0: none did). */
  window: { size: number; ceiling: number };
  /** Address of the broker the protocol state belongs to; empty: none yet. */
  broker: string;
  /** Up to this sequence QoS 2 identifiers are cleared by PUBREL/PUBCOMP before their first use. 0: none. */
  adoptedUntil: number;
  transfers: TransferState[];
  /** In the order in which they were given up. */
  givenUp: GivenUpState[];
  /** Identifiers under which the broker may hold messages that were given up: no new message gets one. */
  reserved: number[];
}

/** Header fields shared by MCPS v1 and v2. Times in milliseconds since the epoch. */
export interface SessionMetadata {
  clientId: string;
  createdAt: number;
  lastAccessAt: number;
  /** Seconds after the last access at which the session expires; 0: never. */
  expiryInterval: number;
}

/** What a file of the original implementation (MCPS v1) holds of a session; oldest first. */
export interface OriginalSession {
  subscriptions: { topic: string; qos: QoS }[];
  /** The identifier given out last; 0: none. */
  lastPacketId: number;
  inflight: {
    packetId: number;
    topic: string;
    payload: Buffer;
    qos: QoS;
    retain: boolean;
    /** Milliseconds since the epoch. */
    sendTime: number;
    retryCount: number;
  }[];
}

/** Converts records to bytes and back. The store calls it and knows nothing of what is inside. */
export interface RecordCodec<R> {
  /** One byte; kinds with the high bit (0x80) are messages of the queue. */
  kind(record: R): number;
  /** Exact number of body bytes that `write` will produce. */
  size(record: R): number;
  /** Writes the body at `offset`; returns the offset behind it. */
  write(record: R, target: Buffer, offset: number): number;
  /**
   * Reads a body whose checksum held. Buffers in the result may share memory with `body`.
   * @throws Error with code `ERR_RECORD_INVALID` when the bytes are not a record of that kind.
   */
  read(kind: number, body: Buffer): R;
  /** The state of a session that the original implementation has left; absent: such files are not looked for. */
  migrate?(original: OriginalSession): { state: SessionState; leftOut: string[] };
}

/** An empty session. */
export function emptySessionState(): SessionState {
  return {
    sequence: 0,
    mark: 0,
    queueAfter: 0,
    stored: { count: 0, bytes: 0 },
    oldestEnqueuedAt: 0,
    open: [],
    received: [],
    subscriptions: [],
    paused: false,
    window: { size: 0, ceiling: 0 },
    broker: '',
    adoptedUntil: 0,
    transfers: [],
    givenUp: [],
    reserved: [],
  };
}
