import { reasonCodeName } from '../connection/reason-codes';
import { SessionError, type SessionErrorCode } from '../errors';
import type { DiscardReason, Effect } from '../session/effects';

const CODES: Record<DiscardReason, SessionErrorCode> = {
  refused: 'ERR_MESSAGE_REFUSED',
  expired: 'ERR_MESSAGE_EXPIRED',
  'packet-too-large': 'ERR_MESSAGE_TOO_LARGE',
  'retain-unavailable': 'ERR_MESSAGE_RETAIN',
  dropped: 'ERR_MESSAGE_DROPPED',
  'session-lost': 'ERR_MESSAGE_DISCARDED',
  purged: 'ERR_MESSAGE_DISCARDED',
  poisoned: 'ERR_MESSAGE_POISONED',
};

const TEXTS: Record<DiscardReason, string> = {
  refused: 'the broker refused it',
  expired: 'its message expiry interval passed before it could be sent',
  'packet-too-large': "it is larger than the broker's Maximum Packet Size",
  'retain-unavailable': 'it is to be retained, and the broker offers no retained messages',
  dropped: 'the queue was full and its oldest message made room; raise the maximum size or drain the queue',
  'session-lost':
    'the broker lost its session while the message was unacknowledged, and such messages are to be discarded',
  purged: 'the queue was purged',
  poisoned: 'the broker ended the connection each time it got it',
};

/** The error for a message that was given up, for its sender and for a Catch node. */
export function discardError(effect: Extract<Effect, { type: 'discarded' }>): SessionError {
  const { message, reason, reasonCode, reasonString } = effect;
  const answer =
    reasonCode === undefined ? '' : ` (0x${reasonCode.toString(16)} ${reasonCodeName('puback', reasonCode)})`;
  const words = reasonString === undefined ? '' : `: ${reasonString}`;
  return new SessionError(
    CODES[reason],
    `The message for topic "${message.topic}" was not delivered: ${TEXTS[reason]}${answer}${words}.`,
    { details: { reason, reasonCode, sequence: message.sequence, topic: message.topic, origin: message.origin } },
  );
}
