import { openConnection } from '../connection/connection';
import type { ConnackDetails, ConnectionEnd, ConnectionOptions } from '../connection/types';
import { SessionError } from '../errors';
import { systemScheduler } from '../scheduler';
import type { Report } from '../session/effects';
import { elapsedSince } from '../session/elapsed';
import type { Message, MessageOrigin, QoS } from '../session/message';
import type { ConnectionLimits } from '../session/packets';
import type { MessageSource, SessionRecord } from '../session/records';
import type { Recovery } from '../session/recovery';
import { Session } from '../session/session';
import type { Subscription } from '../session/state';
import type { SubscriptionRequest } from '../session/subscriptions';
import { isSharedFilter } from '../session/topics';
import { AccessNotes } from './access-notes';
import type { AcknowledgementOutcome, AcknowledgementReference } from './acknowledgement-reference';
import { sessionClosed, stillOpening, unanswered } from './client-errors';
import { ClientEmitter, type ClientState } from './client-events';
import { isClosedByPeer } from './closed-by-peer';
import { brokerAddress, connectionOptions } from './connection-options';
import { type DeadLetter, DeadLetters } from './dead-letters';
import { Deliveries } from './deliveries';
import { DrainWatch } from './drain-watch';
import { EarlyPublishes } from './early-publishes';
import { Goodbye } from './goodbye';
import { Link } from './link';
import { LoopErrors } from './loop-errors';
import { assertMessage } from './message-check';
import { SessionOpening } from './opening';
import {
  assertWindows,
  type ClientEnvironment,
  DEFAULT_MAX_RECONNECT_DELAY_MS,
  deadLetterLimits,
  type SessionClientOptions,
  sessionOptions,
} from './options';
import type { DeadLetterFile, SessionJournal } from './ports';
import type { Acknowledgement, PublishObserver } from './publish-observers';
import type { PurgedCounts } from './purges';
import { rememberedUsers } from './remembered-users';
import type { AcknowledgementMode, MessageHandler } from './router';
import type { SessionCopy } from './session-copy';
import { SessionLoop } from './session-loop';
import { type ClientStatistics, Statistics } from './statistics';
import { Subscribers } from './subscribers';
import { assertTopicFilter } from './topics';

export type { ClientState, DiscardedMessage, SessionClientEvents } from './client-events';
export type { DeadLetter } from './dead-letters';

/** A message that left the queue and is not acknowledged. */
export interface OpenMessage {
  packetId: number;
  phase: string;
  topic: string;
  qos: QoS;
  enqueuedAt: number;
  /** When PUBLISH was last sent; 0: not yet, as far as known. */
  sentAt: number;
  /** How often PUBLISH was sent again. */
  retries: number;
}

/** What `subscribe` asks the broker for; see `Subscription`. */
export type WantedSubscription = Pick<Subscription, 'filter' | 'qos'> &
  Partial<Pick<Subscription, 'noLocal' | 'retainAsPublished' | 'retainHandling'>>;

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
  readonly #errors: LoopErrors;
  readonly #environment: ClientEnvironment;
  readonly #link: Link;
  readonly #subscribers = new Subscribers();
  readonly #early = new EarlyPublishes(this.calls);
  readonly #opening: SessionOpening;
  readonly #statistics: Statistics;
  readonly #deliveries: Deliveries;
  readonly #deadLetters: DeadLetters;
  readonly #drainWatch: DrainWatch;
  readonly #accessNotes: AccessNotes;
  readonly #goodbye: Goodbye;
  #journal: SessionJournal<SessionRecord> | undefined;
  #loop: SessionLoop | undefined;
  #lastState: ClientState = { kind: 'closed' };
  /** Between `open` and `close`. */
  #wanted = false;
  #wasClosed = false;
  #opened: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  #wantsConnection = false;
  #wantsPause: boolean | undefined;
  #lastEnd: ConnectionEnd | undefined;
  /** A session that was lost is giving back its files. */
  #givingBack: Promise<void> | undefined;

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
    this.clientId = options.clientId;
    this.#options = options;
    this.#errors = new LoopErrors(options.clientId);
    this.#environment = {
      connect: openConnection,
      scheduler: systemScheduler,
      random: Math.random,
      ...options.environment,
    };
    this.#opening = new SessionOpening(
      {
        store: options.store,
        clientId: options.clientId,
        expiryInterval: options.expiryInterval,
        deadLetters: deadLetterLimits(options),
        scheduler: this.#environment.scheduler,
      },
      {
        opened: (journal, recovery) => this.#start(journal, recovery),
        failed: (error, isNew) => this.#openFailed(error, isNew),
      },
    );
    this.#link = new Link(
      this.#environment.connect,
      () => this.#connectionOptions(),
      {
        up: (limits, connack) => this.#up(limits, connack),
        packets: (packets) => this.#loop?.packets(packets),
        congested: (congested) => this.#loop?.congested(congested),
        down: (end, wasUp) => this.#down(end, wasUp),
        state: () => this.#stateChanged(),
      },
      this.#environment.scheduler,
      this.#environment.random,
      options.maxReconnectDelayMs ?? DEFAULT_MAX_RECONNECT_DELAY_MS,
    );
    this.#drainWatch = new DrainWatch(this.#environment.scheduler);
    this.#goodbye = new Goodbye(this.#environment.scheduler);
    this.#accessNotes = new AccessNotes(this.#environment.scheduler, () => {
      this.#loop?.checkpoint().catch((error: Error) => this.tell('storeError', error));
    });
    this.#deadLetters = new DeadLetters({
      file: () => this.#deadLetterFile(),
      transfer: (message, from) => this.transfer(message, from),
      save: () => this.save(),
      endTransfer: (source) => this.endTransfer(source),
      transfers: () => this.#loop?.session.transfers() ?? [],
      now: () => this.#environment.scheduler.now(),
    });
    this.#statistics = new Statistics(this.#link, this.#environment.scheduler);
    this.#deliveries = new Deliveries(this.#subscribers, this.#statistics.counters, this.calls, {
      clientId: options.clientId,
      scheduler: this.#environment.scheduler,
      received: (message) => this.tell('message', message),
      unacknowledged: (report) => this.tell('unacknowledged', report),
    });
  }

  get state(): ClientState {
    return this.#lastState;
  }

  get connected(): boolean {
    return this.#link.state.kind === 'up';
  }

  /** Messages stored (queued and in flight) and their bytes; 0 while the session is not open. */
  get stored(): { count: number; bytes: number } {
    return this.#loop?.session.stored ?? { count: 0, bytes: 0 };
  }

  /** Address of the broker that the protocol state belongs to; empty: none yet. */
  get broker(): string {
    return this.#loop?.session.broker ?? '';
  }

  /** Address of the broker that it connects to, without credentials. */
  get address(): string {
    return brokerAddress(this.#options.connection.url);
  }

  get inflight(): number {
    return this.#loop?.session.inflight ?? 0;
  }

  get paused(): boolean {
    return this.#loop?.session.paused ?? this.#wantsPause ?? false;
  }

  /** Messages that left the queue and are not acknowledged, in their order. */
  openMessages(): OpenMessage[] {
    const open = this.#loop?.session.openMessages() ?? [];
    return open.map(({ packetId, phase, qos, sentAt, retries, message: { topic, enqueuedAt } }) => {
      return { packetId, phase, topic, qos, enqueuedAt, sentAt, retries };
    });
  }

  subscriptions(): Subscription[] {
    return this.#loop?.session.subscriptions() ?? [];
  }

  /** Counts since the client was made, or since `resetStatistics`, and what is there now. */
  statistics(): ClientStatistics {
    return this.#statistics.read(this.#loop?.session, this.#journal, this.#deliveries.manual.unacknowledged);
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
    this.#wanted = true;
    this.#opened ??= this.#closing === undefined ? this.#begin() : this.#reopen(this.#closing);
    return this.#opened;
  }

  /** Connects as soon as the session is open, and again whenever the connection is lost, until `disconnect`. */
  connect(): void {
    this.#wantsConnection = true;
    this.#connectIfWanted();
  }

  /** Ends the connection; the session stays open and takes messages. A snapshot is made. */
  async disconnect(options: { force?: boolean; sessionExpiryInterval?: number } = {}): Promise<void> {
    this.#wantsConnection = false;
    if (!options.force) await this.#sayGoodbye();
    await this.#link.stop(options);
    // It may have been asked for again meanwhile.
    this.#connectIfWanted();
    await this.#loop?.checkpoint().catch((error: Error) => this.tell('storeError', error));
  }

  /**
   * Disconnects, makes a snapshot and releases the session. What waited for the disk is stored before.
   * @throws the store's error when it could not be.
   */
  close(): Promise<void> {
    this.#wanted = false;
    this.#opened = undefined;
    this.#closing ??= this.#shutDown().finally(() => {
      this.#closing = undefined;
      this.#stateChanged();
    });
    return this.#closing;
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
    return new Promise((resolve, reject) => {
      const observer: PublishObserver =
        until === 'stored'
          ? { stored: () => resolve(undefined), failed: reject }
          : {
              acknowledged: resolve,
              failed: reject,
              unanswered: (cause) => reject(unanswered(this.clientId, message.topic, cause)),
            };
      this.enqueue(message, observer, origin);
    });
  }

  /**
   * As `publish`, with callbacks instead of a promise: for many messages a second. The payload must not be changed
   * afterwards.
   * @throws as `publish`; `observer.failed` is not called then.
   */
  enqueue(message: Message, observer: PublishObserver, origin?: MessageOrigin): void {
    assertMessage(message);
    if (this.#loop !== undefined) {
      this.#loop.publish(message, origin, observer);
      return;
    }
    if (this.#wasClosed && !this.#wanted) throw sessionClosed(this.clientId);
    if (this.#lastState.kind === 'opening' && this.#lastState.error !== undefined) throw this.#lastState.error;
    if (this.#early.add(message, origin, observer)) return;
    throw stillOpening(this.clientId, this.#early.count);
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
    const request = { noLocal: false, retainAsPublished: false, retainHandling: 0 as const, ...wanted };
    assertTopicFilter(request.filter);
    if (request.noLocal && isSharedFilter(request.filter)) {
      throw new SessionError(
        'ERR_FILTER',
        `The shared subscription ${request.filter} cannot have No Local (MQTT-3.8.3-4).`,
      );
    }
    this.#subscribers.subscribe(subscriber, request, handler, { note, acknowledge });
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
    return this.subscriptions().flatMap((subscription) => {
      if (subscription.state === 'removing') return [];
      const note = rememberedUsers(subscription).get(subscriber);
      return note === undefined ? [] : [{ subscription, note }];
    });
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

  release(): void {
    this.#deliveries.release();
    this.#connectIfWanted();
  }

  /**
   * Removes all messages that were not sent: whoever waits for one gets `ERR_MESSAGE_DISCARDED`. What is published from
   * now on stays. Resolves when that is durable. @throws SessionError `ERR_SESSION_CLOSED`.
   */
  async purge(): Promise<PurgedCounts> {
    return this.#openLoop().purge();
  }

  /** Resolves to true when nothing is stored any more; to false after `timeoutMs`, or when the session is closed. */
  async flush(timeoutMs: number): Promise<boolean> {
    if (this.#loop !== undefined && this.stored.count === 0) return true;
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
    this.#setPaused(true);
  }

  resume(): void {
    this.#setPaused(false);
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
    return new Promise((resolve, reject) => {
      assertMessage(message);
      const observer: PublishObserver = {
        stored: () => resolve('stored'),
        duplicate: () => resolve('duplicate'),
        failed: reject,
      };
      this.#openLoop().publish(message, origin, observer, { source, enqueuedAt });
    });
  }

  /** The originals are removed: what of this source was stored need not be known any longer. */
  endTransfer(source: string): void {
    this.#openLoop().endTransfer(source);
  }

  /** Ids of sources with transfers that have not ended. */
  transferSources(): string[] {
    return this.#loop?.session.transfers().map(({ source }) => source) ?? [];
  }

  /** Adds a subscription that is inactive until somebody subscribes to its filter. @returns false: there is one. */
  restoreSubscription(request: SubscriptionRequest): boolean {
    assertTopicFilter(request.filter);
    return this.#openLoop().restoreSubscription(request);
  }

  /** Keeps a dead letter that comes from elsewhere. Durable when resolved; the same key twice is one. */
  async keepDeadLetter(key: string, record: SessionRecord): Promise<void> {
    await this.#named(this.#openJournal().deadLetters.keep(key, record), 'writing');
  }

  /** The session as of now, to be read while it goes on, and closed then. @throws SessionError `ERR_SESSION_CLOSED`. */
  copy(): SessionCopy {
    return this.#openLoop().copy();
  }

  /** Makes a snapshot now. @throws SessionError `ERR_SESSION_CLOSED`, or the store's error. */
  async save(): Promise<void> {
    if (this.#loop === undefined) throw sessionClosed(this.clientId);
    await this.#loop.checkpoint();
  }

  #setPaused(paused: boolean): void {
    if (this.#loop === undefined) this.#wantsPause = paused;
    else this.#loop.pause(paused);
  }

  #connectIfWanted(): void {
    if (this.#wanted && this.#wantsConnection && this.#loop !== undefined) this.#link.start();
  }

  /** The close message, once, if the broker answers soon enough. */
  #sayGoodbye(): Promise<void> {
    const { close } = this.#options;
    if (close === undefined || this.#loop === undefined || !this.connected) return Promise.resolve();
    const loop = this.#loop;
    return this.#goodbye.say(close, (message) => loop.sayGoodbye(message));
  }

  #begin(): Promise<void> {
    this.#setState({ kind: 'opening' });
    return this.#opening.start();
  }

  async #reopen(closing: Promise<void>): Promise<void> {
    // Whoever closed it is told when that fails.
    await closing.catch(() => undefined);
    if (this.#wanted) await this.#begin();
  }

  #openFailed(error: Error, isNew: boolean): void {
    this.#setState({ kind: 'opening', error });
    this.#early.fail(error);
    if (isNew) this.tell('storeError', error);
  }

  async #shutDown(): Promise<void> {
    this.#wasClosed = true;
    this.#accessNotes.end();
    const closed = sessionClosed(this.clientId);
    this.#early.fail(closed);
    this.#drainWatch.end();
    await this.#opening.stop();
    await this.disconnect();
    const loop = this.#loop;
    const journal = this.#journal;
    loop?.seal();
    this.#detach();
    try {
      if (journal !== undefined) await this.#named(journal.close(), 'closing');
      await this.#givingBack;
    } finally {
      loop?.end(closed);
      if (journal !== undefined) this.#statistics.counters.closed(journal);
    }
  }

  #start(journal: SessionJournal<SessionRecord>, recovery: Recovery): void {
    const { metadata, notices } = journal.recovered;
    const { expiryInterval } = metadata;
    const now = this.#environment.scheduler.now();
    const session = new Session(recovery, sessionOptions(this.#options), now);
    if (expiryInterval > 0 && elapsedSince(metadata.lastAccessAt, now) > expiryInterval * 1000) {
      session.expire(now);
      this.#report({ kind: 'session-expired', expiryInterval });
    }
    if (journal.recovered.mayHaveLostRecords) session.distrustIdentifiers();
    if (this.#wantsPause !== undefined) session.pause(this.#wantsPause);
    this.#wantsPause = undefined;
    this.#journal = journal;
    this.#statistics.counters.opened({ session, journal });
    const loop = new SessionLoop(
      session,
      journal,
      metadata,
      this.#link,
      this.#environment.scheduler,
      {
        deliver: (delivery) => this.#deliveries.push(delivery),
        withdrawn: (delivery) => this.#deliveries.withdrawn(delivery),
        discarded: ({ message, reason }, error, observed) => {
          this.#statistics.counters.discard(reason);
          this.tell('discarded', { message, error, observed });
        },
        subscription: (subscription) => this.tell('subscription', subscription),
        unsubscribed: () => undefined,
        report: (report) => this.#report(report),
        storeError: (error) => this.tell('storeError', error),
        storeRecovered: () => this.tell('storeRecovered'),
        purged: (count) => this.#statistics.counters.discard('purged', count),
        drained: () => this.#drainWatch.drained(),
        lost: (error) => this.#lost(loop, error),
      },
      this.calls,
    );
    this.#loop = loop;
    this.#accessNotes.begin(expiryInterval);
    this.#stateChanged();
    for (const notice of notices) this.tell('notice', notice);
    this.#deliveries.attach(loop);
    this.#subscribers.attach(loop);
    this.#deadLetters.finishReplay().catch((error: Error) => {
      if (this.#loop === loop) this.tell('storeError', error);
    });
    this.#early.release((message, origin, observer) => loop.publish(message, origin, observer));
    this.#connectIfWanted();
  }

  /** Another process has taken the session over: stop at once, and wait for our turn. */
  #lost(loop: SessionLoop, error: Error): void {
    const journal = this.#journal;
    if (this.#loop !== loop) return;
    this.#accessNotes.end();
    this.#detach();
    void this.#link.stop({ force: true });
    const givingBack = journal
      ?.close()
      .catch((cause: Error) => this.tell('storeError', this.#errors.closing(cause)))
      .then(() => {
        this.#statistics.counters.closed(journal);
        if (this.#givingBack === givingBack) this.#givingBack = undefined;
      });
    this.#givingBack = givingBack;
    if (this.#wanted) {
      this.#opened = this.#opening.startLater(error);
      this.#setState({ kind: 'opening', error });
    }
    this.tell('storeError', error);
  }

  /** There is no open session any more. */
  #detach(): void {
    this.#loop = undefined;
    this.#journal = undefined;
    this.#subscribers.detach();
    this.#deliveries.detach();
  }

  #up(limits: ConnectionLimits, connack: ConnackDetails): void {
    const { connection, birth } = this.#options;
    const to = { address: brokerAddress(connection.url), limits };
    if (limits.cleanStart && !connection.clean) {
      // A session that lasts is begun by the next connection: this one ends its own in 3.1.1 (MQTT-3.1.2-6).
      this.#loop?.startedClean(to);
      this.#link.proven();
      this.#link.drop({ kind: 'ended', reasonString: 'session-cleared' });
      return;
    }
    this.#loop?.connected(to, birth);
    this.tell('connected', limits, connack);
  }

  #down(end: ConnectionEnd, wasUp: boolean): void {
    this.#lastEnd = end;
    if (wasUp) this.#loop?.disconnected(isClosedByPeer(end));
    else if (end.unanswered) this.#loop?.unanswered();
    // Whoever would take the messages is not there: they stay with the broker until then.
    const overflow = end.reasonString === 'inbound-overflow' || end.reasonString === 'receive-maximum-exceeded';
    if (overflow && this.#deliveries.holding) void this.#link.stop();
    this.#stateChanged();
    this.tell('disconnected', end, wasUp);
  }

  #report(report: Report): void {
    if (report.kind === 'session-lost') this.#statistics.counters.requeued += report.requeued;
    this.tell('report', report);
  }

  #openLoop(): SessionLoop {
    if (this.#loop === undefined) throw sessionClosed(this.clientId);
    return this.#loop;
  }

  /** The dead letters, with errors that name the session. */
  #deadLetterFile(): Pick<DeadLetterFile<SessionRecord>, 'list' | 'remove' | 'statistics'> {
    const file = this.#openJournal().deadLetters;
    return {
      list: (after, limit) => this.#named(file.list(after, limit), 'reading'),
      remove: (ids) => this.#named(file.remove(ids), 'writing'),
      statistics: () => file.statistics(),
    };
  }

  #named<T>(work: Promise<T>, what: 'reading' | 'writing' | 'closing'): Promise<T> {
    return work.catch((error: Error) => {
      throw this.#errors[what](error);
    });
  }

  #openJournal(): SessionJournal<SessionRecord> {
    if (this.#journal === undefined) throw sessionClosed(this.clientId);
    return this.#journal;
  }

  #connectionOptions(): ConnectionOptions {
    const { connection } = this.#options;
    const clean = connection.clean || this.#loop?.session.needsCleanStart === true;
    const expiryInterval = this.#journal?.recovered.metadata.expiryInterval ?? 0;
    return connectionOptions({ ...connection, clean }, this.clientId, expiryInterval);
  }

  #stateChanged(): void {
    if (this.#loop === undefined) {
      if (!this.#wanted) this.#setState({ kind: 'closed' });
      return;
    }
    const { state: link, contested } = this.#link;
    if (link.kind === 'up') this.#lastEnd = undefined;
    this.#setState({ kind: 'open', link, contested, ...(this.#lastEnd === undefined ? {} : { end: this.#lastEnd }) });
  }

  #setState(state: ClientState): void {
    this.#lastState = state;
    this.tell('state', state);
  }
}
