import type { Message, MessageOrigin } from './message';
import type { Subscription } from './state';

/**
 * What the session asks its store to append. Each record gets the next sequence number of the session;
 * replaying all records above a snapshot's sequence onto that snapshot gives the session as it was.
 *
 * Kinds with the high bit set are messages of the outbound queue: the only ones a store reads back in order
 * while the session runs. All others are state and are read at recovery only.
 */
export const RecordKind = {
  Mark: 1,
  Released: 2,
  Completed: 3,
  Received: 4,
  ReceivedRemoved: 5,
  SessionLost: 6,
  Subscribed: 7,
  Unsubscribed: 8,
  Paused: 9,
  Broker: 10,
  Adopted: 11,
  Enqueued: 0x81,
} as const;

/** A message enters the queue. Its record's sequence is the message's sequence from here on. */
export interface EnqueuedRecord {
  kind: typeof RecordKind.Enqueued;
  message: Message;
  /** Milliseconds since the epoch on the steady clock. */
  enqueuedAt: number;
  origin?: MessageOrigin;
}

/**
 * Every message up to `upTo` that is still stored may have been sent in the broker's session. Durable before the
 * first PUBLISH above the previous mark; written ahead in steps of the window so that sending rarely waits for it.
 */
export interface MarkRecord {
  kind: typeof RecordKind.Mark;
  upTo: number;
}

/** PUBREC received for the open messages from `first` to `last`; durable before their PUBREL (MQTT-4.3.3-1 (3.1.1)). */
export interface ReleasedRecord {
  kind: typeof RecordKind.Released;
  first: number;
  last: number;
}

/** No message from `first` to `last` is stored any longer: acknowledged, refused, expired, dropped or purged. */
export interface CompletedRecord {
  kind: typeof RecordKind.Completed;
  first: number;
  last: number;
  /** How many messages this removed, and how many bytes they counted for. */
  count: number;
  bytes: number;
}

/** Identifiers of inbound QoS 2 messages handed over; durable before their PUBREC (MQTT-4.3.3-2 (3.1.1)). */
export interface ReceivedRecord {
  kind: typeof RecordKind.Received;
  identifiers: number[];
}

/** Their removal on PUBREL; durable before PUBCOMP, after which an identifier may carry a new message. */
export interface ReceivedRemovedRecord {
  kind: typeof RecordKind.ReceivedRemoved;
  identifiers: number[];
}

/** The broker holds no session for us: identifiers of both directions are free, open messages are new ones. */
export interface SessionLostRecord {
  kind: typeof RecordKind.SessionLost;
}

/** A subscription was made or changed (also: granted, refused, set inactive). */
export interface SubscribedRecord {
  kind: typeof RecordKind.Subscribed;
  subscription: Subscription;
}

export interface UnsubscribedRecord {
  kind: typeof RecordKind.Unsubscribed;
  filter: string;
}

/** Sending was paused or resumed by an administrator. */
export interface PausedRecord {
  kind: typeof RecordKind.Paused;
  paused: boolean;
}

/** The broker that the protocol state belongs to, as URL without credentials; empty: none, the state has expired. */
export interface BrokerRecord {
  kind: typeof RecordKind.Broker;
  address: string;
}

/** The broker had a session we knew nothing of: up to this sequence, QoS 2 identifiers are cleared before use. */
export interface AdoptedRecord {
  kind: typeof RecordKind.Adopted;
  until: number;
}

export type SessionRecord =
  | EnqueuedRecord
  | MarkRecord
  | ReleasedRecord
  | CompletedRecord
  | ReceivedRecord
  | ReceivedRemovedRecord
  | SessionLostRecord
  | SubscribedRecord
  | UnsubscribedRecord
  | PausedRecord
  | BrokerRecord
  | AdoptedRecord;
