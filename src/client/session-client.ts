import { openConnection } from '../connection/connection';
import { SessionError } from '../errors';
import { systemScheduler } from '../scheduler';
import type { Message, MessageOrigin } from '../session/message';
import type { MessageSource, SessionRecord } from '../session/records';
import type { Recovery } from '../session/recovery';
import type { Subscription } from '../session/state';
import type { SubscriptionRequest } from '../session/subscriptions';
import type { AcknowledgementOutcome, AcknowledgementReference } from './acknowledgement-reference';
import { ClientEmitter, type ClientState } from './client-events';
import { brokerAddress } from './connection-options';
import { type DeadLetter, DeadLetters } from './dead-letters';
import { Deliveries } from './deliveries';
import { DrainWatch } from './drain-watch';
import { assertMessage } from './message-check';
import { type OpenMessage, OpenSession } from './open-session';
import {
  assertWindows,
  type ClientEnvironment,
  deadLetterLimits,
  type SessionClientOptions,
  sessionOptions,
} from './options';
import type { SessionJournal } from './ports';
import type { Acknowledgement, PublishObserver } from './publish-observers';
import { Publishing } from './publishing';
import type { PurgedCounts } from './purges';
import { rememberedBy } from './remembered-users';
import type { AcknowledgementMode, MessageHandler } from './router';
import { SessionConnection } from './session-connection';
import type { SessionCopy } from './session-copy';
import { SessionLife } from './session-life';
import { type ClientStatistics, Statistics } from './statistics';
import { Subscribers, type WantedSubscription } from './subscribers';
import { assertTopicFilter } from './topics';

export type { ClientState, DiscardedMessage, SessionClientEvents } from './client-events';
export type { DeadLetter } from './dead-letters';
export type { OpenMessage } from './open-session';
export type { WantedSubscription } from './subscribers';

/**
 * An MQTT client whose session is on disk: what `publish` reported stored reaches the broker, through lost networks,
 * restarted brokers and killed processes; QoS 1 at least once, QoS 2 exactly once, in order.
 *
 * `open` (locks and recovers the session) -> `connect` -> ... -> `close`. Publishing and subscribing work from
 * construction on; what comes before the session is open waits for it.
 */
export class SessionClient extends ClientEmitter {
  readonly clientId: string;
  readonly #options: SessionClientOptions;
  readonly #environment: ClientEnvironment;
  readonly #life: SessionLife;
  readonly #connection: SessionConnection;
  readonly #statistics: Statistics;
  readonly #subscribers = new Subscribers();
  readonly #publishing: Publishing;
  readonly #deliveries: Deliveries;
  readonly #deadLetters: DeadLetters;
  readonly #drainWatch: DrainWatch;
  #lastState: ClientState = { kind: 'closed' };
  /** Asked for while no session was open. */
  #wantsPause: boolean | undefined;

  /**
   * @throws SessionError `ERR_TOPIC` or `ERR_PAYLOAD` for a birth or close message that cannot be published,
   * `ERR_CLIENT_ID` for an empty client id: the broker would choose one, and no session could be kept under it
   * (MQTT-3.1.3-7 (3.1.1)). RangeError for a window that is no whole number from 1 to 65,535.
   */
  constructor(options: SessionClientOptions) {
    super();
    if (options.clientId === '')
      throw new SessionError('ERR_CLIENT_ID', 'A session needs a client id; this one is empty.');
    assertWindows(options);
    if (options.birth !== undefined) assertMessage(options.birth);
    if (options.close !== undefined) assertMessage(options.close);
    const { clientId, store, expiryInterval } = options;
    this.clientId = clientId;
    this.#options = options;
    this.#environment = {
      connect: openConnection,
      scheduler: systemScheduler,
      random: Math.random,
      ...options.environment,
    };
    const { scheduler } = this.#environment;
    this.#life = new SessionLife(
      { store, clientId, expiryInterval, deadLetters: deadLetterLimits(options), scheduler },
      {
        recovered: (journal, recovery, lost) => this.#recovered(journal, recovery, lost),
        opening: (error) => this.#opening(error),
        failed: (error) => this.tell('storeError', error),
        opened: (open) => this.#opened(open),
        closing: () => this.#closing(),
        disconnected: () => this.#connection.close(),
        gone: (isLost) => this.#gone(isLost),
        closed: () => this.#closed(),
      },
    );
    this.#connection = new SessionConnection(options, this.#environment, {
      connected: (limits, connack) => this.tell('connected', limits, connack),
      disconnected: (end, wasUp) => this.tell('disconnected', end, wasUp),
      changed: () => this.#stateChanged(),
      isHolding: () => this.#deliveries.holding,
    });
    this.#statistics = new Statistics(this.#connection.link, scheduler);
    this.#publishing = new Publishing(clientId, this.#life, this.calls);
    this.#deliveries = new Deliveries(this.#subscribers, this.#statistics.counters, this.calls, {
      clientId,
      scheduler,
      received: (message) => this.tell('message', message),
      unacknowledged: (report) => this.tell('unacknowledged', report),
      abandoned: (report) => this.tell('abandoned', report),
    });
    this.#drainWatch = new DrainWatch(scheduler);
    this.#deadLetters = new DeadLetters({
      file: () => this.#life.require().deadLetters,
      transfer: (message, from) => this.transfer(message, from),
      save: () => this.save(),
      endTransfer: (source) => this.endTransfer(source),
      transfers: () => this.#session?.transfers() ?? [],
      now: () => scheduler.now(),
    });
  }

  get state(): ClientState {
    return this.#lastState;
  }

  get connected(): boolean {
    return this.#connection.isUp;
  }

  /** Messages stored (queued and in flight) and their bytes; 0 while the session is not open. */
  get stored(): { count: number; bytes: number } {
    return this.#session?.stored ?? { count: 0, bytes: 0 };
  }

  /** Address of the broker that the protocol state belongs to; empty: none yet. */
  get broker(): string {
    return this.#session?.broker ?? '';
  }

  /** Address of the broker that it connects to, without credentials. */
  get address(): string {
    return brokerAddress(this.#options.connection.url);
  }

  get inflight(): number {
    return this.#session?.inflight ?? 0;
  }

  get paused(): boolean {
    return this.#session?.paused ?? this.#wantsPause ?? false;
  }

  /** Messages that left the queue and are not acknowledged, in their order. */
  openMessages(): OpenMessage[] {
    return this.#life.current?.openMessages() ?? [];
  }

  subscriptions(): Subscription[] {
    return this.#session?.subscriptions() ?? [];
  }

  /** Counts since the client was made, or since `resetStatistics`, and what is there now. */
  statistics(): ClientStatistics {
    return this.#statistics.read(this.#life.current, this.#deliveries.manual.unacknowledged);
  }

  /** Counts start anew; `statistics().since` says when. What is there now stays. */
  resetStatistics(): void {
    this.#statistics.reset();
  }

  /**
   * Opens the stored session, creating it when there is none. Resolves when it is open, or when `close` came first. While
   * it cannot be opened (locked by another process, path not writable) it is tried again every second and `storeError`
   * tells why. A session that is being closed is closed first.
   */
  open(): Promise<void> {
    return this.#life.open();
  }

  /** Connects as soon as the session is open, and again whenever the connection is lost, until `disconnect`. */
  connect(): void {
    this.#connection.connect();
  }

  /** Ends the connection; the session stays open and takes messages. A snapshot is made. */
  disconnect(options: { force?: boolean; sessionExpiryInterval?: number } = {}): Promise<void> {
    return this.#connection.disconnect(options);
  }

  /**
   * Disconnects, makes a snapshot and releases the session. What waited for the disk is stored before.
   * @throws the store's error when it could not be.
   */
  close(): Promise<void> {
    return this.#life.close();
  }

  /**
   * Stores a message and sees to its delivery.
   * @returns when it is stored (default), or with `until: 'acknowledged'` when the broker has taken it.
   * @throws SessionError `ERR_TOPIC`, `ERR_PAYLOAD`, `ERR_QUEUE_FULL`, `ERR_STORE_FULL`, `ERR_STORE_BUSY`,
   * `ERR_SESSION_CLOSED`, `ERR_SESSION_LOST`, or the system's code of a failed write: the message is not stored. With
   * `until: 'acknowledged'` also those of messages given up (`ERR_MESSAGE_...`), and `ERR_SESSION_CLOSED` with
   * `details.stored` for a message that is stored and was not acknowledged before the client ended.
   */
  publish(
    message: Message,
    { until = 'stored', origin }: { until?: 'stored' | 'acknowledged'; origin?: MessageOrigin } = {},
  ): Promise<Acknowledgement | undefined> {
    return this.#publishing.publish(message, until, origin);
  }

  /**
   * As `publish`, with callbacks instead of a promise: for many messages a second. The payload must not be changed
   * afterwards.
   * @throws as `publish`; `observer.failed` is not called then.
   */
  enqueue(message: Message, observer: PublishObserver, origin?: MessageOrigin): void {
    this.#publishing.enqueue(message, observer, origin);
  }

  /**
   * Subscribes; the subscription is part of the session. `subscriber` names who asks: each has a filter once, and
   * asking again replaces the earlier request. The options of MQTT 5 are off, and Retain Handling 0, unless said otherwise.
   * With a `note` the session remembers the subscriber: after a restart
   * `remembered` names it, with the note. With `acknowledge: 'manual'` a message of QoS 1 or 2 is acknowledged when
   * `acknowledge` is called with its `mqttAck`, and not before all other subscribers are done with it; when the
   * subscriber leaves or the process ends before, it comes again, `redelivered`.
   * @throws SessionError `ERR_FILTER`.
   */
  subscribe(
    subscriber: string,
    wanted: WantedSubscription,
    handler: MessageHandler,
    { note, acknowledge }: { note?: string; acknowledge?: AcknowledgementMode } = {},
  ): void {
    this.#subscribers.subscribe(subscriber, wanted, handler, { note, acknowledge });
    this.#deliveries.subscribed();
  }

  /** Ends a subscriber's interest in a filter; the last one's end unsubscribes at the broker, too, if `keep` is not set. */
  unsubscribe(subscriber: string, filter: string, { keep = false } = {}): void {
    this.#subscribers.unsubscribe(subscriber, filter, keep);
  }

  /**
   * A subscriber goes, and may come back: its subscriptions stay. What it has not acknowledged stays unacknowledged; it is
   * handed over again, `redelivered`, when the same subscriber is back. Acknowledgements of the one that has gone do not
   * count any more.
   */
  leave(subscriber: string): void {
    for (const filter of this.filtersOf(subscriber)) this.unsubscribe(subscriber, filter, { keep: true });
    this.#deliveries.manual.left(subscriber);
  }

  /**
   * A message is done with: `reference` is what came as its `mqttAck`. The broker is told when all subscribers are done
   * with it, in the order of receipt.
   * @returns whether it counted, or why not. `acknowledge` of the administration finds the session by the reference.
   */
  acknowledge({ epoch, token }: Pick<AcknowledgementReference, 'epoch' | 'token'>): AcknowledgementOutcome {
    return this.#deliveries.manual.acknowledge(epoch, token);
  }

  /** Subscriptions that the session remembers for a subscriber, from this or an earlier process. */
  remembered(subscriber: string): { subscription: Subscription; note: string }[] {
    return rememberedBy(this.subscriptions(), subscriber);
  }

  /** Filters that a subscriber has in this process. */
  filtersOf(subscriber: string): string[] {
    return this.#subscribers.filtersOf(subscriber);
  }

  /**
   * Brings the session's subscriptions in line with those that have a subscriber now. `decide` says what becomes of
   * one without: `keep` (its messages are acknowledged and counted), `deactivate` (kept in the session, taken back at
   * the broker until a subscriber returns) or `remove`.
   */
  reconcile(decide: (subscription: Subscription) => 'keep' | 'deactivate' | 'remove'): void {
    this.#subscribers.reconcile(this.subscriptions(), decide);
  }

  /** Inbound messages wait, neither delivered nor acknowledged, until `release`. */
  hold(): void {
    this.#deliveries.hold();
  }

  /**
   * All subscribers are there. Those that have left, and are not back, are asked about by `mayReturn`; without it they may
   * return as long as their filter stays in the session and they have no other. What one that stays away has not acknowledged is acknowledged
   * without it, once all others have done so, and `abandoned` tells.
   */
  release(mayReturn?: (subscriber: string) => boolean): void {
    this.#deliveries.release(mayReturn);
    this.#connection.resume();
  }

  /**
   * Removes all messages that were not sent: whoever waits for one gets `ERR_MESSAGE_DISCARDED`. What is published from
   * now on stays. Resolves when that is durable. @throws SessionError `ERR_SESSION_CLOSED`.
   */
  async purge(): Promise<PurgedCounts> {
    return this.#life.require().loop.purge();
  }

  /** Resolves to true when nothing is stored any more; to false after `timeoutMs`, or when the session is closed. */
  async flush(timeoutMs: number): Promise<boolean> {
    if (this.#session?.stored.count === 0) return true;
    return this.#drainWatch.wait(timeoutMs);
  }

  /** Messages given up, oldest first: those with an id above `after`, at most `limit`. None: there are no more. */
  async deadLetters(after = 0, limit = 100): Promise<DeadLetter[]> {
    return this.#deadLetters.list(after, limit);
  }

  /** Puts dead letters (all, or these) back into the queue as new messages. See `DeadLetters.replay`. @returns how many. */
  replayDeadLetters(ids?: readonly number[]): Promise<number> {
    return this.#deadLetters.replay(ids);
  }

  /** Removes dead letters (all, or these) for good. @returns how many. */
  discardDeadLetters(ids?: readonly number[]): Promise<number> {
    return this.#deadLetters.discard(ids);
  }

  /** Stops sending; survives a restart. */
  pause(): void {
    this.#pause(true);
  }

  resume(): void {
    this.#pause(false);
  }

  /**
   * Stores a message that comes from elsewhere, once for each sequence of its source until `endTransfer`; it keeps the
   * time at which it was queued there. The original may be removed when this has resolved and `save` after it.
   * @returns `duplicate` when it had been stored before, whatever became of it since.
   * @throws as `publish`; `ERR_STORE_BUSY` also while the same message is being transferred.
   */
  transfer(
    message: Message,
    { source, enqueuedAt, origin }: { source: MessageSource; enqueuedAt: number; origin?: MessageOrigin },
  ): Promise<'stored' | 'duplicate'> {
    return this.#publishing.transfer(message, origin, { source, enqueuedAt });
  }

  /** The originals are removed: what of this source was stored need not be known any longer. */
  endTransfer(source: string): void {
    this.#life.require().loop.endTransfer(source);
  }

  /** Ids of sources with transfers that have not ended. */
  transferSources(): string[] {
    return this.#session?.transfers().map(({ source }) => source) ?? [];
  }

  /** Adds a subscription that is inactive until somebody subscribes to its filter. @returns false: there is one. */
  restoreSubscription(request: SubscriptionRequest): boolean {
    assertTopicFilter(request.filter);
    return this.#life.require().loop.restoreSubscription(request);
  }

  /** Keeps a dead letter that comes from elsewhere. Durable when resolved; the same key twice is one. */
  async keepDeadLetter(key: string, record: SessionRecord): Promise<void> {
    await this.#life.require().deadLetters.keep(key, record);
  }

  /** The session as of now, to be read while it goes on, and closed then. @throws SessionError `ERR_SESSION_CLOSED`. */
  copy(): SessionCopy {
    return this.#life.require().loop.copy();
  }

  /** Makes a snapshot now. @throws SessionError `ERR_SESSION_CLOSED`, or the store's error. */
  async save(): Promise<void> {
    await this.#life.require().loop.checkpoint();
  }

  get #session() {
    return this.#life.current?.session;
  }

  #pause(paused: boolean): void {
    const open = this.#life.current;
    if (open === undefined) this.#wantsPause = paused;
    else open.loop.pause(paused);
  }

  #opening(error: Error | undefined): void {
    this.#setState(error === undefined ? { kind: 'opening' } : { kind: 'opening', error });
    if (error !== undefined) this.#publishing.failed(error);
  }

  #recovered(journal: SessionJournal<SessionRecord>, recovery: Recovery, lost: (error: Error) => void): OpenSession {
    const { link } = this.#connection;
    const { counters } = this.#statistics;
    const parts = { link, counters, scheduler: this.#environment.scheduler, calls: this.calls };
    return new OpenSession(journal, recovery, sessionOptions(this.#options), parts, {
      deliver: (delivery) => this.#deliveries.push(delivery),
      withdrawn: (delivery) => this.#deliveries.withdrawn(delivery),
      discarded: ({ message }, error, observed) => this.tell('discarded', { message, error, observed }),
      subscription: (subscription) => this.tell('subscription', subscription),
      report: (report) => this.tell('report', report),
      storeError: (error) => this.tell('storeError', error),
      storeRecovered: () => this.tell('storeRecovered'),
      drained: () => this.#drainWatch.drained(),
      lost,
    });
  }

  #opened(open: OpenSession): void {
    const { loop, journal } = open;
    if (this.#wantsPause !== undefined) loop.pause(this.#wantsPause);
    this.#wantsPause = undefined;
    this.#stateChanged();
    for (const notice of journal.recovered.notices) this.tell('notice', notice);
    this.#deliveries.attach(loop);
    this.#subscribers.attach(loop);
    this.#deadLetters.finishReplay().catch((error: Error) => {
      if (this.#life.current === open) this.tell('storeError', error);
    });
    this.#publishing.attach(loop);
    this.#connection.attach(open);
  }

  #closing(): void {
    this.#connection.closing();
    this.#publishing.closing();
    this.#drainWatch.end();
  }

  #gone(isLost: boolean): void {
    this.#subscribers.detach();
    this.#deliveries.detach();
    this.#connection.detach(isLost);
  }

  #closed(): void {
    this.#connection.closed();
    this.#stateChanged();
  }

  #stateChanged(): void {
    if (this.#life.current !== undefined) this.#setState({ kind: 'open', ...this.#connection.state });
    else if (!this.#life.isWanted) this.#setState({ kind: 'closed' });
  }

  #setState(state: ClientState): void {
    this.#lastState = state;
    this.tell('state', state);
  }
}
