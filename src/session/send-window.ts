import type { QoS } from './message';
import type { ConnectionLimits } from './packets';

/** Bytes of unacknowledged PUBLISH in flight, so that the window is bounded whatever the size of messages. */
const WINDOW_BYTES = 1024 * 1024;
/** First window towards a broker whose Receive Maximum is not known: what a default Mosquitto takes. */
const FIRST_LEARNED_WINDOW = 20;
/**
 * QoS 2 messages open at once towards a broker whose Receive Maximum is not known, and never more: a default Mosquitto
 * answers the 21st with PUBREC and PUBCOMP, and drops it; behind 20 of them it does the same to QoS 1, with PUBACK. Being
 * closed is not what tells that the limit was passed.
 */
const UNKNOWN_QOS2_MAX = 20;
/** How long a size that made the broker drop us is not tried again. */
const CEILING_HOLDS_MS = 60 * 60 * 1000;
/**
 * The same for a size that a default Mosquitto takes: more likely it was the network, or the broker, that went away, and
 * a link that flaps must not leave a window of one message behind. Twice as long after each failure, up to the above.
 */
const LOW_CEILING_HOLDS_MS = 10_000;

export interface LearnedWindow {
  size: number;
  ceiling: number;
}

/**
 * How many PUBLISH packets may be unacknowledged at once (MQTT-3.3.4-7 (5.0); a QoS 2 message counts until PUBCOMP).
 *
 * MQTT 5 announces the limit. In 3.1.1 brokers drop clients above a limit they do not announce, so unless `stated` tells
 * it, the window is learned: it grows with every acknowledged window while it is what holds sending back (first by one,
 * then to twice its size, and by one again once a size has failed), and is halved when the peer ends a connection with
 * messages open before a whole window was acknowledged. QoS 2 has a bound of its own there.
 */
export class SendWindow {
  /** What the broker takes: announced, or stated by whoever configured it. */
  #known: number | undefined;
  #size: number;
  #ceiling: number;
  #ceilingSince: number;
  #ceilingHoldsMs: number;
  #nextLowHoldMs = LOW_CEILING_HOLDS_MS;
  #used = 0;
  #usedBytes = 0;
  #usedQoS2 = 0;
  #acknowledgedSinceGrowth = 0;
  #acknowledgedOnConnection = 0;
  #heldBack = false;
  /** After connections without a result: from one message on, twice as many per acknowledged window. */
  #cautious = Number.POSITIVE_INFINITY;

  constructor(
    private readonly maxInflight: number,
    learned: LearnedWindow,
    now: number,
    private readonly stated?: number,
  ) {
    this.#size = learned.size > 0 ? learned.size : FIRST_LEARNED_WINDOW;
    this.#ceiling = learned.ceiling;
    this.#ceilingSince = now;
    this.#ceilingHoldsMs = learned.ceiling > FIRST_LEARNED_WINDOW ? CEILING_HOLDS_MS : LOW_CEILING_HOLDS_MS;
  }

  get learned(): LearnedWindow {
    return { size: this.#size, ceiling: this.#ceiling };
  }

  get limit(): number {
    return Math.max(1, Math.min(this.maxInflight, this.#known ?? this.#size, this.#cautious));
  }

  get used(): number {
    return this.#used;
  }

  /**
   * A new connection starts with nothing in use: the quota is not kept (MQTT-4.9.0-1 (5.0)). `cautious`: and with one
   * message.
   */
  connected(limits: ConnectionLimits, cautious = false): void {
    this.#cautious = cautious ? 1 : Number.POSITIVE_INFINITY;
    this.#known = limits.protocolVersion === 5 ? (limits.receiveMaximum ?? 65_535) : this.stated;
    this.#used = 0;
    this.#usedBytes = 0;
    this.#usedQoS2 = 0;
    this.#acknowledgedOnConnection = 0;
    this.#acknowledgedSinceGrowth = 0;
    this.#heldBack = false;
  }

  /** The peer, not we, ended the connection. */
  closedByPeer(now: number): void {
    if (this.#known !== undefined || this.#used === 0 || this.#acknowledgedOnConnection >= this.#size) return;
    this.#ceiling = this.#size;
    this.#ceilingSince = now;
    this.#ceilingHoldsMs = CEILING_HOLDS_MS;
    if (this.#size <= FIRST_LEARNED_WINDOW) {
      this.#ceilingHoldsMs = this.#nextLowHoldMs;
      this.#nextLowHoldMs = Math.min(2 * this.#nextLowHoldMs, CEILING_HOLDS_MS);
    }
    this.#size = Math.max(1, this.#size >> 1);
  }

  /** Another broker: what was learned does not hold. */
  forget(): void {
    this.#size = FIRST_LEARNED_WINDOW;
    this.#ceiling = 0;
    this.#nextLowHoldMs = LOW_CEILING_HOLDS_MS;
  }

  /** Whether a message of `bytes` may be sent now; one message always may, whatever its size. */
  admits(bytes: number, qos: QoS): boolean {
    if (this.#used === 0) return true;
    if (this.#used >= this.limit) {
      this.#heldBack = true;
      return false;
    }
    if (qos > 0 && this.#known === undefined && this.#usedQoS2 >= UNKNOWN_QOS2_MAX) return false;
    return this.#usedBytes + bytes <= WINDOW_BYTES;
  }

  take(bytes: number, qos: QoS): void {
    this.#used += 1;
    this.#usedBytes += bytes;
    if (qos === 2) this.#usedQoS2 += 1;
  }

  /** A message left the window without having been sent. */
  giveBack(bytes: number, qos: QoS): void {
    this.#used -= 1;
    this.#usedBytes -= bytes;
    if (qos === 2) this.#usedQoS2 -= 1;
  }

  /** An acknowledgement ended one message. */
  release(bytes: number, qos: QoS, now: number): void {
    this.giveBack(bytes, qos);
    this.#acknowledgedOnConnection += 1;
    this.#cautious += 1;
    if (this.#known !== undefined || !this.#heldBack) return;
    this.#acknowledgedSinceGrowth += 1;
    if (this.#acknowledgedSinceGrowth < this.#size) return;
    this.#acknowledgedSinceGrowth = 0;
    this.#heldBack = false;
    this.#grow(now);
  }

  #grow(now: number): void {
    // A whole window of the size that once failed was acknowledged.
    if (this.#size >= this.#ceiling) {
      this.#ceiling = 0;
      this.#nextLowHoldMs = LOW_CEILING_HOLDS_MS;
    }
    const ceilingHolds = this.#ceiling > 0 && now - this.#ceilingSince < this.#ceilingHoldsMs;
    const most = Math.min(this.maxInflight, ceilingHolds ? Math.max(1, this.#ceiling - 1) : this.maxInflight);
    // By one where a limit is likely or known to be near; a default Mosquitto ends the connection at the first step.
    const doubles = this.#ceiling === 0 && this.#size > FIRST_LEARNED_WINDOW;
    this.#size = Math.max(this.#size, Math.min(most, doubles ? 2 * this.#size : this.#size + 1));
  }
}
