import { EventEmitter } from 'node:events';
import { openConnection } from '../connection/connection';
import type { ConnackDetails, ConnectionEnd } from '../connection/types';
import { SessionError } from '../errors';
import { systemScheduler } from '../scheduler';
import type { Delivery, Report } from '../session/effects';
import { elapsedSince } from '../session/elapsed';
import type { Message, MessageOrigin, QoS } from '../session/message';
import type { ConnectionLimits } from '../session/packets';
import type { SessionRecord } from '../session/records';
import { Recovery } from '../session/recovery';
import { Session } from '../session/session';
import { sessionCodec } from '../session/session-codec';
import type { Subscription } from '../session/state';
import type { SubscriptionRequest } from '../session/subscriptions';
import { DeliveryGate } from './delivery-gate';
import { Link, type LinkState } from './link';
import { assertMessage } from './message-check';
import {
  ACCESS_NOTED_MAX_MS,
  ACCESS_NOTED_MIN_MS,
  type ClientEnvironment,
  DEFAULT_MAX_BYTES,
  DEFAULT_MAX_INFLIGHT,
  DEFAULT_MAX_RECONNECT_DELAY_MS,
  EARLY_PUBLISHES_MAX,
  GOODBYE_MS,
  INBOUND_RECEIVE_MAXIMUM,
  REOPEN_MS,
  type SessionClientOptions,
} from './options';
import type { SessionJournal } from './ports';
import type { Acknowledgement, PublishObserver } from './publish-observers';
import { formatUsers, type RememberedUsers, rememberedUsers } from './remembered-users';
import { type MessageHandler, Router } from './router';
import { SessionLoop } from './session-loop';
import { type ClientStatistics, Counters, clientStatistics } from './statistics';
import { assertTopicFilter, isSharedFilter } from './topics';

export type ClientState =
  /** Not opened, or closed. */
  | { kind: 'closed' }
  /** The session is being opened, or cannot be (`error`) and is tried again. */
  | { kind: 'opening'; error?: Error }
  /**
   * Open, with the state of the connection; `end` says why the last one ended. `contested`: another client seems to use
   * our client id.
   */
  | { kind: 'open'; link: LinkState; end?: ConnectionEnd; contested: boolean };

/** A message that was given up. `observed`: its publisher was told; otherwise nobody was waiting any more. */
export interface DiscardedMessage {
  message: Message & { sequence: number; origin?: MessageOrigin };
  error: SessionError;
  observed: boolean;
}

export interface SessionClientEvents {
  state: [ClientState];
  connected: [ConnectionLimits, ConnackDetails];
  /** A connection, or an attempt to make one (`wasUp` false), ended. */
  disconnected: [ConnectionEnd, boolean];
  discarded: [DiscardedMessage];
  subscription: [Subscription];
  report: [Report];
  /** What recovery found when the session was opened. */
  notice: [{ level: 'info' | 'warn' | 'error'; text: string }];
  /** The store cannot be opened, written or read. It is tried again; nothing stored is lost. */
  storeError: [Error];
  storeRecovered: [];
}

interface EarlyPublish {
  message: Message;
  origin: MessageOrigin | undefined;
  observer: PublishObserver;
}

/**
 * An MQTT client whose session is on disk: what `publish` reported stored reaches the broker, through lost networks,
 * restarted brokers and killed processes; QoS 1 at least once, QoS 2 exactly once, in order.
 *
 * `open` (locks and recovers the session) -> `connect` -> ... -> `close`. Publishing and subscribing work from
 * construction on; what comes before the session is open waits for it.
 */
export class SessionClient extends EventEmitter<SessionClientEvents> {
  readonly clientId: string;
  readonly #options: SessionClientOptions;
  readonly #environment: ClientEnvironment;
  readonly #link: Link;
  readonly #router = new Router();
  readonly #gate: DeliveryGate;
  readonly #counters = new Counters();
  readonly #startedAt: number;
  #journal: SessionJournal<SessionRecord> | undefined;
  #loop: SessionLoop | undefined;
  #lastState: ClientState = { kind: 'closed' };
  #opening: Promise<void> | undefined;
  #wanted = false;
  #wantsConnection = false;
  #early: EarlyPublish[] = [];
  readonly #notes = new Map<string, RememberedUsers>();
  #lastEnd: ConnectionEnd | undefined;
  #cancelReopen: (() => void) | undefined;
  #cancelAccess: (() => void) | undefined;

  constructor(options: SessionClientOptions) {
    super();
    this.clientId = options.clientId;
    this.#options = options;
    this.#environment = {
      connect: openConnection,
      scheduler: systemScheduler,
      random: Math.random,
      ...options.environment,
    };
    this.#startedAt = this.#environment.scheduler.now();
    this.#gate = new DeliveryGate((delivery) => this.#handOver(delivery));
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

  get inflight(): number {
    return this.#loop?.session.inflight ?? 0;
  }

  get paused(): boolean {
    return this.#loop?.session.paused ?? false;
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
   * Opens the stored session, creating it when there is none. Resolves when it is open. While it cannot be opened
   * (locked by another process, path not writable) it is tried again every second and `storeError` tells why.
   */
  open(): Promise<void> {
    this.#wanted = true;
    this.#opening ??= new Promise((resolve) => this.#tryOpen(resolve));
    return this.#opening;
  }

  /** Connects as soon as the session is open, and again whenever the connection is lost, until `disconnect`. */
  connect(): void {
    this.#wantsConnection = true;
    if (this.#loop !== undefined) this.#link.start();
  }

  /** Ends the connection; the session stays open and takes messages. A snapshot is made. */
  async disconnect(options: { force?: boolean; sessionExpiryInterval?: number } = {}): Promise<void> {
    this.#wantsConnection = false;
    if (!options.force) await this.#sayGoodbye();
    await this.#link.stop(options);
    await this.#loop?.checkpoint().catch((error: Error) => this.emit('storeError', error));
  }

  /** Disconnects, makes a snapshot and releases the session. What waited for the disk is stored before. */
  async close(): Promise<void> {
    this.#wanted = false;
    this.#cancelReopen?.();
    this.#cancelAccess?.();
    const closed = new SessionError('ERR_SESSION_CLOSED', `The session "${this.clientId}" was closed.`);
    this.#failEarly(closed);
    await this.disconnect();
    const journal = this.#journal;
    this.#journal = undefined;
    try {
      await journal?.close();
    } finally {
      this.#loop?.end(closed);
      this.#loop = undefined;
      this.#opening = undefined;
      this.#stateChanged();
    }
  }

  /**
   * Stores a message and sees to its delivery.
   * @returns when it is stored (default), or with `until: 'acknowledged'` when the broker has taken it.
   * @throws SessionError `ERR_TOPIC`, `ERR_PAYLOAD`, `ERR_QUEUE_FULL`, `ERR_STORE_FULL`, `ERR_STORE_BUSY`, `ERR_SESSION_CLOSED`, and with
   * `until: 'acknowledged'` those of messages given up (`ERR_MESSAGE_...`); or the system's code of a failed write.
   */
  publish(
    message: Message,
    { until = 'stored', origin }: { until?: 'stored' | 'acknowledged'; origin?: MessageOrigin } = {},
  ): Promise<Acknowledgement | undefined> {
    return new Promise((resolve, reject) => {
      const observer: PublishObserver =
        until === 'stored'
          ? { stored: () => resolve(undefined), failed: reject }
          : { acknowledged: resolve, failed: reject };
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
    if (!this.#wanted && this.#opening !== undefined) throw this.#notOpen();
    if (this.#lastState.kind === 'opening' && this.#lastState.error !== undefined) throw this.#lastState.error;
    if (this.#early.length >= EARLY_PUBLISHES_MAX) throw this.#notOpen();
    this.#early.push({ message, origin, observer });
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
    this.#router.add(subscriber, request, handler);
    if (note === undefined) this.#notes.get(request.filter)?.delete(subscriber);
    else this.#notesFor(request.filter).set(subscriber, note);
    this.#subscribeMerged(request.filter);
  }

  /** Ends a subscriber's interest in a filter; the last one's end unsubscribes at the broker, too, if `keep` is not set. */
  unsubscribe(subscriber: string, filter: string, { keep = false } = {}): void {
    this.#router.remove(subscriber, filter);
    if (keep) return;
    const notes = this.#notesFor(filter);
    notes.delete(subscriber);
    if (this.#router.has(filter)) this.#subscribeMerged(filter);
    else if (notes.size === 0) this.#loop?.unsubscribe(filter);
  }

  /** Subscriptions that the session remembers for a subscriber, from this or an earlier process. */
  remembered(subscriber: string): { subscription: Subscription; note: string }[] {
    return this.subscriptions().flatMap((subscription) => {
      const note = rememberedUsers(subscription).get(subscriber);
      return note === undefined ? [] : [{ subscription, note }];
    });
  }

  /** Filters that a subscriber has in this process. */
  filtersOf(subscriber: string): string[] {
    return this.#router.filtersOf(subscriber);
  }

  /**
   * Brings the session's subscriptions in line with those that have a subscriber now. `decide` says what becomes of
   * one without: `keep` (its messages are acknowledged and counted), `deactivate` (kept in the session, taken back at
   * the broker until a subscriber returns) or `remove`.
   */
  reconcile(decide: (subscription: Subscription) => 'keep' | 'deactivate' | 'remove'): void {
    for (const subscription of this.subscriptions()) {
      if (this.#router.has(subscription.filter)) continue;
      const decision = decide(subscription);
      if (decision === 'deactivate') this.#loop?.deactivate(subscription.filter);
      else if (decision === 'remove') this.#loop?.unsubscribe(subscription.filter);
    }
  }

  /** Inbound messages wait, neither delivered nor acknowledged, until `release`. */
  hold(): void {
    this.#gate.hold();
  }

  release(): void {
    this.#gate.release();
    if (this.#wantsConnection && this.#loop !== undefined) this.#link.start();
  }

  /** Stops sending; survives a restart. */
  pause(): void {
    this.#loop?.pause(true);
  }

  resume(): void {
    this.#loop?.pause(false);
  }

  /** Makes a snapshot now. @throws SessionError `ERR_SESSION_CLOSED`, or the store's error. */
  async save(): Promise<void> {
    if (this.#loop === undefined) throw this.#notOpen();
    await this.#loop.checkpoint();
  }

  /** The close message, if the broker answers soon enough. */
  async #sayGoodbye(): Promise<void> {
    const { close } = this.#options;
    if (close === undefined || this.#loop === undefined || !this.connected) return;
    const answered = this.#loop.sayGoodbye(close);
    let cancel: (() => void) | undefined;
    const patience = new Promise<void>((resolve) => {
      cancel = this.#environment.scheduler.after(GOODBYE_MS, resolve, true);
    });
    await Promise.race([answered, patience]);
    cancel?.();
  }

  #tryOpen(resolve: () => void): void {
    this.#setState({ kind: 'opening' });
    this.#openSession().then(
      () => resolve(),
      (error: Error) => {
        if (!this.#wanted) {
          resolve();
          return;
        }
        this.#setState({ kind: 'opening', error });
        this.#failEarly(error);
        this.emit('storeError', error);
        this.#cancelReopen = this.#environment.scheduler.after(REOPEN_MS, () => this.#retryOpen(resolve), true);
      },
    );
  }

  #retryOpen(resolve: () => void): void {
    if (!this.#wanted) {
      resolve();
      return;
    }
    this.#openSession().then(
      () => resolve(),
      (error: Error) => {
        this.#setState({ kind: 'opening', error });
        this.#cancelReopen = this.#environment.scheduler.after(REOPEN_MS, () => this.#retryOpen(resolve), true);
      },
    );
  }

  async #openSession(): Promise<void> {
    const { store, expiryInterval } = this.#options;
    const journal = await store.open(this.clientId, sessionCodec, expiryInterval);
    const { recovered } = journal;
    try {
      const recovery = new Recovery(recovered.state, recovered.records);
      recovered.records = [];
      for (let read = recovery.nextRead(); read !== undefined; read = recovery.nextRead()) {
        recovery.readDone(await journal.read(read.after, read.maxBytes));
      }
      if (!this.#wanted) throw this.#notOpen();
      this.#start(journal, recovery);
    } catch (error) {
      await journal.close();
      throw error;
    }
    for (const notice of recovered.notices) this.emit('notice', notice);
  }

  #start(journal: SessionJournal<SessionRecord>, recovery: Recovery): void {
    const { maxInflight, maxBytes, whenFull, onSessionLost } = this.#options;
    const session = new Session(
      recovery,
      {
        maxInflight: maxInflight ?? DEFAULT_MAX_INFLIGHT,
        maxBytes: maxBytes ?? DEFAULT_MAX_BYTES,
        whenFull: whenFull ?? 'reject',
        onSessionLost: onSessionLost ?? 'republish',
        receiveMaximum: INBOUND_RECEIVE_MAXIMUM,
      },
      this.#environment.scheduler.now(),
    );
    const { lastAccessAt, expiryInterval } = journal.recovered.metadata;
    const idleMs = elapsedSince(lastAccessAt, this.#environment.scheduler.now());
    if (expiryInterval > 0 && idleMs > expiryInterval * 1000) {
      session.expire();
      this.#report({ kind: 'session-expired', expiryInterval });
    }
    this.#journal = journal;
    this.#loop = new SessionLoop(
      session,
      journal,
      journal.recovered.metadata,
      this.#link,
      this.#environment.scheduler,
      {
        deliver: (delivery) => this.#gate.push(delivery),
        discarded: ({ message }, error, observed) => {
          this.#counters.discarded += 1;
          this.emit('discarded', { message, error, observed });
        },
        subscription: (subscription) => this.emit('subscription', subscription),
        unsubscribed: () => undefined,
        report: (report) => this.#report(report),
        storeError: (error) => this.emit('storeError', error),
        storeRecovered: () => this.emit('storeRecovered'),
        lost: (error) => this.#lost(error),
      },
    );
    this.#keepFromExpiring(expiryInterval);
    this.#stateChanged();
    for (const filter of this.#router.filters()) this.#subscribeMerged(filter);
    for (const { message, origin, observer } of this.#early.splice(0)) {
      try {
        this.#loop.publish(message, origin, observer);
      } catch (error) {
        observer.failed?.(error as Error);
      }
    }
    if (this.#wantsConnection) this.#link.start();
  }

  /** The time of the last access is kept in snapshots: one is made now and then, so that an open session never expires. */
  #keepFromExpiring(expiryInterval: number): void {
    if (expiryInterval === 0) return;
    const delayMs = Math.min(Math.max(expiryInterval * 250, ACCESS_NOTED_MIN_MS), ACCESS_NOTED_MAX_MS);
    this.#cancelAccess = this.#environment.scheduler.after(delayMs, () => {
      const loop = this.#loop;
      if (loop === undefined) return;
      loop.checkpoint().catch((error: Error) => this.emit('storeError', error));
      this.#keepFromExpiring(expiryInterval);
    });
  }

  /** Another process has taken the session over: stop at once, and wait for our turn. */
  #lost(error: Error): void {
    const journal = this.#journal;
    this.#cancelAccess?.();
    this.#loop = undefined;
    this.#journal = undefined;
    this.emit('storeError', error);
    void this.#link.stop({ force: true });
    void journal?.close().catch((cause: Error) => this.emit('storeError', cause));
    this.#setState({ kind: 'opening', error });
    if (!this.#wanted) return;
    this.#opening = new Promise((resolve) => {
      this.#cancelReopen = this.#environment.scheduler.after(REOPEN_MS, () => this.#retryOpen(resolve), true);
    });
  }

  #up(limits: ConnectionLimits, connack: ConnackDetails): void {
    this.#lastEnd = undefined;
    this.#loop?.connected({ address: this.#address(), limits }, this.#options.birth);
    this.emit('connected', limits, connack);
  }

  #down(end: ConnectionEnd, wasUp: boolean): void {
    this.#lastEnd = end;
    const closedByPeer = end.kind === 'closed' || end.kind === 'server-disconnect';
    if (wasUp) this.#loop?.disconnected(closedByPeer);
    // Whoever would take the messages is not there: they stay with the broker until then.
    const overflow = end.reasonString === 'inbound-overflow' || end.reasonString === 'receive-maximum-exceeded';
    if (overflow && this.#gate.holding) void this.#link.stop();
    this.emit('disconnected', end, wasUp);
    this.#stateChanged();
  }

  #handOver(delivery: Delivery): void {
    const loop = this.#loop;
    const handlers = this.#router.route(delivery, (identifier) => loop?.session.subscriptionWithIdentifier(identifier));
    this.#counters.received += 1;
    this.#counters.receivedBytes += delivery.message.payload.length;
    if (handlers.length === 0) this.#counters.unrouted += 1;
    const { dup, redelivered } = delivery;
    for (const handler of handlers) handler({ ...delivery.message, dup, redelivered });
    loop?.handled(delivery);
  }

  #report(report: Report): void {
    if (report.kind === 'dropped-oldest') this.#counters.dropped += report.count;
    if (report.kind === 'session-lost') this.#counters.requeued += report.requeued;
    this.emit('report', report);
  }

  #subscribeMerged(filter: string): void {
    const merged = this.#router.merged(filter);
    if (merged === undefined || this.#loop === undefined) return;
    const users = formatUsers(this.#notesFor(filter));
    this.#loop.subscribe(users === undefined ? merged : { ...merged, users });
  }

  /** Notes on a filter: those the session brought along, as changed since. */
  #notesFor(filter: string): RememberedUsers {
    let notes = this.#notes.get(filter);
    if (notes === undefined) {
      notes = rememberedUsers(this.#loop?.session.subscription(filter));
      if (this.#loop !== undefined) this.#notes.set(filter, notes);
    }
    return notes;
  }

  #failEarly(error: Error): void {
    for (const { observer } of this.#early.splice(0)) observer.failed?.(error);
  }

  #notOpen(): SessionError {
    return new SessionError(
      'ERR_SESSION_CLOSED',
      `The session "${this.clientId}" is not open, so the message cannot be stored.`,
      { details: { clientId: this.clientId } },
    );
  }

  /** Where the protocol state belongs: the URL without credentials and query. */
  #address(): string {
    const { url } = this.#options.connection;
    return url.replace(/^([a-z+]+:\/\/)[^/@]*@/i, '$1').replace(/[?#].*$/, '');
  }

  #connectionOptions() {
    const { connection } = this.#options;
    if (connection.protocolVersion !== 5) return { ...connection, clientId: this.clientId };
    const properties = { receiveMaximum: INBOUND_RECEIVE_MAXIMUM, ...connection.properties };
    return { ...connection, properties, clientId: this.clientId };
  }

  #stateChanged(): void {
    if (this.#loop === undefined) {
      if (!this.#wanted) this.#setState({ kind: 'closed' });
      return;
    }
    const { state: link, contested } = this.#link;
    this.#setState({ kind: 'open', link, contested, ...(this.#lastEnd === undefined ? {} : { end: this.#lastEnd }) });
  }

  #setState(state: ClientState): void {
    this.#lastState = state;
    this.emit('state', state);
  }
}
