import type { Timers } from './timers';

/** What keep-alive watches: byte counters of one connection. */
export interface Traffic {
  readonly receivedBytes: number;
  /** Handed over for sending. */
  readonly acceptedBytes: number;
  /** Of these, taken by the operating system. */
  readonly takenBytes: number;
  /** Of these, known to have reached the broker, because it answered something behind them. */
  readonly confirmedBytes: number;
  /** The largest payload accepted so far. */
  readonly largestBytes: number;
}

export interface KeepAliveEvents {
  /** PINGREQ is due. */
  ping(): void;
  /** The link is half-open; nothing follows. */
  halfOpen(): void;
}

const TICKS_PER_KEEPALIVE = 4;
/** Quiet for three whole ticks: between 3/4 of keep alive and all of it. */
const PING_TICKS = 3;
/** 1.5 times keep alive. */
const SILENT_TICKS = 6;
/** An answer has at least this long, however short keep alive is. */
const ANSWER_MS = 2_000;
/** The slowest link that must stay up: half of 64 kbit/s, in bytes per millisecond. */
const SLOW_BYTES_PER_MS = 4;
/** What may be under way in one direction before something is heard: this much, or one larger message, ... */
const UNDER_WAY_BYTES = 1024 * 1024;
/** ... of which the operating system buffers about this much; the rest shows movement. */
const SYSTEM_BUFFER_BYTES = 4 * 1024 * 1024;

/**
 * Keep-alive of one connection (MQTT-3.1.2-23 (3.1.1), MQTT-3.1.2-20 (5.0)).
 *
 * PINGREQ is sent when nothing was sent for keep alive (whatever is received: the broker counts what we send), and when
 * nothing was received for that long (whatever is sent: what we send may be going nowhere).
 *
 * The link counts as half-open after 1.5 times keep alive without a sign of life. Signs of life are bytes received, and
 * bytes that had been waiting and were then taken by the operating system, which makes room only when the peer takes
 * something. What the operating system has taken may still be on a slow link in front of our PINGREQ, so the time is
 * longer by what a slow link needs for the bytes that the broker has not confirmed; on an idle link that is nothing.
 *
 * Time is counted in ticks, never read from a clock: after a sleep, or a stall of the process, what the broker sent in the
 * meantime is read before silence is counted on.
 */
export class KeepAlive {
  readonly #timers: Timers;
  readonly #traffic: Traffic;
  readonly #events: KeepAliveEvents;
  #cancel: (() => void) | undefined;
  #tickMs = 0;
  #accepted = 0;
  #taken = 0;
  #received = 0;
  /** At the last tick bytes had been waiting for the operating system. */
  #wasWaiting = false;
  /** Ticks since something was sent, since something was received, and since any sign of life. */
  #unsentTicks = 0;
  #unheardTicks = 0;
  #silentTicks = 0;
  #asked = false;

  constructor(timers: Timers, traffic: Traffic, events: KeepAliveEvents) {
    this.#timers = timers;
    this.#traffic = traffic;
    this.#events = events;
  }

  /** `keepaliveSeconds` 0 switches keep-alive off (3.1.2.10). */
  start(keepaliveSeconds: number): void {
    if (keepaliveSeconds === 0) return;
    this.#tickMs = (keepaliveSeconds * 1_000) / TICKS_PER_KEEPALIVE;
    this.#sample();
    this.#next();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #next(): void {
    this.#cancel = this.#timers.after(this.#tickMs, () => this.#tick());
  }

  #tick(): void {
    const { receivedBytes, takenBytes } = this.#traffic;
    const hasMoved = this.#wasWaiting && takenBytes > this.#taken;
    if (receivedBytes > this.#received) {
      this.#unheardTicks = 0;
      this.#asked = false;
    } else {
      this.#unheardTicks++;
    }
    this.#silentTicks = this.#unheardTicks === 0 || hasMoved ? 0 : this.#silentTicks + 1;
    this.#unsentTicks = this.#traffic.acceptedBytes > this.#accepted ? 0 : this.#unsentTicks + 1;

    if (this.#silentTicks >= this.#silentTicksAllowed()) {
      this.#cancel = undefined;
      this.#events.halfOpen();
      return;
    }
    // Before the PINGREQ: that it waits a moment for the operating system shall not count as movement.
    this.#sample();
    if (this.#unsentTicks >= PING_TICKS || (this.#unheardTicks >= PING_TICKS && !this.#asked)) {
      this.#asked = true;
      this.#unsentTicks = 0;
      this.#events.ping();
      this.#accepted = this.#traffic.acceptedBytes;
    }
    this.#next();
  }

  #silentTicksAllowed(): number {
    const { takenBytes, confirmedBytes, largestBytes } = this.#traffic;
    const underWayBytesMax = Math.min(SYSTEM_BUFFER_BYTES, Math.max(UNDER_WAY_BYTES, largestBytes));
    const unconfirmedBytes = Math.min(underWayBytesMax, Math.max(0, takenBytes - confirmedBytes));
    const answerTicks = Math.ceil(ANSWER_MS / this.#tickMs);
    const linkTicks = Math.floor(unconfirmedBytes / SLOW_BYTES_PER_MS / this.#tickMs);
    return Math.max(SILENT_TICKS, PING_TICKS + answerTicks) + linkTicks;
  }

  #sample(): void {
    this.#received = this.#traffic.receivedBytes;
    this.#accepted = this.#traffic.acceptedBytes;
    this.#taken = this.#traffic.takenBytes;
    this.#wasWaiting = this.#accepted > this.#taken;
  }
}
