import type { Packet } from 'mqtt-packet';

/** `toBroker`: sent by the client. `toClient`: sent by the broker. */
export type Direction = 'toBroker' | 'toClient';

/** Labels of the statement in both specifications; undefined where a version has no such statement. */
interface Statement {
  v311?: string;
  v5?: string;
}

/** Every rule that the checker knows, with the statements it comes from. */
export const RULES = {
  'malformed-packet': { v311: '2.2.2-1', v5: '2.1.3-1' },
  'connect-twice': { v311: '3.1.0-2', v5: '3.1.0-2' },
  'connect-missing': { v311: '3.1.0-1', v5: '3.1.0-1' },
  'before-connack': { v311: '4.4.0-1', v5: '4.4.0-1' },
  'after-disconnect': { v311: '3.14.4-2', v5: '3.14.4-1' },
  'identifier-zero': { v311: '2.3.1-1', v5: '2.2.1-3' },
  'identifier-in-use': { v311: '2.3.1-2', v5: '2.2.1-3' },
  'resend-changed': { v311: '2.3.1-3', v5: '4.4.0-1' },
  'resend-without-dup': { v311: '3.3.1-1', v5: '3.3.1-1' },
  'dup-on-first-send': { v311: '4.3.2-1', v5: '4.3.2-2' },
  'dup-on-qos0': { v311: '3.3.1-2', v5: '3.3.1-2' },
  'dup-without-session': { v311: '4.3.2-1', v5: '4.4.0-1' },
  'resend-on-live-connection': { v311: '4.4.0-1', v5: '4.4.0-1' },
  'resend-of-acknowledged': { v311: '4.4.0-1', v5: '4.4.0-1' },
  'resend-incomplete': { v311: '4.4.0-1', v5: '4.4.0-1' },
  'resend-order': { v311: '4.6.0-1', v5: '4.6.0-1' },
  'pubrel-without-pubrec': { v311: '4.3.3-1', v5: '4.3.3-4' },
  'publish-after-pubrel': { v311: '4.3.3-1', v5: '4.3.3-6' },
  'pubrel-order': { v311: '4.6.0-4', v5: '4.6.0-4' },
  'puback-order': { v311: '4.6.0-2', v5: '4.6.0-2' },
  'pubrec-order': { v311: '4.6.0-3', v5: '4.6.0-3' },
  'acknowledgement-without-cause': { v311: '2.3.1-6', v5: '2.2.1-5' },
  'acknowledgement-wrong-type': { v311: '4.3.2-2', v5: '4.3.2-4' },
  'receive-maximum': { v5: '3.3.4-7' },
  'maximum-packet-size': { v5: '3.2.2-15' },
  'maximum-qos': { v5: '3.2.2-11' },
  'retain-unavailable': { v5: '3.2.2-14' },
  'topic-alias-maximum': { v5: '3.2.2-17' },
  'topic-alias-unknown': { v5: '3.3.2-8' },
} as const satisfies Record<string, Statement>;

export type Rule = keyof typeof RULES;

/** A broken rule. */
export interface Violation {
  rule: Rule;
  /** For example `4.4.0-1 (5.0)`. */
  statement: string;
  clientId: string;
  /** Number of the connection, as given to the checker. */
  connection: number;
  message: string;
}

/**
 * Something legal that a test may want to count:
 * - `first-send-with-dup`: a PUBLISH never seen before carries DUP = 1 right after a reconnect (the client recorded the
 *   identifier durably, or wrote it to a dead socket, before anybody saw it).
 * - `resend-after-acknowledgement`: the acknowledgement went out to the client on an earlier connection, but it was
 *   lost on the way or not yet recorded when the client died.
 * - `pubrel-clears-identifier`: PUBREL for an identifier unknown here, in a session older than the checker.
 * - `late-packet`: came in on a connection that the client has already replaced; not judged.
 * - `unexpected-from-broker`: the broker acknowledges something that is not open.
 * - `early-packet`: sent before CONNACK, of a kind that is allowed there.
 */
export type NoteKind =
  | 'first-send-with-dup'
  | 'resend-after-acknowledgement'
  | 'pubrel-clears-identifier'
  | 'late-packet'
  | 'unexpected-from-broker'
  | 'early-packet';

export interface Note {
  kind: NoteKind;
  clientId: string;
  connection: number;
  message: string;
}

/** One PUBLISH that went out to the client. */
export interface Delivery {
  clientId: string;
  connection: number;
  /** Topic with the alias resolved. */
  topic: string;
  payload: Buffer;
  qos: 0 | 1 | 2;
  dup: boolean;
  retain: boolean;
  /** Undefined at QoS 0. */
  identifier: number | undefined;
  /** QoS 1: sent before under this identifier and not acknowledged since. QoS 2: sent before and not released since. */
  repeat: boolean;
  /**
   * QoS 2, DUP = 1: sent again under the same identifier although it was released before (PUBREL went out). A fault of
   * the broker, no client can tell it from a new message: Mosquitto 2.0.11 does it with every message that waits for
   * PUBCOMP when it is stopped.
   */
  afterRelease: boolean;
}

/** Where the rules report to; bound to one client id and connection. */
export interface Report {
  violation(rule: Rule, message: string): void;
  note(kind: NoteKind, message: string): void;
}

/** Bytes of a packet on the wire, or undefined for a hand-written packet without a remaining length. */
export function wireLength(packet: Packet): number | undefined {
  const remaining = packet.length;
  if (remaining === undefined || remaining < 0) return undefined;
  const lengthBytes = remaining < 0x80 ? 1 : remaining < 0x4000 ? 2 : remaining < 0x200000 ? 3 : 4;
  return 1 + lengthBytes + remaining;
}

/** Reason code of an acknowledgement; 0 where the packet has none. */
export function reasonCode(packet: { reasonCode?: number; returnCode?: number }): number {
  return packet.reasonCode ?? packet.returnCode ?? 0;
}
