import type { Failure } from './failure';
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
  TransferEnded: 12,
  GivenUp: 13,
  /** Only in the file of dead letters, never in a journal. */
  Failed: 14,
  Enqueued: 0x81,
} as const;

/** Where a transferred message came from: a session, a file or dead letters, and its place there. */
export interface MessageSource {
  /** At most 255 bytes of UTF-8; whoever transfers chooses it. */
  id: string;
  /** 0 to 2^48 - 1. */
  sequence: number;
}

/** A message enters the queue. Its record's sequence is the message's sequence from here on. */
export interface EnqueuedRecord {
  kind: typeof RecordKind.Enqueued;
  message: Message;
  /** Milliseconds since the epoch on the steady clock. */
  enqueuedAt: number;
  origin?: MessageOrigin;
  source?: MessageSource;
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

/** A transfer is over, its original removed: which of its messages were enqueued need not be known any longer. */
export interface TransferEndedRecord {
  kind: typeof RecordKind.TransferEnded;
  source: string;
}

/**
 * A message was given up; it is stored until it is a dead letter (Completed). Durable before it becomes one: from here on
 * it is never sent, and after a crash it becomes one all the same.
 */
export interface GivenUpRecord extends Failure {
  kind: typeof RecordKind.GivenUp;
  sequence: number;
  /** Identifier under which the broker may hold it; not used for new messages while its session lasts. 0: none. */
  reserve: number;
}

/** A dead letter: all that is needed to send the message again, and why it was given up. */
export interface FailedRecord extends Failure {
  kind: typeof RecordKind.Failed;
  /** Of the message in the session's queue. */
  sequence: number;
  message: Message;
  enqueuedAt: number;
  origin?: MessageOrigin;
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
  | AdoptedRecord
  | TransferEndedRecord
  | GivenUpRecord
  | FailedRecord;
