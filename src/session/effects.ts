import type { FailureReason } from './failure';
import type { Message, MessageOrigin, QueuedMessage } from './message';
import type { AcknowledgementProperties, OutboundPacket } from './packets';
import type { FailedRecord, SessionRecord } from './records';
import type { Subscription } from './state';

/** Why a message left the queue without having been delivered. */
export type DiscardReason =
  | FailureReason // it is a dead letter, if such are kept
  | 'dropped' // the queue was full and the policy is to drop the oldest
  | 'purged'; // by an administrator

/** An inbound message on its way into the flow. `delivery` identifies it when it has been handled. */
export interface Delivery {
  delivery: number;
  /** Packet identifier; absent at QoS 0. */
  identifier?: number;
  message: Message;
  dup: boolean;
  /** The broker sends it again, and whether a flow got it before is not known. */
  redelivered: boolean;
  /** MQTT 5: the subscriptions it matched, when the broker says so. */
  subscriptionIdentifiers: number[];
}

/** What the session wants done, in this order. Executed by the client's loop. */
export type Effect =
  /** Append to the journal; `durable` answers. */
  | { type: 'append'; sequence: number; record: SessionRecord }
  /** Send on the present connection. Everything that must be durable before it is. */
  | { type: 'send'; packet: OutboundPacket }
  /** Read queued messages above `after` from the journal; `loaded` answers. */
  | { type: 'load'; after: number; maxBytes: number }
  /** Hand an inbound message to the flow; `handled` answers. */
  | { type: 'deliver'; delivery: Delivery }
  /** The broker waits for a delivery no more (it lost its session, or gave the message up): it needs no acknowledgement. */
  | { type: 'withdrawn'; delivery: number }
  /** The broker took responsibility for a watched message. */
  | { type: 'acknowledged'; sequence: number; reasonCode: number; properties?: AcknowledgementProperties }
  /** A message was given up, which is durable: it never comes back. Whoever queued it is told. */
  | {
      type: 'discarded';
      message: QueuedMessage;
      reason: DiscardReason;
      reasonCode?: number;
      reasonString?: string;
    }
  /** Keep a dead letter; `failedKept` answers, or after a pause `failedNotKept`. */
  | { type: 'keepFailed'; sequence: number; record: FailedRecord }
  /** A purge is done: `count` messages are gone. `watched`: those of them whose publisher waits. */
  | { type: 'purged'; count: number; bytes: number; watched: number[] }
  /** A message could not be stored: it is not in the queue. */
  | { type: 'rejected'; sequence: number; origin?: MessageOrigin; error: Error }
  /** A birth or close message has been answered, or cannot be any more. */
  | { type: 'directDone'; kind: 'birth' | 'close' }
  /** End the connection. */
  | { type: 'close'; reason: CloseReason; reasonCode: number }
  /** End the connection, because the broker broke the rules; `violation` completes the sentence "The broker ...". */
  | { type: 'close'; reason: 'protocol-error'; reasonCode: number; violation: string }
  /** A subscription was granted, refused (`refusedWith`) or ended. */
  | { type: 'subscription'; subscription: Subscription }
  | { type: 'unsubscribed'; filter: string }
  /** For log and status. */
  | { type: 'report'; report: Report };

export type CloseReason =
  | 'acknowledgement-overdue'
  | 'receive-maximum-exceeded'
  | 'inbound-overflow'
  /** The flow has acknowledged what kept us from taking more: the broker sends the rest on the next connection. */
  | 'inbound-room';

export type Report =
  | { kind: 'session-lost'; requeued: number; discarded: number }
  | { kind: 'session-adopted' }
  /** The adopted session could not be used: it was thrown away at the broker, with what it had for us. */
  | { kind: 'session-cleared' }
  /** The flow is to acknowledge so many messages that no more are taken; the broker keeps the rest. */
  | { kind: 'inbound-full'; messages: number; bytes: number }
  | { kind: 'session-expired'; expiryInterval: number }
  | { kind: 'dropped-oldest'; count: number }
  | { kind: 'quality-lowered'; sequence: number; from: number; to: number }
  | { kind: 'unexpected-packet'; packet: string; messageId: number };
