import { openConnection } from '../connection/connection';
import type { ConnackDetails, ConnectionEnd } from '../connection/types';
import { SessionError } from '../errors';
import { systemScheduler } from '../scheduler';
import type { Report } from '../session/effects';
import { elapsedSince } from '../session/elapsed';
import type { Message, MessageOrigin, QoS } from '../session/message';
import type { ConnectionLimits } from '../session/packets';
import type { SessionRecord } from '../session/records';
import type { Recovery } from '../session/recovery';
import { Session } from '../session/session';
import type { Subscription } from '../session/state';
import type { SubscriptionRequest } from '../session/subscriptions';
import { ClientEmitter, type ClientState } from './client-events';
import { Deliveries } from './deliveries';
import { EarlyPublishes } from './early-publishes';
import { Link } from './link';
import { assertMessage } from './message-check';
import { SessionOpening } from './opening';
import {
  ACCESS_NOTED_MAX_MS,
  ACCESS_NOTED_MIN_MS,
  type ClientEnvironment,
  DEFAULT_MAX_RECONNECT_DELAY_MS,
  GOODBYE_MS,
  INBOUND_RECEIVE_MAXIMUM,
  NEVER_EXPIRES,
  type SessionClientOptions,
  sessionOptions,
} from './options';
import type { SessionJournal } from './ports';
import type { Acknowledgement, PublishObserver } from './publish-observers';
import { rememberedUsers } from './remembered-users';
import type { MessageHandler } from './router';
import { SessionLoop } from './session-loop';
import { type ClientStatistics, Counters, clientStatistics } from './statistics';
import { Subscribers } from './subscribers';
import { assertTopicFilter, isSharedFilter } from './topics';

export type { ClientState, DiscardedMessage, SessionClientEvents } from './client-events';

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
  readonly #link: Link;
  readonly #subscribers = new Subscribers();
  readonly #early = new EarlyPublishes(this.calls);
  readonly #opening: SessionOpening;
  readonly #counters = new Counters();
  readonly #deliveries = new Deliveries(this.#subscribers, this.#counters, this.calls);
  readonly #startedAt: number;
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
  #goodbye: Promise<void> | undefined;
  #lastEnd: ConnectionEnd | undefined;
  /** A session that was lost is giving back its files. */
  #givingBack: Promise<void> | undefined;
  #cancelAccess: (() => void) | undefined;

  /** @throws SessionError `ERR_TOPIC` or `ERR_PAYLOAD` for a birth or close message that cannot be published. */
  constructor(options: SessionClientOptions) {
    super();
    if (options.birth !== undefined) assertMessage(options.birth);
    if (options.close !== undefined) assertMessage(options.close);
    this.clientId = options.clientId;
    this.#options = options;
    this.#environment = {
      connect: openConnection,
      scheduler: systemScheduler,
      random: Math.random,
      ...options.environment,
    };
    this.#startedAt = this.#environment.scheduler.now();
    this.#opening = new SessionOpening(
      {
        store: options.store,
        clientId: options.clientId,
        expiryInterval: options.expiryInterval,
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

  get inflight(): number {
    return this.#loop?.session.inflight ?? 0;
  }

  get paused(): boolean {
    return this.#loop?.session.paused ?? this.#wantsPause ?? false;
  }

  /** Messages that left the queue and are not acknowledged, in their order. */
  openMessages(): { packetId: number; phase: string; topic: string; qos: QoS; enqueuedAt: number }[] {
    const open = this.#loop?.session.openMessages() ?? [];
    return open.map(({ packetId, phase, qos, message: { topic, enqueuedAt } }) => {
      return { packetId, phase, topic, qos, enqueuedAt };
    });
  }

  subscriptions(): Subscription[] {
    return this.#loop?.session.subscriptions() ?? [];
  }

  statistics(): ClientStatistics {
    return clientStatistics(this.#counters, this.#link, this.#loop?.session, this.#journal, {
      now: this.#environment.scheduler.now(),
      startedAt: this.#startedAt,
    });
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
          : { acknowledged: resolve, failed: reject, unanswered: (cause) => reject(this.#unanswered(message, cause)) };
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
    if (this.#wasClosed && !this.#wanted) throw this.#closedError();
    if (this.#lastState.kind === 'opening' && this.#lastState.error !== undefined) throw this.#lastState.error;
    if (this.#early.add(message, origin, observer)) return;
    throw new SessionError(
      'ERR_STORE_BUSY',
      `The session "${this.clientId}" is still being opened, and ${this.#early.count} messages wait for it already. ` +
        'Publish more slowly until it is open.',
      { details: { clientId: this.clientId, count: this.#early.count } },
    );
  }

  /**
   * Subscribes; the subscription is part of the session. `subscriber` names who asks: each has a filter once, and
   * asking again replaces the earlier request. With a `note` the session remembers the subscriber: after a restart
   * `remembered` names it, with the note.
   * @throws SessionError `ERR_FILTER`.
   */
  subscribe(
    subscriber: string,
    request: Omit<SubscriptionRequest, 'users'>,
    handler: MessageHandler,
    { note }: { note?: string } = {},
  ): void {
    assertTopicFilter(request.filter);
    if (request.noLocal && isSharedFilter(request.filter)) {
      throw new SessionError(
        'ERR_FILTER',
        `The shared subscription ${request.filter} cannot have No Local (MQTT-3.8.3-4).`,
      );
    }
    this.#subscribers.subscribe(subscriber, request, handler, note);
  }

  /** Ends a subscriber's interest in a filter; the last one's end unsubscribes at the broker, too, if `keep` is not set. */
  unsubscribe(subscriber: string, filter: string, { keep = false } = {}): void {
    this.#subscribers.unsubscribe(subscriber, filter, keep);
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

  /** Stops sending; survives a restart. */
  pause(): void {
    this.#setPaused(true);
  }

  resume(): void {
    this.#setPaused(false);
  }

  /** Makes a snapshot now. @throws SessionError `ERR_SESSION_CLOSED`, or the store's error. */
  async save(): Promise<void> {
    if (this.#loop === undefined) throw this.#closedError();
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
    this.#goodbye ??= new Promise<void>((resolve) => {
      const cancel = this.#environment.scheduler.after(GOODBYE_MS, resolve, true);
      void loop.sayGoodbye(close).then(() => {
        cancel();
        resolve();
      });
    }).finally(() => {
      this.#goodbye = undefined;
    });
    return this.#goodbye;
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
    this.#cancelAccess?.();
    const closed = this.#closedError();
    this.#early.fail(closed);
    await this.#opening.stop();
    await this.disconnect();
    const loop = this.#loop;
    const journal = this.#journal;
    loop?.seal();
    this.#detach();
    try {
      await journal?.close();
      await this.#givingBack;
    } finally {
      loop?.end(closed);
      if (loop !== undefined) this.#counters.keep(loop.session, journal);
    }
  }

  #start(journal: SessionJournal<SessionRecord>, recovery: Recovery): void {
    const { metadata, notices } = journal.recovered;
    const { expiryInterval } = metadata;
    const now = this.#environment.scheduler.now();
    const session = new Session(recovery, sessionOptions(this.#options), now);
    if (expiryInterval > 0 && elapsedSince(metadata.lastAccessAt, now) > expiryInterval * 1000) {
      session.expire();
      this.#report({ kind: 'session-expired', expiryInterval });
    }
    if (journal.recovered.mayHaveLostRecords) session.distrustIdentifiers();
    if (this.#wantsPause !== undefined) session.pause(this.#wantsPause);
    this.#wantsPause = undefined;
    this.#journal = journal;
    const loop = new SessionLoop(
      session,
      journal,
      metadata,
      this.#link,
      this.#environment.scheduler,
      {
        deliver: (delivery) => this.#deliveries.push(delivery),
        discarded: ({ message }, error, observed) => {
          this.#counters.discarded += 1;
          this.tell('discarded', { message, error, observed });
        },
        subscription: (subscription) => this.tell('subscription', subscription),
        unsubscribed: () => undefined,
        report: (report) => this.#report(report),
        storeError: (error) => this.tell('storeError', error),
        storeRecovered: () => this.tell('storeRecovered'),
        lost: (error) => this.#lost(loop, error),
      },
      this.calls,
    );
    this.#loop = loop;
    this.#keepFromExpiring(expiryInterval);
    this.#stateChanged();
    for (const notice of notices) this.tell('notice', notice);
    this.#deliveries.attach(loop);
    this.#subscribers.attach(loop);
    this.#early.release((message, origin, observer) => loop.publish(message, origin, observer));
    this.#connectIfWanted();
  }

  /** The time of the last access is kept in snapshots: one is made now and then, so that an open session never expires. */
  #keepFromExpiring(expiryInterval: number): void {
    if (expiryInterval === 0) return;
    const delayMs = Math.min(Math.max(expiryInterval * 250, ACCESS_NOTED_MIN_MS), ACCESS_NOTED_MAX_MS);
    this.#cancelAccess = this.#environment.scheduler.after(delayMs, () => {
      const loop = this.#loop;
      if (loop === undefined) return;
      loop.checkpoint().catch((error: Error) => this.tell('storeError', error));
      this.#keepFromExpiring(expiryInterval);
    });
  }

  /** Another process has taken the session over: stop at once, and wait for our turn. */
  #lost(loop: SessionLoop, error: Error): void {
    const journal = this.#journal;
    if (this.#loop !== loop) return;
    this.#cancelAccess?.();
    this.#detach();
    this.#counters.keep(loop.session, journal);
    void this.#link.stop({ force: true });
    const givingBack = journal
      ?.close()
      .catch((cause: Error) => this.tell('storeError', cause))
      .then(() => {
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
    this.#loop?.connected({ address: this.#address(), limits }, this.#options.birth);
    this.tell('connected', limits, connack);
  }

  #down(end: ConnectionEnd, wasUp: boolean): void {
    this.#lastEnd = end;
    const closedByPeer = end.kind === 'closed' || end.kind === 'server-disconnect';
    if (wasUp) this.#loop?.disconnected(closedByPeer);
    // Whoever would take the messages is not there: they stay with the broker until then.
    const overflow = end.reasonString === 'inbound-overflow' || end.reasonString === 'receive-maximum-exceeded';
    if (overflow && this.#deliveries.holding) void this.#link.stop();
    this.#stateChanged();
    this.tell('disconnected', end, wasUp);
  }

  #report(report: Report): void {
    if (report.kind === 'dropped-oldest') this.#counters.dropped += report.count;
    if (report.kind === 'session-lost') this.#counters.requeued += report.requeued;
    this.tell('report', report);
  }

  #unanswered({ topic }: Message, cause: Error): SessionError {
    return new SessionError(
      'ERR_SESSION_CLOSED',
      `The message for topic "${topic}" is stored, but "${this.clientId}" ended before the broker acknowledged it. ` +
        'It is delivered when the session is open again.',
      { cause, details: { clientId: this.clientId, topic, stored: true } },
    );
  }

  #closedError(): SessionError {
    return new SessionError('ERR_SESSION_CLOSED', `The session "${this.clientId}" is not open.`, {
      details: { clientId: this.clientId },
    });
  }

  /** Where the protocol state belongs: the URL without credentials and query. */
  #address(): string {
    const { url } = this.#options.connection;
    return url.replace(/^([a-z+]+:\/\/)[^/@]*@/i, '$1').replace(/[?#].*$/, '');
  }

  #connectionOptions() {
    const { connection } = this.#options;
    if (connection.protocolVersion !== 5) return { ...connection, clientId: this.clientId };
    const properties: Record<string, unknown> = { receiveMaximum: INBOUND_RECEIVE_MAXIMUM };
    // Without it an MQTT 5 broker ends the session with the connection (3.1.2.11.2 of 5.0).
    if (!connection.clean) {
      const expiryInterval = this.#journal?.recovered.metadata.expiryInterval ?? 0;
      properties.sessionExpiryInterval = expiryInterval > 0 ? expiryInterval : NEVER_EXPIRES;
    }
    Object.assign(properties, connection.properties);
    return { ...connection, properties, clientId: this.clientId };
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
