import type { QoS } from './message';
import type { ConnectionLimits } from './packets';

/** Bytes of unacknowledged PUBLISH in flight, so that the window is bounded whatever the size of messages. */
const WINDOW_BYTES = 1024 * 1024;
/** First window towards a broker that announces no Receive Maximum: what a default Mosquitto takes. */
const FIRST_LEARNED_WINDOW = 20;
/**
 * QoS 2 messages open at once towards a broker that announces no Receive Maximum, and never more: a default Mosquitto
 * answers the 21st with PUBREC and PUBCOMP, and drops it. Being closed is not what tells that the limit was passed.
 */
const UNANNOUNCED_QOS2_MAX = 20;
/** How long a size that once made the broker drop us is not tried again. */
const CEILING_HOLDS_MS = 60 * 60 * 1000;

export interface LearnedWindow {
  size: number;
  ceiling: number;
}

/**
 * How many PUBLISH packets may be unacknowledged at once (MQTT-3.3.4-7 (5.0); a QoS 2 message counts until PUBCOMP).
 *
 * MQTT 5 announces the limit. In 3.1.1 brokers drop clients above a limit they do not announce, so the window is
 * learned: it grows by one per acknowledged window while it is what holds sending back, and is halved when the peer
 * ends a connection with messages open before a whole window was acknowledged. QoS 2 has a bound of its own there.
 */
export class SendWindow {
  #announced: number | undefined;
  #size: number;
  #ceiling: number;
  #ceilingSince: number;
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
  ) {
    this.#size = learned.size > 0 ? learned.size : FIRST_LEARNED_WINDOW;
    this.#ceiling = learned.ceiling;
    this.#ceilingSince = now;
  }

  get learned(): LearnedWindow {
    return { size: this.#size, ceiling: this.#ceiling };
  }

  get limit(): number {
    return Math.max(1, Math.min(this.maxInflight, this.#announced ?? this.#size, this.#cautious));
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
    this.#announced = limits.protocolVersion === 5 ? (limits.receiveMaximum ?? 65_535) : undefined;
    this.#used = 0;
    this.#usedBytes = 0;
    this.#usedQoS2 = 0;
    this.#acknowledgedOnConnection = 0;
    this.#acknowledgedSinceGrowth = 0;
    this.#heldBack = false;
  }

  /** The peer, not we, ended the connection. */
  closedByPeer(now: number): void {
    if (this.#announced !== undefined || this.#used === 0 || this.#acknowledgedOnConnection >= this.#size) return;
    this.#ceiling = this.#size;
    this.#ceilingSince = now;
    this.#size = Math.max(1, this.#size >> 1);
  }

  /** Another broker: what was learned does not hold. */
  forget(): void {
    this.#size = FIRST_LEARNED_WINDOW;
    this.#ceiling = 0;
  }

  /** Whether a message of `bytes` may be sent now; one message always may, whatever its size. */
  admits(bytes: number, qos: QoS): boolean {
    if (this.#used === 0) return true;
    if (this.#used >= this.limit) {
      this.#heldBack = true;
      return false;
    }
    if (qos === 2 && this.#announced === undefined && this.#usedQoS2 >= UNANNOUNCED_QOS2_MAX) return false;
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
    if (this.#announced !== undefined || !this.#heldBack) return;
    this.#acknowledgedSinceGrowth += 1;
    if (this.#acknowledgedSinceGrowth < this.#size) return;
    this.#acknowledgedSinceGrowth = 0;
    this.#heldBack = false;
    this.#grow(now);
  }

  #grow(now: number): void {
    if (this.#ceiling > 0 && now - this.#ceilingSince >= CEILING_HOLDS_MS) this.#ceiling = 0;
    const most = this.#ceiling > 0 ? Math.max(1, this.#ceiling - 1) : this.maxInflight;
    if (this.#size < Math.min(most, this.maxInflight)) this.#size += 1;
  }
}
