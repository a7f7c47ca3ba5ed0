import type { SessionState, Subscription } from '../session/state';
import { ByteReader } from './byte-reader';
import { readVersion } from './header';
import { decodeMcpsV1, MCPS_VERSION_1, type McpsV1Session } from './v1';
import { decodeMcpsV2, type McpsV2Snapshot } from './v2';

/** A message that had left the queue when the snapshot was made. */
export interface McpsV2InflightMessage {
  packetId: number;
  /**
   * `published`: PUBLISH has, or may have, been sent. `released`: PUBREC received, PUBREL is due. `requeued`: to be sent
   * as a new message, the broker has lost its session.
   */
  state: 'published' | 'released' | 'requeued';
  /** The place of the message among all records of the session. */
  sequence: number;
  /** Milliseconds since the epoch; 0: not known. */
  sendTime: number;
  retryCount: number;
  /** The message, if it is in the snapshot; most are in the journal, under their sequence. */
  message?: NonNullable<SessionState['open'][number]['message']>;
}

/**
 * What a snapshot (version 2) holds, under the names of version 1 where it has the same. Queued messages are not in it,
 * they are in the journal: export the session to have them.
 */
export interface McpsV2Session {
  version: 2;
  clientId: string;
  /** Times in milliseconds since the epoch. */
  createdTime: number;
  lastAccessTime: number;
  /** Seconds after the last access at which the session expires; 0: never. */
  expiryInterval: number;
  subscriptions: (Omit<Subscription, 'filter'> & { topic: string })[];
  /** Oldest first. */
  inflight: McpsV2InflightMessage[];
  /** Identifiers of inbound QoS 2 messages that were handed over and not released by the broker. */
  received: number[];
  /** Address of the broker that all this belongs to, without credentials; empty: none yet. */
  broker: string;
  paused: boolean;
  /** All stored messages, queued ones included, and their bytes. */
  stored: { count: number; bytes: number };
  /** Enqueue time of the oldest stored message; 0: none, or not known. */
  oldestTime: number;
  /** The last record of the journal that the snapshot includes. */
  sequence: number;
  /** `uid`: 32 hexadecimal digits. */
  journal: { uid: string; epoch: number; segments: { number: number; firstSequence: number; length: number }[] };
}

/**
 * Reads a session file: `version` says which it is. The file is not trusted; nothing larger than itself is allocated, and
 * whatever is wrong with it is an error with a code.
 * @throws McpsError with code `ERR_MCPS_MAGIC` (no session file), `_VERSION` (neither 1 nor 2; `details.version`),
 * `_TRUNCATED`, `_COUNT`, `_TRAILING`, `_UTF8`, `_VALUE`; version 1 also `_IDENTIFIER` (0 or repeated) and `_QOS`, version
 * 2 also `_CHECKSUM` and `_SECTION`.
 */
export function decodeMcps(bytes: Buffer): McpsV1Session | McpsV2Session {
  if (readVersion(new ByteReader(bytes)) === MCPS_VERSION_1) return decodeMcpsV1(bytes);
  return sessionOf(decodeMcpsV2(bytes));
}

function sessionOf({ metadata, state, journal }: McpsV2Snapshot): McpsV2Session {
  return {
    version: 2,
    clientId: metadata.clientId,
    createdTime: metadata.createdAt,
    lastAccessTime: metadata.lastAccessAt,
    expiryInterval: metadata.expiryInterval,
    subscriptions: state.subscriptions.map(({ filter, ...options }) => ({ topic: filter, ...options })),
    inflight: state.open.map(({ packetId, phase, sequence, sentAt, retries, message }) => ({
      packetId,
      state: phase,
      sequence,
      sendTime: sentAt,
      retryCount: retries,
      ...(message === undefined ? {} : { message }),
    })),
    received: state.received,
    broker: state.broker,
    paused: state.paused,
    stored: state.stored,
    oldestTime: state.oldestEnqueuedAt,
    sequence: state.sequence,
    journal: { ...journal, uid: journal.uid.toString('hex') },
  };
}
