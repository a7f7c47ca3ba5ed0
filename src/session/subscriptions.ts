import type { Effect } from './effects';
import { lengthSize } from './outbound-message';
import { ReservedIdentifiers } from './packet-identifiers';
import type { ConnectionLimits, SubackPacket, UnsubackPacket } from './packets';
import type { RecordLog } from './record-log';
import { RecordKind } from './records';
import type { Subscription, SubscriptionState } from './state';
import { isSharedFilter } from './topics';

/** What a user asks for; one per filter (several users of one filter are merged before they reach the session). */
export type SubscriptionRequest = Pick<
  Subscription,
  'filter' | 'qos' | 'noLocal' | 'retainAsPublished' | 'retainHandling' | 'users'
>;

/** Filters in one SUBSCRIBE or UNSUBSCRIBE; MQTT 5 sends one each, because a packet has one Subscription Identifier. */
const FILTERS_PER_PACKET = 50;
const SUBSCRIPTION_IDENTIFIER_MAX = 268_435_455;
const PACKET_TOO_LARGE = 0x95;
const SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9e;
const WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xa2;

/**
 * Subscriptions are part of the session: recorded before SUBSCRIBE, active after SUBACK, kept over restarts and
 * deploys, and brought in line with what is wanted by difference.
 */
export class Subscriptions {
  // Valid for the session.
  readonly #all: Map<string, Subscription>;
  /** By Subscription Identifier. */
  readonly #filters = new Map<number, string>();
  #nextIdentifier: number;
  /** The newest record of a subscription; durable before the next SUBSCRIBE or UNSUBSCRIBE. */
  #barrier = 0;

  // Valid for the process.
  /**
   * The broker's session is the one that this process last had a CONNACK for. Not known after a start, because an earlier
   * process may have been killed before it could record a Session Present 0, nor after a CONNECT without answer.
   */
  #isSameSession = false;

  // Valid for the connection.
  #limits: ConnectionLimits | undefined;
  readonly #identifiers: ReservedIdentifiers;
  readonly #subscribing = new Map<number, string[]>();
  readonly #unsubscribing = new Map<number, string[]>();
  /** Filters to send, in order, as reserved identifiers become free. */
  readonly #toSubscribe = new Set<string>();
  readonly #toUnsubscribe = new Set<string>();
  /** The newest packet about a filter: only its answer counts, an earlier one is overtaken. */
  readonly #newest = new Map<string, number>();
  /** New at the broker on this connection: its retained messages are due as the user asked. */
  readonly #fresh = new Set<string>();

  constructor(
    recovered: Map<string, Subscription>,
    private readonly log: RecordLog,
    private readonly effects: Effect[],
    identifierInUse: (identifier: number) => boolean,
  ) {
    this.#all = recovered;
    this.#identifiers = new ReservedIdentifiers(identifierInUse);
    this.#nextIdentifier = 1;
    for (const subscription of recovered.values()) {
      this.#filters.set(subscription.identifier, subscription.filter);
      this.#nextIdentifier = Math.max(this.#nextIdentifier, subscription.identifier + 1);
    }
  }

  all(): Subscription[] {
    return [...this.#all.values()].map((subscription) => ({ ...subscription }));
  }

  get(filter: string): Subscription | undefined {
    return this.#all.get(filter);
  }

  /** The filter with this Subscription Identifier (5.0 3.3.2.3.8). */
  withIdentifier(identifier: number): Subscription | undefined {
    const filter = this.#filters.get(identifier);
    return filter === undefined ? undefined : this.#all.get(filter);
  }

  /** Adds or changes a subscription. Asked again with the same options, an active one is left alone. */
  subscribe(request: SubscriptionRequest): void {
    const present = this.#all.get(request.filter);
    if (present !== undefined && sameOptions(present, request)) {
      if (present.state === 'active' || present.state === 'requested') {
        if (present.users !== request.users) this.#record(subscriptionFrom(request, present.identifier, present.state));
        return;
      }
    }
    const identifier = present?.identifier ?? this.#takeIdentifier();
    if (present === undefined || present.state === 'inactive' || present.state === 'removing') {
      this.#fresh.add(request.filter);
    }
    this.#record(subscriptionFrom(request, identifier, 'requested'));
    this.#toUnsubscribe.delete(request.filter);
    this.#toSubscribe.add(request.filter);
    this.#sendPending();
  }

  /**
   * Adds a subscription of another session as an inactive one: it comes into force when somebody subscribes. One that
   * exists is left alone.
   * @returns whether it was added.
   */
  restore(request: SubscriptionRequest): boolean {
    if (this.#all.has(request.filter)) return false;
    this.#record(subscriptionFrom(request, this.#takeIdentifier(), 'inactive'));
    return true;
  }

  /** Ends a subscription: taken back at the broker, then forgotten. */
  unsubscribe(filter: string): void {
    this.#takeBack(filter, 'removing');
  }

  /** Keeps a subscription in the session but takes it back at the broker: nobody is there for its messages now. */
  deactivate(filter: string): void {
    this.#takeBack(filter, 'deactivating');
  }

  /**
   * The broker's session is gone, and with it what it granted: all of it is asked for again, also on a later connection
   * when this one ends before it was. `lostRecord` says the same to recovery.
   */
  sessionLost(lostRecord: number): void {
    for (const [filter, subscription] of this.#all) {
      if (subscription.state === 'active') this.#all.set(filter, { ...subscription, state: 'requested' });
    }
    this.#barrier = lostRecord;
  }

  /** The session expired: nothing counts as granted any more. */
  expire(): void {
    for (const subscription of [...this.#all.values()]) {
      if (subscription.state === 'active') this.#record({ ...subscription, state: 'requested' });
      else this.#takenBack(subscription);
    }
  }

  connected(limits: ConnectionLimits): void {
    this.#limits = limits;
    this.#toSubscribe.clear();
    this.#toUnsubscribe.clear();
    const kept = limits.sessionPresent === true;
    const certain = kept && this.#isSameSession;
    this.#isSameSession = true;
    for (const subscription of this.#all.values()) {
      const { filter, state } = subscription;
      if (state === 'requested') {
        this.#fresh.add(filter);
        this.#toSubscribe.add(filter);
      } else if (state === 'inactive' && subscription.refusedWith !== undefined) {
        // Refused once; the broker's rules may have changed.
        const { refusedWith: _refusal, ...asked } = subscription;
        this.#record({ ...asked, state: 'requested' });
        this.#fresh.add(filter);
        this.#toSubscribe.add(filter);
      } else if (state === 'active') {
        if (!kept) this.#fresh.add(filter);
        // 3.1.1 repeats retained messages at every SUBSCRIBE, so only the difference is sent where it is certain that the
        // broker has the rest; 5.0 can ask not to.
        if (!certain || limits.protocolVersion === 5) this.#toSubscribe.add(filter);
      } else if (state === 'deactivating' || state === 'removing') {
        if (kept || limits.sessionPresent === undefined) this.#toUnsubscribe.add(filter);
        else this.#takenBack(subscription);
      }
    }
    this.#sendPending();
  }

  /** See `Session.unanswered`. */
  unanswered(): void {
    this.#isSameSession = false;
  }

  disconnected(): void {
    this.#limits = undefined;
    this.#identifiers.clear();
    this.#subscribing.clear();
    this.#unsubscribing.clear();
    this.#toSubscribe.clear();
    this.#toUnsubscribe.clear();
    this.#newest.clear();
    this.#fresh.clear();
  }

  /** More records are durable. */
  durable(): void {
    this.#sendPending();
  }

  /** Records above the durable one were appended again, up to `appended`. */
  storeFailed(appended: number): void {
    if (this.#barrier > this.log.durable) this.#barrier = appended;
  }

  suback(packet: SubackPacket): boolean {
    const filters = this.#subscribing.get(packet.messageId);
    if (filters === undefined) return false;
    const count = packet.granted.length;
    if (count !== filters.length) {
      // MQTT-3.8.4-5 (3.1.1), MQTT-3.8.4-6 (5.0). Which filter was granted is not known: they are asked for again.
      const violation = `answered a SUBSCRIBE of ${filters.length} filters by a SUBACK of ${count}`;
      this.effects.push({ type: 'close', reason: 'protocol-error', reasonCode: 0x82, violation });
      return true;
    }
    this.#subscribing.delete(packet.messageId);
    this.#identifiers.release(packet.messageId);
    filters.forEach((filter, index) => {
      const subscription = this.#all.get(filter);
      if (subscription?.state !== 'requested' && subscription?.state !== 'active') return;
      // A filter asked for again meanwhile is answered by its own SUBACK.
      if (this.#toSubscribe.has(filter) || this.#newest.get(filter) !== packet.messageId) return;
      this.#granted(subscription, packet.granted[index] as number);
    });
    this.#sendPending();
    return true;
  }

  unsuback(packet: UnsubackPacket): boolean {
    const filters = this.#unsubscribing.get(packet.messageId);
    if (filters === undefined) return false;
    this.#unsubscribing.delete(packet.messageId);
    this.#identifiers.release(packet.messageId);
    for (const filter of filters) {
      const subscription = this.#all.get(filter);
      if (subscription === undefined || this.#newest.get(filter) !== packet.messageId) continue;
      this.#takenBack(subscription);
    }
    this.#sendPending();
    return true;
  }

  #granted(subscription: Subscription, code: number): void {
    this.#fresh.delete(subscription.filter);
    if (code >= 0x80) this.#record({ ...subscription, state: 'inactive', refusedWith: code });
    else if (subscription.state !== 'active') this.#record({ ...subscription, state: 'active' });
    const present = this.#all.get(subscription.filter) as Subscription;
    this.effects.push({ type: 'subscription', subscription: { ...present } });
  }

  #takeBack(filter: string, state: Extract<SubscriptionState, 'removing' | 'deactivating'>): void {
    const subscription = this.#all.get(filter);
    if (subscription === undefined || subscription.state === state) return;
    if (subscription.state === 'inactive') {
      if (state === 'removing') this.#forget(filter);
      return;
    }
    this.#toSubscribe.delete(filter);
    this.#fresh.delete(filter);
    this.#record({ ...subscription, state });
    this.#toUnsubscribe.add(filter);
    this.#sendPending();
  }

  #takenBack(subscription: Subscription): void {
    if (subscription.state === 'removing') this.#forget(subscription.filter);
    else if (subscription.state === 'deactivating') this.#record({ ...subscription, state: 'inactive' });
  }

  #forget(filter: string): void {
    this.#filters.delete(this.#all.get(filter)?.identifier ?? 0);
    this.#all.delete(filter);
    this.log.append({ kind: RecordKind.Unsubscribed, filter });
    this.effects.push({ type: 'unsubscribed', filter });
  }

  #record(subscription: Subscription): void {
    this.#all.set(subscription.filter, subscription);
    this.#filters.set(subscription.identifier, subscription.filter);
    this.#barrier = this.log.append({ kind: RecordKind.Subscribed, subscription: { ...subscription } });
  }

  #sendPending(): void {
    if (this.#limits === undefined || this.#barrier > this.log.durable) return;
    const { protocolVersion, maximumPacketSize } = this.#limits;
    this.#dropUnsendable(this.#limits);
    // UNSUBSCRIBE first: the same filter may be asked for again right behind it.
    const most = maximumPacketSize === undefined ? FILTERS_PER_PACKET : 1;
    this.#sendInPackets(this.#toUnsubscribe, this.#unsubscribing, most, (messageId, filters) => {
      this.effects.push({ type: 'send', packet: { cmd: 'unsubscribe', messageId, unsubscriptions: filters } });
    });
    const mostSubscribed = protocolVersion === 5 ? 1 : FILTERS_PER_PACKET;
    this.#sendInPackets(this.#toSubscribe, this.#subscribing, mostSubscribed, (messageId, filters) => {
      this.#sendSubscribe(messageId, filters, this.#limits as ConnectionLimits);
    });
  }

  /**
   * What this broker would end the connection for is not sent, but counts as refused; the next connection may take it:
   * what does not fit into a packet (MQTT-3.2.2-15 (5.0)), and filters that its CONNACK excludes (3.2.2.3.11 and
   * 3.2.2.3.13 of MQTT 5.0: a protocol error), which would bring every connection down, and all messages with it.
   */
  #dropUnsendable(limits: ConnectionLimits): void {
    for (const pending of [this.#toUnsubscribe, this.#toSubscribe]) {
      for (const filter of pending) {
        const subscription = this.#all.get(filter);
        if (subscription === undefined) continue;
        const refusal =
          pending === this.#toSubscribe ? refusalOf(subscription, limits) : tooLarge(subscription, limits);
        if (refusal === undefined) continue;
        pending.delete(filter);
        if (subscription.state === 'requested') this.#granted(subscription, refusal);
      }
    }
  }

  #sendInPackets(
    pending: Set<string>,
    underWay: Map<number, string[]>,
    most: number,
    send: (messageId: number, filters: string[]) => void,
  ): void {
    while (pending.size > 0) {
      const messageId = this.#identifiers.take();
      if (messageId === undefined) return;
      const filters = [...pending].slice(0, most);
      for (const filter of filters) {
        pending.delete(filter);
        this.#newest.set(filter, messageId);
      }
      underWay.set(messageId, filters);
      send(messageId, filters);
    }
  }

  #sendSubscribe(messageId: number, filters: string[], limits: ConnectionLimits): void {
    const version5 = limits.protocolVersion === 5;
    const subscriptions = filters.flatMap((filter) => {
      const subscription = this.#all.get(filter);
      if (subscription === undefined) return [];
      const { qos, noLocal, retainAsPublished } = subscription;
      if (!version5) return [{ topic: filter, qos }];
      return [{ topic: filter, qos, nl: noLocal, rap: retainAsPublished, rh: this.#retainHandling(subscription) }];
    });
    const identifier = this.#all.get(filters[0] as string)?.identifier;
    const withIdentifier = version5 && limits.subscriptionIdentifiersAvailable && identifier !== undefined;
    this.effects.push({
      type: 'send',
      packet: {
        cmd: 'subscribe',
        messageId,
        subscriptions,
        ...(withIdentifier ? { properties: { subscriptionIdentifier: identifier } } : {}),
      },
    });
  }

  /** A subscription that the broker's session has already must not bring its retained messages again. */
  #retainHandling(subscription: Subscription): 0 | 1 | 2 {
    if (this.#fresh.has(subscription.filter)) return subscription.retainHandling;
    return subscription.retainHandling === 2 ? 2 : 1;
  }

  #takeIdentifier(): number {
    if (this.#nextIdentifier > SUBSCRIPTION_IDENTIFIER_MAX) {
      const used = new Set([...this.#all.values()].map((subscription) => subscription.identifier));
      this.#nextIdentifier = 1;
      while (used.has(this.#nextIdentifier)) this.#nextIdentifier += 1;
    }
    return this.#nextIdentifier++;
  }
}

function subscriptionFrom(request: SubscriptionRequest, identifier: number, state: SubscriptionState): Subscription {
  const { filter, qos, noLocal, retainAsPublished, retainHandling, users } = request;
  const subscription = { filter, qos, noLocal, retainAsPublished, retainHandling, identifier, state };
  return users === undefined ? subscription : { ...subscription, users };
}

/** Bytes of the SUBSCRIBE for one filter (3.8 (5.0)), with its Subscription Identifier; UNSUBSCRIBE is smaller. */
function packetSize({ filter, identifier }: Subscription): number {
  const properties = 1 + lengthSize(identifier);
  const remaining = 2 + 1 + properties + 2 + Buffer.byteLength(filter) + 1;
  return 1 + lengthSize(remaining) + remaining;
}

function tooLarge(subscription: Subscription, { maximumPacketSize }: ConnectionLimits): number | undefined {
  const fits = maximumPacketSize === undefined || packetSize(subscription) <= maximumPacketSize;
  return fits ? undefined : PACKET_TOO_LARGE;
}

/** The reason code with which this broker would answer the SUBSCRIBE of a filter, if its CONNACK tells already. */
function refusalOf(subscription: Subscription, limits: ConnectionLimits): number | undefined {
  const { filter } = subscription;
  if (!limits.sharedSubscriptionAvailable && isSharedFilter(filter)) return SHARED_SUBSCRIPTIONS_NOT_SUPPORTED;
  if (!limits.wildcardSubscriptionAvailable && /[+#]/.test(filter)) return WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED;
  return tooLarge(subscription, limits);
}

function sameOptions(one: SubscriptionRequest, other: SubscriptionRequest): boolean {
  return (
    one.qos === other.qos &&
    one.noLocal === other.noLocal &&
    one.retainAsPublished === other.retainAsPublished &&
    one.retainHandling === other.retainHandling
  );
}
