import type { Node, NodeAPI } from 'node-red';
import type { AdminContext, LiveSession } from '../../src/admin/context';
import type { PastError } from '../../src/admin/recent-errors';
import type { SessionClient } from '../../src/client/session-client';
import { SessionError } from '../../src/errors';
import type { Message, MessageOrigin } from '../../src/session/message';
import { type FlowLifecycle, flowLifecycle } from '../shared/flow-lifecycle';
import { StatusReporter } from '../shared/status-reporter';
import { cleanUpUser, noticesTo, type StoreLog } from '../shared/store-clean-up';
import type { StoreSettings } from '../shared/store-settings';
import { runtimeTexts, type Translate } from '../shared/texts';
import { adminContext } from './admin-context';
import { BrokerConfiguration } from './broker-configuration';
import { brokerStatus } from './broker-status';
import { clearAtBroker } from './clear-at-broker';
import { ConnectionControl } from './connection-control';
import { PENDING_MAX, PendingPublishes } from './pending-publishes';
import { flowFileSubscribers, settleSubscriptions } from './reconcile';
import { assignSession } from './session-assignments';
import { SessionHost, sessionClaims } from './session-host';
import { SessionReporter } from './session-reporter';
import { type SessionUser, SessionUsers } from './session-users';
import type { BrokerConfig, BrokerSettings } from './settings';

export interface BrokerParts {
  store: StoreSettings;
  /** Told of what happens in the store. */
  storeLog: StoreLog;
  addTLSOptions: ((options: Record<string, unknown>) => void) | undefined;
}

/** The session of a broker node: what its in, out and admin nodes work with. */
export class Broker implements LiveSession {
  /** Also what connect actions changed of it. */
  readonly configuration: BrokerConfiguration;
  readonly #users = new SessionUsers();
  readonly #host: SessionHost;
  readonly #connection: ConnectionControl;
  readonly #lifecycle: FlowLifecycle;
  readonly #stopListening: () => void;
  readonly #endAssignment: () => void;
  readonly #status: StatusReporter;
  readonly #translate: Translate;
  readonly #reporter: SessionReporter;
  readonly #pending = new PendingPublishes();
  readonly #clientListeners: ((client: SessionClient) => void)[] = [];
  #messagesAreDeleted = false;

  constructor(
    RED: NodeAPI,
    private readonly node: Node,
    config: BrokerConfig,
    private readonly parts: BrokerParts,
  ) {
    this.#translate = runtimeTexts(RED._);
    this.#reporter = new SessionReporter(RED, node, this.#translate);
    this.configuration = new BrokerConfiguration(RED, node, config, {
      storeExpiry: parts.store.expiry,
      ...(parts.addTLSOptions === undefined ? {} : { addTLSOptions: parts.addTLSOptions }),
    });
    this.#connection = new ConnectionControl(this.settings.autoConnect, {
      openClient: () => this.#host.openClient,
      isRunning: () => this.#lifecycle.running,
      hasUsers: () => !this.#users.isEmpty,
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
      this.configuration.hosted(),
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
      brokerStatus(
        {
          client: () => this.client,
          failure: () => this.#host.failure,
          protocolVersion: () => this.protocolVersion,
        },
        this.#translate,
      ),
      () => this.#users.nodes(),
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

  get settings(): BrokerSettings {
    return this.configuration.settings;
  }

  get protocolVersion(): 3 | 4 | 5 {
    return this.settings.connection.protocolVersion;
  }

  /** There is no connection, but one is wanted: also while the session is being opened, or the flows start. */
  get isConnecting(): boolean {
    return this.#connection.isActive && this.client?.connected !== true;
  }

  /** Nodes that close may come back, or the configuration says that what they subscribed to stays. */
  get keepsSubscriptions(): boolean {
    return !this.#lifecycle.running || !this.settings.autoUnsubscribe;
  }

  get isClean(): boolean {
    return this.settings.connection.clean;
  }

  /** Given as localhost or 127.0.0.1. */
  get isLocal(): boolean {
    return this.settings.isLocal;
  }

  /** `listener` gets every session client as soon as it is made. */
  onClient(listener: (client: SessionClient) => void): void {
    this.#clientListeners.push(listener);
    if (this.client !== undefined) listener(this.client);
  }

  // In and out nodes.

  register(user: SessionUser): void {
    this.#users.add(user);
    this.#host.start();
    const { client, openClient } = this.#host;
    if (client !== undefined) user.attach?.(client);
    if (openClient !== undefined) user.restore?.(openClient);
    this.#status.show(user.node);
  }

  /** The node closes. Its subscriptions stay: whether they are taken back is decided when the deploy is over. */
  deregister(user: SessionUser): void {
    if (!this.#users.remove(user)) return;
    this.client?.leave(user.node.id);
    user.node.status({ fill: 'red', shape: 'ring', text: 'node-red:common.status.disconnected' });
  }

  /** Users as Node-RED expects them at a config node: errors raised there reach the Catch nodes of each. */
  userNodes(): Record<string, Node> {
    return Object.fromEntries(this.#users.nodes().map((node) => [node.id, node]));
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
      if (overrides !== undefined) this.configuration.override(overrides);
      // The session of another client id is another one: what was subscribed at run time stays with the first.
      const changed = this.configuration.takeChange();
      if (changed !== undefined) await this.#host.replace(changed);
      this.#host.start();
      return true;
    });
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

  recentErrors(): PastError[] {
    return this.#reporter.recentErrors.list();
  }

  clearAtBroker(clientId: string): Promise<void> {
    return clearAtBroker({ ...this.settings.connection, clientId });
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
    if (!this.#lifecycle.running) client.hold();
    this.#reporter.attach(client, this.configuration.address(this.clientId));
    client.on('state', (state) => {
      if (state.kind === 'opening' && state.error !== undefined) this.#cannotOpen(state.error);
      this.#status.touch();
    });
    client.on('connected', () => this.#connection.connected());
    client.on('disconnected', ({ kind, error }, wasUp) => {
      if (!wasUp && kind !== 'ended' && error !== undefined) this.#connection.attemptFailed(error);
    });
    for (const listener of this.#clientListeners) listener(client);
    this.#users.attach(client);
    this.#status.touch();
  }

  #opened(client: SessionClient): void {
    this.#users.restore(client);
    if (this.#lifecycle.running) this.#settle(client);
    this.#status.touch();
  }

  #closed(): void {
    if (this.#messagesAreDeleted) {
      this.#pending.release(new SessionError('ERR_MESSAGE_DISCARDED', this.#translate('errors.session-deleted')));
    } else {
      this.#pending.release();
    }
  }

  #flowsStarted(): void {
    const { openClient } = this.#host;
    if (openClient !== undefined) this.#settle(openClient);
    void this.#connection.flowsStarted();
  }

  /** All nodes are there: subscriptions are brought in line with them, and what was held is let through. */
  #settle(client: SessionClient): void {
    const present = flowFileSubscribers(this.#lifecycle.nodes, this.node.id);
    settleSubscriptions(client, present, this.#users.ids, this.settings.autoUnsubscribe);
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
}
