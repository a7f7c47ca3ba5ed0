import type { Delivery } from '../session/effects';
import { Fifo } from '../session/fifo';

/** QoS 0 messages kept while the gate is closed; nothing promises them, so the rest is let go. */
const HELD_QOS0_MAX = 1_000;

/**
 * Holds deliveries back while there is nobody to take them (a deploy is under way). QoS 1 and 2 are bounded by the
 * session, which ends the connection when too many wait.
 */
export class DeliveryGate {
  readonly #held = new Fifo<Delivery>();
  #holding = false;
  #heldQoS0 = 0;

  constructor(private readonly handOver: (delivery: Delivery) => void) {}

  get holding(): boolean {
    return this.#holding;
  }

  push(delivery: Delivery): void {
    if (!this.#holding && this.#held.length === 0) {
      this.handOver(delivery);
      return;
    }
    if (delivery.message.qos === 0 && ++this.#heldQoS0 > HELD_QOS0_MAX) return;
    this.#held.push(delivery);
  }

  hold(): void {
    this.#holding = true;
  }

  /** What was held goes first, behind what `first` hands over. A handler may hold again meanwhile; the rest waits then. */
  release(first: () => void): void {
    this.#holding = false;
    first();
    while (!this.#holding) {
      const next = this.#held.shift();
      if (next === undefined) break;
      this.handOver(next);
    }
    if (this.#held.length === 0) this.#heldQoS0 = 0;
  }

  /** The session that delivered is gone; what it did not acknowledge comes again. */
  clear(): void {
    this.#held.clear();
    this.#heldQoS0 = 0;
  }
}
