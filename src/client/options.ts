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
  /**
   * At most this many unacknowledged PUBLISH (fewer if the broker says so), and ten times as many handshakes of received
   * QoS 2 messages. Default 100.
   */
  maxInflight?: number;
  /**
   * How many PUBLISH with QoS 1 and 2 an MQTT 3.1 or 3.1.1 broker takes before it has acknowledged the first; such a
   * broker does not announce it. From 1 to 65,535, as the broker is configured (Mosquitto: `max_inflight_messages`).
   * A value above what the broker takes loses messages: Mosquitto drops QoS 2 beyond it and says that all is well.
   * Absent: learned, and at most 20 at QoS 2. An MQTT 5 broker announces its own.
   */
  brokerReceiveMaximum?: number;
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
  /** @internal For tests and simulations. */
  environment?: Partial<ClientEnvironment>;
}

/** @internal */
export interface ClientEnvironment {
  connect: Connect;
  scheduler: Scheduler;
  /** From 0 (included) to 1 (excluded). */
  random: () => number;
}

const DEFAULT_MAX_INFLIGHT = 100;
/** With the default as many as an MQTT 5 broker sends by `INBOUND_RECEIVE_MAXIMUM`; 3.1.1 has no such limit. */
const HANDSHAKES_PER_INFLIGHT = 10;
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
    ...(options.brokerReceiveMaximum === undefined ? {} : { brokerReceiveMaximum: options.brokerReceiveMaximum }),
    maxBytes: options.maxBytes ?? DEFAULT_MAX_BYTES,
    whenFull: options.whenFull ?? 'reject',
    onSessionLost: options.onSessionLost ?? 'republish',
    keepFailed: options.keepFailed ?? true,
    maxSendRate: options.maxSendRate ?? 0,
    receiveMaximum: INBOUND_RECEIVE_MAXIMUM,
    handshakesMax: HANDSHAKES_PER_INFLIGHT * (options.maxInflight ?? DEFAULT_MAX_INFLIGHT),
  };
}

/** What a store needs to know of dead letters. */
export function deadLetterLimits({ maxBytes, keepFailedDays }: SessionClientOptions): DeadLetterLimits {
  return {
    deadLetterBytes: Math.floor((maxBytes ?? DEFAULT_MAX_BYTES) * DEAD_LETTER_SHARE),
    ...(keepFailedDays === undefined ? {} : { keepFailedDays }),
  };
}

/** @throws RangeError for a window that is no whole number from 1 to 65,535 (3.1.2.11.3 of MQTT 5.0). */
export function assertWindows({ maxInflight, brokerReceiveMaximum }: SessionClientOptions): void {
  for (const [name, value] of Object.entries({ maxInflight, brokerReceiveMaximum })) {
    if (value === undefined || (Number.isInteger(value) && value >= 1 && value <= 65_535)) continue;
    throw new RangeError(`${name} is ${value}, not a whole number from 1 to 65535.`);
  }
}
