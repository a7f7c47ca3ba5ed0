import type { Node, NodeAPI, NodeMessage } from 'node-red';
import type { AdminContext, LiveSession } from '../../src/admin/context';
import type { DiscardedMessage, SessionClient } from '../../src/client/session-client';
import type { ConnectionEnd } from '../../src/connection/types';
import { errorCode, SessionError } from '../../src/errors';
import type { Report } from '../../src/session/effects';
import type { Message, MessageOrigin } from '../../src/session/message';
import type { Subscription } from '../../src/session/state';
import { DrainMeter } from '../shared/drain-meter';
import { type FlowLifecycle, flowLifecycle } from '../shared/flow-lifecycle';
import { RepeatLimit } from '../shared/repeat-limit';
import { type SessionStatus, sessionStatus } from '../shared/status';
import { StatusReporter } from '../shared/status-reporter';
import type { StoreSettings } from '../shared/store-settings';
import { runtimeTexts, type Translate } from '../shared/texts';
import { PendingPublishes } from './pending-publishes';
import { flowFileSubscribers, isPresent, subscriptionFate } from './reconcile';
import { type HostedSession, SessionHost, sessionClaims } from './session-host';
import { type BrokerConfig, type BrokerCredentials, type BrokerSettings, brokerSettings, withOverrides } from './settings';

/** An in or out node that uses the session. */
export interface SessionUser {
  readonly node: Node;
  /** A client was made: static subscriptions are due. */
  attach?(client: SessionClient): void;
  /** Its session is open: what it remembers of the node can be taken up again. */
  restore?(client: SessionClient): void;
}

export interface BrokerParts {
  store: StoreSettings;
  addTLSOptions: ((options: Record<string, unknown>) => void) | undefined;
}

const DEFAULT_MAX_RECONNECT_DELAY_MS = 30_000;

interface ConnectWaiter {
  resolve(): void;
  reject(error: Error): void;
}

/**
 * The session of a broker node, and its connection as the nodes and the deploys want it.
 *
 * What is wanted is kept in a few flags; `#align` brings the connection in line with them, one call after the other. So
 * no sequence of connect, disconnect and deploy can leave it in between.
 */
export class Broker implements LiveSession {
  readonly #users = new Map<string, SessionUser>();
  readonly #host: SessionHost;
  readonly #lifecycle: FlowLifecycle;
  readonly #stopListening: () => void;
  readonly #status: StatusReporter;
  readonly #drain = new DrainMeter();
  readonly #translate: Translate;
  readonly #logLimit: RepeatLimit;
  readonly #pending = new PendingPublishes();
  #settings: BrokerSettings;
  /** By autoConnect or the last connect or disconnect action. */
  #wanted: boolean;
  /** An administrator connected it although no in or out node uses it. */
  #wantedWithoutUsers = false;
  #isOpen = false;
  #waiters: ConnectWaiter[] = [];
  #tasks: Promise<unknown> = Promise.resolve();
  /** The last failure to connect that was reported to Catch nodes. */
  #reportedFailure: string | undefined;

  constructor(
    private readonly RED: NodeAPI,
    private readonly node: Node,
    private readonly config: BrokerConfig,
    private readonly parts: BrokerParts,
  ) {
    this.#translate = runtimeTexts(RED._);
    this.#logLimit = new RepeatLimit((text, count) => node.warn(this.#translate('repeated', { text, count })));
    this.#settings = this.#settingsOf(config, this.#credentials);
    this.#wanted = this.#settings.autoConnect;
    this.#host = new SessionHost(
      { ownerId: node.id, ownerName: node.name || node.id, store: parts.store, live: this },
      this.#hosted(),
      {
        created: (client) => this.#created(client),
        opened: (client) => this.#opened(client),
        failed: (error) => this.#hostFailed(error),
      },
    );
    this.#status = new StatusReporter(
      () => this.#currentStatus(),
      () => [...this.#users.values()].map((user) => user.node),
    );
    this.#lifecycle = flowLifecycle(RED.events);
    this.#stopListening = this.#lifecycle.listen({
      stopping: () => this.client?.hold(),
      started: () => this.#flowsStarted(),
    });
  }

  get client(): SessionClient | undefined {
    return this.#host.client;
  }

  get clientId(): string | undefined {
    return this.#host.clientId;
  }

  get protocolVersion(): 3 | 4 | 5 {
    return this.#settings.connection.protocolVersion;
  }

  get isClean(): boolean {
    return this.#settings.connection.clean;
  }

  /** Given as localhost or 127.0.0.1. */
  get isLocal(): boolean {
    return this.#settings.isLocal;
  }

  // In and out nodes.

  register(user: SessionUser): void {
    this.#users.set(user.node.id, user);
    this.#host.start();
    if (this.client !== undefined) user.attach?.(this.client);
    if (this.client !== undefined && this.#isOpen) user.restore?.(this.client);
    this.#status.show(user.node);
  }

  /** The node closes. Its subscriptions stay: whether they are taken back is decided when the deploy is over. */
  deregister(user: SessionUser): void {
    const { id } = user.node;
    // A newer instance of the node may have registered already.
    if (this.#users.get(id) !== user) return;
    this.#users.delete(id);
    for (const filter of this.client?.filtersOf(id) ?? []) this.client?.unsubscribe(id, filter, { keep: true });
    user.node.status({ fill: 'red', shape: 'ring', text: 'node-red:common.status.disconnected' });
  }

  /** Users as Node-RED expects them at a config node: errors raised there reach the Catch nodes of each. */
  userNodes(): Record<string, Node> {
    return Object.fromEntries([...this.#users].map(([id, { node }]) => [id, node]));
  }

  /**
   * Stores a message. `done` is called exactly once: when the message is stored, or acknowledged, or with an error; also
   * when the broker node closes before the acknowledgement, because the message is safe then.
   */
  publish(message: Message, origin: MessageOrigin, until: 'stored' | 'acknowledged', done: (error?: Error) => void): void {
    const observer = until === 'stored' ? { stored: done, failed: done } : this.#pending.add(done);
    try {
      this.#host.publish(message, observer, origin);
    } catch (error) {
      observer.failed(error as Error);
      return;
    }
    this.#status.touch();
  }

  /** The client as soon as its session is open. @throws the error because of which it is not. */
  ready(): Promise<SessionClient> {
    return this.#host.ready();
  }

  // Connection.

  /**
   * The connect action. Resolves at CONNACK, or at once when the connection is there or being made already.
   * @param overrides Settings in place of the configured ones, until the node is deployed again; `force` allows that
   * while connected.
   * @throws SessionError `ERR_CONNECTED_ALREADY`, `ERR_DISCONNECTED`, or why the first attempt failed; attempts go on.
   */
  async connect(overrides?: Record<string, unknown>): Promise<void> {
    const connected = await this.#perform(async () => {
      const active = this.#wanted && this.#hasUsers;
      if (active && overrides === undefined) return undefined;
      if (active && overrides?.force !== true) throw this.#connectedAlready();
      if (overrides !== undefined) await this.#replaceSettings(overrides);
      this.#wanted = true;
      this.#wantedWithoutUsers = this.#users.size === 0;
      const connected = new Promise<void>((resolve, reject) => this.#waiters.push({ resolve, reject }));
      this.#host.start();
      const failure = this.#host.failure;
      if (failure !== undefined) this.#rejectWaiters(failure);
      return { connected };
    });
    if (connected === undefined) return;
    this.#align();
    await connected.connected;
  }

  /** The disconnect action: for all nodes, until the connect action or a deploy of the broker node. */
  async disconnect(): Promise<void> {
    this.#wanted = false;
    this.#wantedWithoutUsers = false;
    this.#rejectWaiters(new SessionError('ERR_DISCONNECTED', this.#translate('errors.disconnected')));
    await this.#align();
  }

  // Administration.

  whileClosed<T>(work: () => Promise<T>): Promise<T> {
    return this.#host.whileClosed(work);
  }

  /** @throws the error because of which the store cannot be used. */
  async adminContext(): Promise<AdminContext> {
    this.#host.start();
    if (this.#host.store === undefined) await this.#host.ready();
    const { store } = this.#host;
    if (store === undefined) throw this.#host.failure ?? new SessionError('ERR_STORE_CLOSED', 'The store is closed.');
    return { store, live: (clientId) => sessionClaims.find(store.path, clientId) };
  }

  /** Everything that was handed over is stored, `done` is called for it, and the session is closed. */
  async close(): Promise<void> {
    this.#stopListening();
    this.#rejectWaiters(new SessionError('ERR_DISCONNECTED', this.#translate('errors.closed')));
    this.#status.close();
    await this.#host.close();
    this.#pending.release();
    this.#logLimit.close();
  }

  // What the client tells.

  #created(client: SessionClient): void {
    this.#isOpen = false;
    if (!this.#lifecycle.running) client.hold();
    client.on('state', (state) => {
      if (state.kind === 'opening' && state.error !== undefined) this.#cannotOpen(state.error);
      this.#status.touch();
    });
    client.on('connected', () => this.#connected());
    client.on('disconnected', (end, wasUp) => this.#disconnected(end, wasUp));
    client.on('discarded', (discarded) => this.#discarded(discarded));
    client.on('subscription', (subscription) => this.#subscriptionAnswered(subscription));
    client.on('report', (report) => this.#report(report));
    client.on('notice', ({ level, text }) => this.#log(level, text));
    client.on('storeError', (error) => this.node.error(error, this.#errorMsg()));
    client.on('storeRecovered', () => this.#log('info', this.#translate('log.store-recovered')));
    for (const user of this.#users.values()) user.attach?.(client);
    this.#status.touch();
  }

  #opened(client: SessionClient): void {
    this.#isOpen = true;
    for (const user of this.#users.values()) user.restore?.(client);
    if (this.#lifecycle.running) this.#settle(client);
    this.#status.touch();
  }

  #flowsStarted(): void {
    this.#wantedWithoutUsers = false;
    if (this.client !== undefined && this.#isOpen) this.#settle(this.client);
    void this.#align();
  }

  /** All nodes are there: subscriptions are brought in line with them, and what was held is let through. */
  #settle(client: SessionClient): void {
    const { autoUnsubscribe } = this.#settings;
    const present = flowFileSubscribers(this.#lifecycle.nodes, this.node.id);
    if (autoUnsubscribe) {
      for (const { filter, users } of client.rememberedUsers()) {
        for (const id of users) if (!isPresent(id, present)) client.unsubscribe(id, filter);
      }
    }
    client.reconcile((subscription) => subscriptionFate(subscription, present, autoUnsubscribe));
    client.release();
    void this.#align();
  }

  get #hasUsers(): boolean {
    return this.#users.size > 0 || this.#wantedWithoutUsers;
  }

  /** Brings the connection in line with what is wanted; called after every change of that. */
  #align(): Promise<void> {
    return this.#perform(async () => {
      const { client } = this;
      if (client === undefined || !this.#isOpen) return;
      if (!this.#wanted) await client.disconnect();
      else if (!this.#lifecycle.running) return;
      else if (this.#hasUsers) client.connect();
      else await client.disconnect();
    });
  }

  #perform<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tasks.then(task);
    this.#tasks = result.catch(() => undefined);
    return result;
  }

  async #replaceSettings(overrides: Record<string, unknown>): Promise<void> {
    const { config, credentials } = withOverrides(this.config, this.#credentials, overrides);
    this.#settings = this.#settingsOf(config, credentials);
    const before = this.client;
    const remembered = [...this.#users.keys()].map((id) => ({ id, notes: before?.remembered(id) ?? [] }));
    await this.#host.replace(this.#hosted());
    if (this.client?.clientId === before?.clientId || before === undefined) return;
    // Another client id is another session; what nodes subscribed to at run time comes along.
    const client = await this.#host.ready();
    for (const { id, notes } of remembered) this.#users.get(id)?.adopt?.(client, notes);
  }
}
