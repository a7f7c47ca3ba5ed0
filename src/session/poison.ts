import type { QoS } from './message';

/** Connections in a row that end without one acknowledgement before the next ones probe. */
const FRUITLESS_CONNECTIONS = 3;
/** How long a probing connection stands before a message is sent on it. */
const QUIET_MS = 5_000;
/** A close this soon after the message is held against it. */
const STRIKE_MS = 2_000;
const STRIKES = 3;

/**
 * Finds the message that makes the peer end the connection, so that it does not hold up the queue for ever.
 *
 * Connections that the peer ends with messages open and not one acknowledged lead to probing: the next connection stands
 * quiet before one message alone is sent. A close right after it is a strike; three in a row on the same message, and it
 * is poison (or, if it is the PUBREL before it, the broker does not let identifiers be cleared). Flapping links and crashing brokers must not cost good messages: a close at any other time proves that it is
 * not the message, and any acknowledgement ends the suspicion.
 */
export class PoisonWatch {
  // Valid for the session.
  #fruitless = 0;
  #suspect = 0;
  #strikes = 0;

  // Valid for the connection.
  /** Since when nothing was published that could be what a close is about. */
  #quietSince = 0;
  #connectedAt = 0;
  /** The one message sent on this connection. */
  #probe: { sequence: number; sentAt: number } | undefined;
  #acknowledged = false;

  /** Messages go out one at a time, and the first of a connection after a pause. */
  get isProbing(): boolean {
    return this.#fruitless >= FRUITLESS_CONNECTIONS;
  }

  connected(now: number): void {
    this.#connectedAt = now;
    this.#quietSince = now;
    this.#probe = undefined;
    this.#acknowledged = false;
  }

  /** Whether a message may be sent now. `underWay`: how many are unacknowledged, or about to be sent. */
  admits(qos: QoS, underWay: number, now: number): boolean {
    if (!this.isProbing) return true;
    if (underWay > 0) return false;
    return now - (qos === 0 ? this.#connectedAt : this.#quietSince) >= QUIET_MS;
  }

  /** PUBLISH went out, or the PUBREL that clears its identifier before. A message at QoS 0 leaves the queue by that; what comes behind it waits again. */
  sent(sequence: number, qos: QoS, now: number): void {
    if (qos === 0) this.#quietSince = now;
    else this.#probe ??= { sequence, sentAt: now };
  }

  acknowledged(): void {
    this.#acknowledged = true;
    this.reset();
  }

  /** No message is suspected any more. */
  reset(): void {
    this.#fruitless = 0;
    this.#strikes = 0;
    this.#suspect = 0;
  }

  /**
   * The connection ended. `inWindow`: how many messages were open.
   * @returns the sequence of a message that is poison.
   */
  disconnected(closedByPeer: boolean, inWindow: number, now: number): number | undefined {
    if (!closedByPeer || this.#acknowledged) return undefined;
    if (!this.isProbing) {
      if (inWindow > 0) this.#fruitless += 1;
      return undefined;
    }
    const probe = this.#probe;
    if (probe === undefined) {
      // It ended with nothing sent: that is not about a message.
      this.reset();
      return undefined;
    }
    if (now - probe.sentAt > STRIKE_MS) {
      this.#strikes = 0;
      return undefined;
    }
    if (this.#suspect !== probe.sequence) this.#strikes = 0;
    this.#suspect = probe.sequence;
    this.#strikes += 1;
    if (this.#strikes < STRIKES) return undefined;
    this.#strikes = 0;
    return probe.sequence;
  }
}
