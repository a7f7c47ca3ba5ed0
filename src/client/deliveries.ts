import type { Scheduler } from '../scheduler';
import type { Delivery } from '../session/effects';
import type { AcknowledgementReference } from './acknowledgement-reference';
import { DeliveryGate } from './delivery-gate';
import { ManualAcknowledgements, type UnacknowledgedReport } from './manual-acknowledgements';
import type { ReceivedMessage, Route } from './router';
import type { Counters } from './statistics';
import type { Subscribers } from './subscribers';
import type { UserCalls } from './user-calls';

/** The open session, as far as deliveries go. */
export interface DeliveringSession {
  taken(delivery: Delivery): void;
  /** @returns false when the broker does not wait for the acknowledgement (any more). */
  awaited(delivery: Delivery): boolean;
  handled(delivery: Delivery): void;
}

export interface DeliveriesOptions {
  clientId: string;
  scheduler: Scheduler;
  /** A message is about to be handed to its subscribers, if it has any. */
  received: (message: ReceivedMessage) => void;
  /** A message has been waiting for the acknowledgement of its subscriber for a minute, or another one. */
  unacknowledged: (report: UnacknowledgedReport) => void;
}

/** The way of received messages to their subscribers: held while nobody is there, handed over, then acknowledged. */
export class Deliveries {
  readonly manual: ManualAcknowledgements;
  readonly #gate = new DeliveryGate((delivery) => this.#handOver(delivery));
  #open: DeliveringSession | undefined;

  constructor(
    private readonly subscribers: Subscribers,
    private readonly counters: Counters,
    private readonly calls: UserCalls,
    private readonly options: DeliveriesOptions,
  ) {
    const { clientId, scheduler, unacknowledged } = options;
    this.manual = new ManualAcknowledgements(clientId, scheduler, unacknowledged);
  }

  get holding(): boolean {
    return this.#gate.holding;
  }

  attach(open: DeliveringSession): void {
    this.#open = open;
    this.manual.begin();
  }

  /** What is held belongs to a session that is gone; what it did not acknowledge comes again. */
  detach(): void {
    this.#open = undefined;
    this.#gate.clear();
    this.manual.end();
  }

  push(delivery: Delivery): void {
    this.#gate.push(delivery);
  }

  hold(): void {
    this.#gate.hold();
  }

  /** All subscribers are there. What they are to get again goes first: it is older. */
  release(): void {
    this.#gate.release(() => this.#handOverAgain((filter) => this.subscribers.isGivenUp(filter)));
  }

  /** Somebody has subscribed: there may be something that they are to get again. */
  subscribed(): void {
    if (!this.holding) this.#handOverAgain(() => false);
  }

  /** The broker waits for a delivery no more. */
  withdrawn(delivery: number): void {
    this.manual.withdrawn(delivery);
  }

  #handOver(delivery: Delivery): void {
    const open = this.#open;
    const { message, dup, redelivered } = delivery;
    this.options.received({ ...message, dup, redelivered });
    const routes = this.subscribers.route(delivery);
    this.counters.handedOver(routes.length, delivery.redelivered);
    const unsettled: Promise<void>[] = [];
    let references: (AcknowledgementReference | undefined)[] = [];
    if (delivery.message.qos > 0 && routes.some(({ acknowledge }) => acknowledge === 'manual')) {
      const acknowledged = new Promise<void>((resolve) => {
        references = this.manual.expect(delivery, routes, resolve);
      });
      unsettled.push(acknowledged);
    }
    routes.forEach((route, index) => {
      const settled = this.#give(delivery, route, references[index], delivery.redelivered);
      if (settled !== undefined) unsettled.push(settled);
    });
    if (references.length === 0) open?.taken(delivery);
    else if (open?.awaited(delivery) === false) this.manual.withdrawn(delivery.delivery);
    if (unsettled.length === 0) open?.handled(delivery);
    else void Promise.all(unsettled).then(() => open?.handled(delivery));
  }

  /** @returns when the message is done with, as far as the subscriber does not acknowledge it by the reference. */
  #give(
    { message, dup }: Delivery,
    { handler }: Route,
    mqttAck: AcknowledgementReference | undefined,
    redelivered: boolean,
  ): Promise<void> | undefined {
    const received: ReceivedMessage = { ...message, dup, redelivered };
    if (mqttAck === undefined) return this.calls.settled(() => handler(received));
    received.mqttAck = mqttAck;
    // Ours is kept until it is acknowledged, in case it must be handed over again; the flow may change what it gets.
    received.payload = Buffer.from(message.payload);
    this.calls.run(() => handler(received));
    return undefined;
  }

  #handOverAgain(isGivenUp: (filter: string) => boolean): void {
    this.manual.handOverAgain(
      (subscriber, filter, topic) => {
        if (this.holding) return 'wait';
        const route = this.subscribers.routeAgain(subscriber, filter, topic);
        if (route !== undefined) return route;
        if (!isGivenUp(filter)) return 'wait';
        this.counters.unrouted += 1;
        return 'settled';
      },
      async (delivery, route, mqttAck) => this.#give(delivery, route, mqttAck, true),
    );
  }
}
