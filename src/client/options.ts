import type { Connect, ConnectionOptions, WillMessage } from '../connection/types';
import type { Scheduler } from '../scheduler';
import type { SessionOptions } from '../session/options';
import type { DeadLetterLimits, SessionOpener } from './ports';

export interface SessionClientOptions {
  clientId: string;
  /** Where the session lives; `openSessionStore` makes one on disk. */
  store: SessionOpener;
  /** The broker, and how to reach it. `clean` true gives up what the broker keeps, never the queue. */
  connection: Omit<ConnectionOptions, 'clientId'>;
  /**
   * Seconds after the last access at which the stored session expires; 0: never; absent: as it was. An MQTT 5 broker is
   * asked for the same, if `connection.properties` says nothing else.
   */
  expiryInterval?: number;
  /** At most this many unacknowledged PUBLISH (fewer if the broker says so). Default 100. */
  maxInflight?: number;
  /** Bytes of stored messages. Default 1 GiB. */
  maxBytes?: number;
  /** Default `reject`. */
  whenFull?: 'reject' | 'dropOldest';
  /** What becomes of unacknowledged messages when the broker lost its session. Default `republish`. */
  onSessionLost?: 'republish' | 'discard';
  /**
   * Messages that are given up (refused by the broker, expired, too large for it, ...) are kept as dead letters. Default
   * true. False: they are gone, and only reported.
   */
  keepFailed?: boolean;
  /** Days after which a dead letter is removed; Infinity: never. Default 30. They take at most a tenth of `maxBytes`. */
  keepFailedDays?: number;
  /** At most so many messages a second from the queue; re-sends and acknowledgements are not held back. Default: no limit. */
  maxSendRate?: number;
  /** Longest pause between two connection attempts, in milliseconds. Default 30,000. */
  maxReconnectDelayMs?: number;
  /** Published on every connection, past the queue, and never re-sent. */
  birth?: WillMessage;
  /** Published before a connection is ended on purpose. */
  close?: WillMessage;
  /** For tests and simulations. */
  environment?: Partial<ClientEnvironment>;
}

export interface ClientEnvironment {
  connect: Connect;
  scheduler: Scheduler;
  /** From 0 (included) to 1 (excluded). */
  random: () => number;
}

const DEFAULT_MAX_INFLIGHT = 100;
const DEFAULT_MAX_BYTES = 1024 * 1024 * 1024;
/** Of `maxBytes`, on top of it. */
const DEAD_LETTER_SHARE = 0.1;
export const DEFAULT_MAX_RECONNECT_DELAY_MS = 30_000;
/** What we announce to an MQTT 5 broker: QoS 1 and 2 messages we take before we have acknowledged the first. */
export const INBOUND_RECEIVE_MAXIMUM = 1_000;
/** Session Expiry Interval of a session that the broker keeps for ever (3.1.2.11.2 of MQTT 5.0). */
export const NEVER_EXPIRES = 0xffff_ffff;
/** What the session needs of the options, with defaults. */
export function sessionOptions(options: SessionClientOptions): SessionOptions {
  return {
    maxInflight: options.maxInflight ?? DEFAULT_MAX_INFLIGHT,
    maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
    whenFull: options.whenFull ?? 'reject',
    onSessionLost: options.onSessionLost ?? 'republish',
    keepFailed: options.keepFailed ?? true,
    maxSendRate: options.maxSendRate ?? 0,
    receiveMaximum: INBOUND_RECEIVE_MAXIMUM,
  };
}

/** What a store needs to know of dead letters. */
export function deadLetterLimits({ maxBytes, keepFailedDays }: SessionClientOptions): DeadLetterLimits {
  return {
    deadLetterBytes: Math.floor((maxBytes ?? DEFAULT_MAX_BYTES) * DEAD_LETTER_SHARE),
    ...(keepFailedDays === undefined ? {} : { keepFailedDays }),
  };
}
