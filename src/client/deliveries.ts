import type { Scheduler } from '../scheduler';
import type { Delivery } from '../session/effects';
import type { AcknowledgementReference } from './acknowledgement-reference';
import { DeliveryGate } from './delivery-gate';
import { type AbandonedReport, ManualAcknowledgements, type UnacknowledgedReport } from './manual-acknowledgements';
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
  /** Messages are acknowledged although their subscriber has not done so: it is gone for good. */
  abandoned: (report: AbandonedReport) => void;
}

/** The way of received messages to their subscribers: held while nobody is there, handed over, then acknowledged. */
export class Deliveries {
  readonly manual: ManualAcknowledgements;
  readonly #gate = new DeliveryGate((delivery) => this.#handOver(delivery));
  #open: DeliveringSession | undefined;
  /** Handed over, and handled when the same promise is settled. */
  #burst: { settled: Promise<unknown>; open: DeliveringSession | undefined; deliveries: Delivery[] } | undefined;

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

  /** All subscribers are there, but those that may return. What they are to get again goes first: it is older. */
  release(mayReturn?: (subscriber: string) => boolean): void {
    this.#gate.release(() =>
      this.#handOverAgain((subscriber, filter) => this.subscribers.isGoneForGood(subscriber, filter, mayReturn)),
    );
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
    this.options.received(receivedOf(delivery, delivery.redelivered));
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
    const [first] = unsettled;
    if (first === undefined) open?.handled(delivery);
    else this.#handledAfter(unsettled.length === 1 ? first : Promise.all(unsettled), delivery, open);
  }

  /** The messages of a burst often wait for the same promise: they share one reaction to it. */
  #handledAfter(settled: Promise<unknown>, delivery: Delivery, open: DeliveringSession | undefined): void {
    if (this.#burst?.settled === settled && this.#burst.open === open) {
      this.#burst.deliveries.push(delivery);
      return;
    }
    const burst = { settled, open, deliveries: [delivery] };
    this.#burst = burst;
    void settled.then(() => {
      if (this.#burst === burst) this.#burst = undefined;
      for (const each of burst.deliveries) open?.handled(each);
    });
  }

  /** @returns when the message is done with, as far as the subscriber does not acknowledge it by the reference. */
  #give(
    delivery: Delivery,
    { handler }: Route,
    mqttAck: AcknowledgementReference | undefined,
    redelivered: boolean,
  ): Promise<void> | undefined {
    const received = receivedOf(delivery, redelivered);
    if (mqttAck === undefined) return this.calls.settled(() => handler(received));
    received.mqttAck = mqttAck;
    // Ours is kept until it is acknowledged, in case it must be handed over again; the flow may change what it gets.
    received.payload = Buffer.from(received.payload);
    this.calls.run(() => handler(received));
    return undefined;
  }

  #handOverAgain(isGoneForGood: (subscriber: string, filter: string) => boolean): void {
    const abandoned = this.manual.handOverAgain(
      (subscriber, filter, topic) => {
        if (this.holding) return 'wait';
        const route = this.subscribers.routeAgain(subscriber, filter, topic);
        if (route !== undefined) return route;
        if (!isGoneForGood(subscriber, filter)) return 'wait';
        this.counters.unrouted += 1;
        return 'abandoned';
      },
      async (delivery, route, mqttAck) => this.#give(delivery, route, mqttAck, true),
    );
    for (const report of abandoned) this.options.abandoned(report);
  }
}

/** A subscriber's own. Written out, because this is done for every message. */
function receivedOf({ message, dup }: Delivery, redelivered: boolean): ReceivedMessage {
  const { topic, payload, qos, retain, properties } = message;
  const received: ReceivedMessage = { topic, payload, qos, retain, dup, redelivered };
  if (properties !== undefined) received.properties = properties;
  return received;
}
