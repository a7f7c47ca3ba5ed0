import type { Delivery } from '../session/effects';
import type { Message } from '../session/message';
import type { Subscription } from '../session/state';
import type { SubscriptionRequest } from '../session/subscriptions';
import { matchesFilter } from '../session/topics';
import type { AcknowledgementReference } from './acknowledgement-reference';

/** An inbound message as a subscriber gets it. */
export interface ReceivedMessage extends Message {
  dup: boolean;
  /** It may have been handed over before: the broker sent it again and the process has started anew meanwhile. */
  redelivered: boolean;
  /** With acknowledgement `manual`, and not at QoS 0: to be given to `acknowledge` when the message is done with. */
  mqttAck?: AcknowledgementReference;
}

/**
 * Takes a message. With a promise as the answer, the message is acknowledged when that is settled; with acknowledgement
 * `manual` only by its `mqttAck`.
 */
export type MessageHandler = (message: ReceivedMessage) => void | Promise<void>;

/** When a message counts as handled: once its handler is done, or when `acknowledge` is called for it. */
export type AcknowledgementMode = 'auto' | 'manual';

interface Subscriber {
  /** Who subscribes; one subscriber has each filter once. */
  id: string;
  request: SubscriptionRequest;
  handler: MessageHandler;
  acknowledge: AcknowledgementMode;
}

/** One hand-over of a delivery. */
export interface Route {
  subscriber: string;
  /** The subscriber's filter that the delivery matched. */
  filter: string;
  handler: MessageHandler;
  acknowledge: AcknowledgementMode;
}

/** Who in this process wants which filter, and which of them a message is for. */
export class Router {
  readonly #subscribers = new Map<string, Map<string, Subscriber>>();

  add(
    id: string,
    request: SubscriptionRequest,
    handler: MessageHandler,
    acknowledge: AcknowledgementMode = 'auto',
  ): void {
    const subscribers = this.#subscribers.get(request.filter) ?? new Map<string, Subscriber>();
    subscribers.set(id, { id, request, handler, acknowledge });
    this.#subscribers.set(request.filter, subscribers);
  }

  /** @returns whether the filter has no subscriber any more. */
  remove(id: string, filter: string): boolean {
    const subscribers = this.#subscribers.get(filter);
    if (subscribers === undefined) return false;
    subscribers.delete(id);
    if (subscribers.size > 0) return false;
    this.#subscribers.delete(filter);
    return true;
  }

  has(filter: string): boolean {
    return this.#subscribers.has(filter);
  }

  filters(): string[] {
    return [...this.#subscribers.keys()];
  }

  get isEmpty(): boolean {
    return this.#subscribers.size === 0;
  }

  filtersOf(id: string): string[] {
    return this.filters().filter((filter) => this.#subscribers.get(filter)?.has(id) === true);
  }

  /** One SUBSCRIBE for all subscribers of a filter: at the highest QoS, with the most generous options. */
  merged(filter: string): Omit<SubscriptionRequest, 'users'> | undefined {
    const requests = [...(this.#subscribers.get(filter)?.values() ?? [])].map((subscriber) => subscriber.request);
    const [first, ...others] = requests;
    if (first === undefined) return undefined;
    return others.reduce<Omit<SubscriptionRequest, 'users'>>(
      (merged, request) => ({
        filter,
        qos: merged.qos > request.qos ? merged.qos : request.qos,
        noLocal: merged.noLocal && request.noLocal,
        retainAsPublished: merged.retainAsPublished || request.retainAsPublished,
        retainHandling: merged.retainHandling < request.retainHandling ? merged.retainHandling : request.retainHandling,
      }),
      first,
    );
  }

  /**
   * The subscribers a delivery is for. With Subscription Identifiers (5.0 3.3.2.3.8) those of the named subscriptions,
   * each subscriber once; without, all whose filter matches the topic, as often as it matches.
   */
  route(delivery: Delivery, withIdentifier: (identifier: number) => Subscription | undefined): Route[] {
    const named = delivery.subscriptionIdentifiers.flatMap((identifier) => withIdentifier(identifier)?.filter ?? []);
    if (named.length > 0) {
      const byId = new Map<string, Route>();
      for (const filter of named) {
        for (const subscriber of this.#subscribers.get(filter)?.values() ?? [])
          byId.set(subscriber.id, routeTo(subscriber, filter));
      }
      return [...byId.values()];
    }
    const routes: Route[] = [];
    for (const [filter, subscribers] of this.#subscribers) {
      if (!matchesFilter(filter, delivery.message.topic)) continue;
      for (const subscriber of subscribers.values()) routes.push(routeTo(subscriber, filter));
    }
    return routes;
  }

  /** Where a message for `topic` goes that a subscriber had by `filter` before it subscribed anew. */
  routeAgain(id: string, filter: string, topic: string): Route | undefined {
    for (const candidate of [filter, ...this.filtersOf(id).filter((other) => matchesFilter(other, topic))]) {
      const subscriber = this.#subscribers.get(candidate)?.get(id);
      if (subscriber !== undefined) return routeTo(subscriber, candidate);
    }
    return undefined;
  }
}

function routeTo({ id, handler, acknowledge }: Subscriber, filter: string): Route {
  return { subscriber: id, filter, handler, acknowledge };
}
