import { SessionError } from '../errors';
import type { Delivery } from '../session/effects';
import type { Session } from '../session/session';
import type { Subscription } from '../session/state';
import type { SubscriptionRequest } from '../session/subscriptions';
import { isSharedFilter } from '../session/topics';
import { formatUsers, type RememberedUsers, rememberedUsers } from './remembered-users';
import { type AcknowledgementMode, type MessageHandler, type Route, Router } from './router';
import { assertTopicFilter } from './topics';

/** What `subscribe` asks the broker for; see `Subscription`. */
export type WantedSubscription = Pick<Subscription, 'filter' | 'qos'> &
  Partial<Pick<Subscription, 'noLocal' | 'retainAsPublished' | 'retainHandling'>>;

/** The open session, as far as subscriptions go. */
export interface SubscribingSession {
  readonly session: Session;
  subscribe(request: SubscriptionRequest): void;
  unsubscribe(filter: string): void;
  deactivate(filter: string): void;
}

/**
 * Who in this process wants which filter, brought into the session: one subscription per filter for all of them, with
 * the subscribers that the session remembers beyond this process.
 */
export class Subscribers {
  readonly #router = new Router();
  /** Notes set in this process, and those taken back (undefined) as long as no session knows, by filter and subscriber. */
  readonly #notes = new Map<string, Map<string, string | undefined>>();
  /** Changed while no session was open. */
  readonly #changed = new Set<string>();
  #open: SubscribingSession | undefined;

  /** A session is open: it gets what was asked for before, and what this process wants in any case. */
  attach(open: SubscribingSession): void {
    this.#open = open;
    const filters = new Set([...this.#changed, ...this.#router.filters()]);
    this.#changed.clear();
    for (const filter of filters) this.#apply(filter);
  }

  detach(): void {
    this.#open = undefined;
  }

  /** @throws SessionError `ERR_FILTER`. */
  subscribe(
    subscriber: string,
    wanted: WantedSubscription,
    handler: MessageHandler,
    { note, acknowledge }: { note?: string | undefined; acknowledge?: AcknowledgementMode | undefined } = {},
  ): void {
    const request = { noLocal: false, retainAsPublished: false, retainHandling: 0 as const, ...wanted };
    assertTopicFilter(request.filter);
    if (request.noLocal && isSharedFilter(request.filter)) {
      const text = `The shared subscription ${request.filter} cannot have No Local (MQTT-3.8.3-4).`;
      throw new SessionError('ERR_FILTER', text);
    }
    this.#router.add(subscriber, request, handler, acknowledge);
    this.#note(request.filter, subscriber, note);
    this.#apply(request.filter);
  }

  unsubscribe(subscriber: string, filter: string, keep: boolean): void {
    this.#router.remove(subscriber, filter);
    if (keep) return;
    this.#note(filter, subscriber, undefined);
    this.#apply(filter);
  }

  filtersOf(subscriber: string): string[] {
    return this.#router.filtersOf(subscriber);
  }

  reconcile(
    subscriptions: readonly Subscription[],
    decide: (subscription: Subscription) => 'keep' | 'deactivate' | 'remove',
  ): void {
    for (const subscription of subscriptions) {
      if (this.#router.has(subscription.filter)) continue;
      const decision = decide(subscription);
      if (decision === 'deactivate') this.#open?.deactivate(subscription.filter);
      else if (decision === 'remove') this.#open?.unsubscribe(subscription.filter);
    }
  }

  route(delivery: Delivery): Route[] {
    return this.#router.route(delivery, (identifier) => this.#open?.session.subscriptionWithIdentifier(identifier));
  }

  /** Where a message for `topic` goes that a subscriber had by `filter` before it subscribed anew. */
  routeAgain(subscriber: string, filter: string, topic: string): Route | undefined {
    return this.#router.routeAgain(subscriber, filter, topic);
  }

  /**
   * Whether a subscriber that once had `filter`, and has not now, will not have it again: `mayReturn` says that it stays
   * away, or it is back for other filters, or the filter is given up. To be asked when all that come back are there.
   */
  isGoneForGood(subscriber: string, filter: string, mayReturn: (subscriber: string) => boolean = () => true): boolean {
    if (this.#open === undefined) return false;
    if (!mayReturn(subscriber) || this.#router.filtersOf(subscriber).length > 0) return true;
    if (this.#router.has(filter)) return false;
    const state = this.#open.session.subscription(filter)?.state;
    if (state === undefined || state === 'removing') return true;
    // Kept for nobody: unless there is no subscriber at all, because then it was not decided about.
    return !this.#router.isEmpty && state !== 'inactive' && state !== 'deactivating';
  }

  #note(filter: string, subscriber: string, note: string | undefined): void {
    const notes = this.#notes.get(filter) ?? new Map<string, string | undefined>();
    notes.set(subscriber, note);
    this.#notes.set(filter, notes);
  }

  #apply(filter: string): void {
    if (this.#open === undefined) {
      this.#changed.add(filter);
      return;
    }
    const present = this.#open.session.subscription(filter);
    const users = this.#usersOf(filter, present);
    const wanted = this.#router.merged(filter);
    if (wanted !== undefined) this.#open.subscribe(withUsers(wanted, users));
    else if (users.size === 0) this.#open.unsubscribe(filter);
    // Only remembered ones are left: the subscription stays as it is for them.
    else if (present?.state === 'active' || present?.state === 'requested')
      this.#open.subscribe(withUsers(present, users));
    this.#forgetTakenBack(filter);
  }

  #forgetTakenBack(filter: string): void {
    const notes = this.#notes.get(filter);
    if (notes === undefined) return;
    for (const [subscriber, note] of notes) if (note === undefined) notes.delete(subscriber);
    if (notes.size === 0) this.#notes.delete(filter);
  }

  /** Those the session brought along, as changed since. */
  #usersOf(filter: string, present: Subscription | undefined): RememberedUsers {
    const users = rememberedUsers(present?.state === 'removing' ? undefined : present);
    for (const [subscriber, note] of this.#notes.get(filter) ?? []) {
      if (note === undefined) users.delete(subscriber);
      else users.set(subscriber, note);
    }
    return users;
  }
}

function withUsers(request: Omit<SubscriptionRequest, 'users'>, users: RememberedUsers): SubscriptionRequest {
  const { filter, qos, noLocal, retainAsPublished, retainHandling } = request;
  const formatted = formatUsers(users);
  const plain = { filter, qos, noLocal, retainAsPublished, retainHandling };
  return formatted === undefined ? plain : { ...plain, users: formatted };
}
