import type { Node, NodeAPI } from 'node-red';
import type { AdminContext, LiveSession } from '../../src/admin/context';
import { rememberedUsers } from '../../src/client/remembered-users';
import type { SessionClient } from '../../src/client/session-client';
import { TopicAliasWishes } from '../../src/connection/topic-alias-wishes';
import { SessionError } from '../../src/errors';
import type { Message, MessageOrigin } from '../../src/session/message';
import { DrainMeter } from '../shared/drain-meter';
import { type FlowLifecycle, flowLifecycle } from '../shared/flow-lifecycle';
import { type SessionStatus, sessionStatus } from '../shared/status';
import { StatusReporter } from '../shared/status-reporter';
import { cleanUpUser, noticesTo, type StoreLog } from '../shared/store-clean-up';
import type { StoreSettings } from '../shared/store-settings';
import { runtimeTexts, type Translate } from '../shared/texts';
import { adminContext } from './admin-context';
import { clearAtBroker } from './clear-at-broker';
import { ConnectionControl } from './connection-control';
import { PENDING_MAX, PendingPublishes } from './pending-publishes';
import { flowFileSubscribers, isPresent, subscriptionFate } from './reconcile';
import { assignSession } from './session-assignments';
import { type HostedSession, SessionHost, sessionClaims } from './session-host';
import { SessionReporter } from './session-reporter';
import {
  type BrokerConfig,
  type BrokerCredentials,
  type BrokerSettings,
  brokerSettings,
  withOverrides,
} from './settings';

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
  /** Told of what happens in the store. */
  storeLog: StoreLog;
  addTLSOptions: ((options: Record<string, unknown>) => void) | undefined;
}

const DEFAULT_MAX_RECONNECT_DELAY_MS = 30_000;

/** The session of a broker node: what its in, out and admin nodes work with. */
export class Broker implements LiveSession {
  readonly #users = new Map<string, SessionUser>();
  readonly #host: SessionHost;
  readonly #connection: ConnectionControl;
  readonly #lifecycle: FlowLifecycle;
  readonly #stopListening: () => void;
  readonly #endAssignment: () => void;
  readonly #status: StatusReporter;
  readonly #drain = new DrainMeter();
  readonly #translate: Translate;
  readonly #reporter: SessionReporter;
  readonly #pending = new PendingPublishes();
  readonly #clientListeners: ((client: SessionClient) => void)[] = [];
  /** Topic aliases that flows ask for. */
  readonly topicAliases = new TopicAliasWishes();
  #config: BrokerConfig;
  #settings: BrokerSettings;
  /** The session client was made with other settings. */
  #isChanged = false;
  #isOpen = false;
  #messagesAreDeleted = false;

  constructor(
    private readonly RED: NodeAPI,
    private readonly node: Node,
    config: BrokerConfig,
    private readonly parts: BrokerParts,
  ) {
    this.#translate = runtimeTexts(RED._);
    this.#reporter = new SessionReporter(RED, node, this.#translate);
    this.#config = config;
    this.#settings = this.#settingsOf(config, this.#credentials);
    this.#connection = new ConnectionControl(this.#settings.autoConnect, {
      openClient: () => (this.#isOpen ? this.client : undefined),
      isRunning: () => this.#lifecycle.running,
      hasUsers: () => this.#users.size > 0,
      failure: () => this.#host.failure,
      failed: (error) => this.#reporter.failed(error),
    });
    this.#host = new SessionHost(
      {
        ownerId: node.id,
        ownerName: node.name || node.id,
        store: parts.store,
        live: this,
        onNotice: noticesTo(parts.storeLog),
        cleanUp: cleanUpUser(
          parts.store,
          (clientId) => sessionClaims.has(parts.store.path, clientId),
          parts.storeLog,
          this.#translate,
        ),
      },
      this.#hosted(),
      {
        created: (client) => this.#created(client),
        opened: (client) => this.#opened(client),
        closed: () => this.#closed(),
        failed: (error) => this.#hostFailed(error),
      },
    );
    this.#endAssignment = assignSession({
      storePath: parts.store.path,
      nodeId: node.id,
      clientId: () => this.clientId,
    });
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

  /** The configuration, with what connect actions changed. */
  get config(): BrokerConfig {
    return this.#config;
  }

  get settings(): BrokerSettings {
    return this.#settings;
  }

  /** There is no connection, but one is wanted: also while the session is being opened, or the flows start. */
  get isConnecting(): boolean {
    return this.#connection.isActive && this.client?.connected !== true;
  }

  /** Nodes that close may come back, or the configuration says that what they subscribed to stays. */
  get keepsSubscriptions(): boolean {
    return !this.#lifecycle.running || !this.#settings.autoUnsubscribe;
  }

  get isClean(): boolean {
    return this.#settings.connection.clean;
  }

  /** Given as localhost or 127.0.0.1. */
  get isLocal(): boolean {
    return this.#settings.isLocal;
  }

  /** `listener` gets every session client as soon as it is made. */
  onClient(listener: (client: SessionClient) => void): void {
    this.#clientListeners.push(listener);
    if (this.client !== undefined) listener(this.client);
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
    this.client?.leave(id);
    user.node.status({ fill: 'red', shape: 'ring', text: 'node-red:common.status.disconnected' });
  }

  /** Users as Node-RED expects them at a config node: errors raised there reach the Catch nodes of each. */
  userNodes(): Record<string, Node> {
    return Object.fromEntries([...this.#users].map(([id, { node }]) => [id, node]));
  }

  /**
   * Stores a message. `done` is called exactly once: when the message is stored, or acknowledged, or with an error; also
   * when the broker node closes before the acknowledgement, or too many wait for theirs, because the message is safe
   * then. What becomes of it afterwards is told as an error of the node, if it fails.
   */
  publish(
    message: Message,
    origin: MessageOrigin,
    until: 'stored' | 'acknowledged',
    done: (error?: Error) => void,
  ): void {
    const isFull = until === 'acknowledged' && this.#pending.isFull;
    if (isFull) this.#reporter.tooManyPending(PENDING_MAX);
    const observer =
      until === 'stored' || isFull ? { stored: done, failed: done } : this.#pending.add(message.payload.length, done);
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
  connect(overrides?: Record<string, unknown>): Promise<void> {
    return this.#connection.connect(async (isActive) => {
      if (isActive && overrides === undefined) return false;
      if (isActive && overrides?.force !== true) throw this.#connectedAlready();
      if (overrides !== undefined) this.setOptions(overrides);
      // The session of another client id is another one: what was subscribed at run time stays with the first.
      if (this.#isChanged) await this.#host.replace(this.#hosted());
      this.#isChanged = false;
      this.#host.start();
      return true;
    });
  }

  /** Settings in place of the present ones, until the node is deployed again; they count from the next connect on. */
  setOptions(overrides: Record<string, unknown>): void {
    const { config, credentials } = withOverrides(this.#config, this.#credentials, overrides);
    this.#config = config;
    this.#settings = this.#settingsOf(config, credentials);
    this.#isChanged = true;
  }

  /**
   * The disconnect action: for all nodes, until the connect action or a deploy of the broker node. `force`: without
   * DISCONNECT, so that the broker publishes the will message.
   */
  disconnect({ force = false } = {}): Promise<void> {
    const reason = new SessionError('ERR_DISCONNECTED', this.#translate('errors.disconnected'));
    return this.#connection.disconnect(reason, { force });
  }

  /** Without users there is no connection. */
  alignConnection(): Promise<void> {
    return this.#connection.align();
  }

  // Administration.

  clearAtBroker(clientId: string): Promise<void> {
    return clearAtBroker({ ...this.#settings.connection, clientId });
  }

  async whileClosed<T>(work: () => Promise<T>, { deletesMessages = false } = {}): Promise<T> {
    this.#messagesAreDeleted = deletesMessages;
    try {
      return await this.#host.whileClosed(work);
    } finally {
      this.#messagesAreDeleted = false;
    }
  }

  /** @throws the error because of which the store cannot be used. */
  async adminContext(): Promise<AdminContext> {
    this.#host.start();
    if (this.#host.store === undefined) await this.#host.ready();
    const { store } = this.#host;
    if (store === undefined) throw this.#host.failure ?? new SessionError('ERR_STORE_CLOSED', 'The store is closed.');
    return adminContext(store, this.parts.store);
  }

  /** Everything that was handed over is stored, `done` is called for it, and the session is closed. */
  async close(): Promise<void> {
    this.#stopListening();
    this.#connection.attemptFailed(new SessionError('ERR_DISCONNECTED', this.#translate('errors.closed')));
    this.#status.close();
    await this.#host.close();
    this.#endAssignment();
    this.#reporter.close();
  }

  #created(client: SessionClient): void {
    this.#isOpen = false;
    if (!this.#lifecycle.running) client.hold();
    this.#reporter.attach(client, this.#address);
    client.on('state', (state) => {
      if (state.kind === 'opening' && state.error !== undefined) this.#cannotOpen(state.error);
      this.#status.touch();
    });
    client.on('connected', () => this.#connection.connected());
    client.on('disconnected', ({ kind, error }, wasUp) => {
      if (!wasUp && kind !== 'ended' && error !== undefined) this.#connection.attemptFailed(error);
    });
    for (const listener of this.#clientListeners) listener(client);
    for (const user of this.#users.values()) user.attach?.(client);
    this.#status.touch();
  }

  #opened(client: SessionClient): void {
    this.#isOpen = true;
    for (const user of this.#users.values()) user.restore?.(client);
    if (this.#lifecycle.running) this.#settle(client);
    this.#status.touch();
  }

  #closed(): void {
    this.#isOpen = false;
    if (this.#messagesAreDeleted) {
      this.#pending.release(new SessionError('ERR_MESSAGE_DISCARDED', this.#translate('errors.session-deleted')));
    } else {
      this.#pending.release();
    }
  }

  #flowsStarted(): void {
    if (this.client !== undefined && this.#isOpen) this.#settle(this.client);
    void this.#connection.flowsStarted();
  }

  /** All nodes are there: subscriptions are brought in line with them, and what was held is let through. */
  #settle(client: SessionClient): void {
    const { autoUnsubscribe } = this.#settings;
    const present = flowFileSubscribers(this.#lifecycle.nodes, this.node.id);
    for (const subscription of autoUnsubscribe ? client.subscriptions() : []) {
      for (const id of rememberedUsers(subscription).keys()) {
        if (!isPresent(id, present)) client.unsubscribe(id, subscription.filter);
      }
    }
    client.reconcile((subscription) => {
      const fate = subscriptionFate(subscription, present, autoUnsubscribe);
      // Without any user there will be no connection, and the session collects messages at the broker.
      return fate === 'deactivate' && this.#users.size === 0 ? 'keep' : fate;
    });
    client.release();
    void this.#connection.align();
  }

  /** The client goes on trying. */
  #cannotOpen(error: Error): void {
    this.#host.cannotOpen(error);
    this.#connection.attemptFailed(error);
  }

  /** No store or no client id; the host goes on trying. */
  #hostFailed(error: Error | undefined): void {
    if (error !== undefined) {
      this.#connection.attemptFailed(error);
      this.#reporter.failed(error);
    }
    this.#status.touch();
  }

  #connectedAlready(): SessionError {
    return new SessionError('ERR_CONNECTED_ALREADY', this.#translate('errors.connected-already'));
  }

  /** Longest pause between two attempts to connect. */
  get maxReconnectDelayMs(): number {
    const configured = Number((this.RED.settings as { mqttReconnectTime?: unknown }).mqttReconnectTime);
    return Math.max(DEFAULT_MAX_RECONNECT_DELAY_MS, configured || 0);
  }

  get #address(): string {
    const { url } = this.#settings.connection;
    return `${this.clientId}@${url.replace(/\/\/[^/]*@/, '//')}`;
  }

  get #credentials(): BrokerCredentials {
    return (this.node.credentials as BrokerCredentials | undefined) ?? {};
  }

  #settingsOf(config: BrokerConfig, credentials: BrokerCredentials): BrokerSettings {
    const { store, addTLSOptions } = this.parts;
    return brokerSettings(config, credentials, {
      storeExpiry: store.expiry,
      proxyOptions: (this.RED.settings as { proxyOptions?: unknown }).proxyOptions,
      ...(addTLSOptions === undefined ? {} : { addTLSOptions }),
    });
  }

  #hosted(): HostedSession {
    const { clientId, connection, birth, close, expiryInterval, onSessionLost } = this.#settings;
    const { maxInflight, brokerReceiveMaximum, maxSendRate } = this.#settings;
    return {
      clientId,
      connection: { ...connection, topicAliases: this.topicAliases },
      expiryInterval,
      onSessionLost,
      maxReconnectDelayMs: this.maxReconnectDelayMs,
      ...(birth === undefined ? {} : { birth }),
      ...(close === undefined ? {} : { close }),
      ...(maxInflight === undefined ? {} : { maxInflight }),
      ...(brokerReceiveMaximum === undefined ? {} : { brokerReceiveMaximum }),
      ...(maxSendRate === undefined ? {} : { maxSendRate }),
    };
  }

  #currentStatus(): SessionStatus {
    const { client } = this;
    const { count: stored } = client?.stored ?? { count: 0 };
    const waiting = client?.connected ? stored - client.inflight : undefined;
    const draining = this.#drain.observe(waiting, client?.statistics().messagesSent ?? 0, performance.now());
    const facts = {
      state: client?.state,
      failure: this.#host.failure,
      stored,
      paused: client?.paused ?? false,
      draining,
      protocolVersion: this.protocolVersion,
    };
    return sessionStatus(facts, this.#translate);
  }
}
