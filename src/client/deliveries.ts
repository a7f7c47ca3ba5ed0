import type { Delivery } from '../session/effects';
import { DeliveryGate } from './delivery-gate';
import type { Counters } from './statistics';
import type { Subscribers } from './subscribers';
import type { UserCalls } from './user-calls';

/** The open session, as far as deliveries go. */
export interface DeliveringSession {
  taken(delivery: Delivery): void;
  handled(delivery: Delivery): void;
}

/** The way of received messages to their subscribers: held while nobody is there, handed over, then acknowledged. */
export class Deliveries {
  readonly #gate = new DeliveryGate((delivery) => this.#handOver(delivery));
  #open: DeliveringSession | undefined;

  constructor(
    private readonly subscribers: Subscribers,
    private readonly counters: Counters,
    private readonly calls: UserCalls,
  ) {}

  get holding(): boolean {
    return this.#gate.holding;
  }

  attach(open: DeliveringSession): void {
    this.#open = open;
  }

  /** What is held belongs to a session that is gone; what it did not acknowledge comes again. */
  detach(): void {
    this.#open = undefined;
    this.#gate.clear();
  }

  push(delivery: Delivery): void {
    this.#gate.push(delivery);
  }

  hold(): void {
    this.#gate.hold();
  }

  release(): void {
    this.#gate.release();
  }

  #handOver(delivery: Delivery): void {
    const open = this.#open;
    const { message, dup, redelivered } = delivery;
    const handlers = this.subscribers.route(delivery);
    this.counters.received += 1;
    this.counters.receivedBytes += message.payload.length;
    if (handlers.length === 0) this.counters.unrouted += 1;
    const unsettled = handlers.flatMap(
      (handler) => this.calls.settled(() => handler({ ...message, dup, redelivered })) ?? [],
    );
    open?.taken(delivery);
    if (unsettled.length === 0) open?.handled(delivery);
    else void Promise.all(unsettled).then(() => open?.handled(delivery));
  }
}
