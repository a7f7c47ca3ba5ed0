import type { Message, MessageOrigin, QueuedMessage } from './message';
import type { AcknowledgementProperties, OutboundPacket } from './packets';
import type { SessionRecord } from './records';
import type { Subscription } from './state';

/** Why a message left the queue without having been delivered. */
export type DiscardReason =
  | 'refused' // the broker answered with a reason code of 0x80 or above
  | 'expired' // its Message Expiry Interval passed before it was sent
  | 'packet-too-large' // above the broker's Maximum Packet Size
  | 'retain-unavailable' // RETAIN set, and the broker offers no retained messages
  | 'dropped' // the queue was full and the policy is to drop the oldest
  | 'session-lost' // the broker lost its session and the policy is to discard
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
  /** The broker took responsibility for a watched message. */
  | { type: 'acknowledged'; sequence: number; reasonCode: number; properties?: AcknowledgementProperties }
  /** A message was given up; whoever queued it is told. */
  | {
      type: 'discarded';
      message: QueuedMessage;
      reason: DiscardReason;
      reasonCode?: number;
      reasonString?: string;
    }
  /** A message could not be stored: it is not in the queue. */
  | { type: 'rejected'; sequence: number; origin?: MessageOrigin; error: Error }
  /** A birth or close message has been answered, or cannot be any more. */
  | { type: 'directDone'; kind: 'birth' | 'close' }
  /** End the connection. */
  | { type: 'close'; reason: CloseReason; reasonCode: number }
  /** A subscription was granted, refused (`refusedWith`) or ended. */
  | { type: 'subscription'; subscription: Subscription }
  | { type: 'unsubscribed'; filter: string }
  /** For log and status. */
  | { type: 'report'; report: Report };

export type CloseReason =
  | 'acknowledgement-overdue'
  | 'receive-maximum-exceeded'
  | 'inbound-overflow'
  | 'protocol-error';

export type Report =
  | { kind: 'session-lost'; requeued: number; discarded: number }
  | { kind: 'session-adopted' }
  | { kind: 'session-expired'; expiryInterval: number }
  | { kind: 'dropped-oldest'; count: number }
  | { kind: 'quality-lowered'; sequence: number; from: number; to: number }
  | { kind: 'unexpected-packet'; packet: string; messageId: number };
