/** Why a message was given up and became a dead letter. */
export type FailureReason =
  | 'refused' // the broker answered with a reason code of 0x80 or above
  | 'expired' // its Message Expiry Interval passed before it was sent
  | 'packet-too-large' // above the broker's Maximum Packet Size
  | 'retain-unavailable' // RETAIN set, and the broker offers no retained messages
  | 'session-lost' // the broker lost its session and the policy is to discard
  | 'poisoned'; // the broker ended the connection each time it got it

/** Why and when a message was given up. */
export interface Failure {
  reason: FailureReason;
  /** What the broker answered, with `refused`. */
  reasonCode?: number;
  reasonString?: string;
  /** Milliseconds since the epoch on the steady clock. */
  failedAt: number;
}

/** Stored as their number; a number is never given to another reason. */
const REASON_NUMBERS: Record<FailureReason, number> = {
  refused: 1,
  expired: 2,
  'packet-too-large': 3,
  'retain-unavailable': 4,
  'session-lost': 5,
  poisoned: 6,
};

export function numberOfReason(reason: FailureReason): number {
  return REASON_NUMBERS[reason];
}

/** `undefined`: no reason has that number. */
export function reasonOfNumber(number: number): FailureReason | undefined {
  for (const [reason, known] of Object.entries(REASON_NUMBERS)) if (known === number) return reason as FailureReason;
  return undefined;
}
