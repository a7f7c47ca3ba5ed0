import type { Node, NodeAPI } from 'node-red';
import type { SessionClient } from '../../src/client/session-client';
import { UserCalls } from '../../src/client/user-calls';
import type { SubscriptionRequest } from '../../src/session/subscriptions';
import { isRecord } from '../shared/config-values';
import { prepareMessage } from '../shared/publish-message';
import type { Broker } from './broker';
import { CoreClient, filterRequest, type ReceivedPacket, receivedPacket } from './core-client';
import type { SessionUser } from './session-users';

type Done = (error?: Error) => void;
type CoreHandler = (topic: string, payload: Buffer, packet: ReceivedPacket) => void;

/** One `subscribe` of another package. */
interface CoreSubscription {
  subscriber: string;
  request: Omit<SubscriptionRequest, 'users'>;
  handler: CoreHandler;
}

/** Node-RED's own broker node subscribes with it where nothing is said. */
const DEFAULT_QOS = 1;

/**
 * What other packages find at a broker node: the properties and methods that Node-RED's own `mqtt-broker` has for them,
 * with the same names and signatures, working on the session. Callbacks that throw disturb nobody.
 */
export class CoreFace {
  readonly client: CoreClient;
  readonly #users = new Map<string, SessionUser>();
  readonly #subscriptions = new Map<string, CoreSubscription>();
  readonly #calls: UserCalls;

  constructor(
    private readonly RED: NodeAPI,
    private readonly node: Node,
    private readonly broker: Broker,
  ) {
    this.#calls = new UserCalls((error) => node.error(error));
    this.client = new CoreClient(broker, node.id, {
      publish: (msg, done) => this.#publish(msg, done),
      connect: () => broker.connect(),
      disconnect: (force) => broker.disconnect({ force }),
      options: () => this.#options(),
      failed: (error) => node.error(error),
    });
    broker.onClient((client) => this.#attach(client));
  }

  /** Puts the members on the node. */
  attach(): void {
    const { broker } = this;
    const properties: Record<string, () => unknown> = {
      broker: () => broker.configuration.config.broker,
      port: () => broker.configuration.config.port,
      brokerurl: () => broker.settings.connection.url,
      clientid: () => broker.clientId,
      options: () => this.#options(),
      connected: () => broker.client?.connected ?? false,
      connecting: () => broker.isConnecting,
      client: () => this.client,
    };
    for (const [name, get] of Object.entries(properties)) {
      // Not enumerable: nobody is to print or clone what is behind them.
      Object.defineProperty(this.node, name, { get, set: () => undefined, configurable: true });
    }
    const methods: Record<string, (...values: never[]) => unknown> = {
      register: (node: Node) => this.#register(node),
      deregister: (node: Node, done?: Done, autoDisconnect?: boolean) => this.#deregister(node, done, autoDisconnect),
      subscribe: (topic: unknown, options?: unknown, handler?: CoreHandler, ref?: unknown) =>
        this.#subscribe(topic, options, handler, ref),
      unsubscribe: (topic: unknown, ref?: unknown, remove?: boolean) => this.#unsubscribe(topic, ref, remove),
      publish: (msg: Record<string, unknown>, done?: Done) => this.#publish(msg, done),
      connect: (callback?: Done) => this.#connect(callback),
      disconnect: (callback?: Done) => this.#disconnect(callback),
      setOptions: (options: unknown) => this.#setOptions(options),
      canConnect: () => !(broker.client?.connected ?? false) && !broker.isConnecting,
      v5: () => broker.protocolVersion === 5,
    };
    for (const [name, value] of Object.entries(methods)) {
      Object.defineProperty(this.node, name, { value, writable: true, configurable: true });
    }
  }

  /** The options of MQTT.js, as far as others read them: a copy. They are changed by `setOptions`. */
  #options(): Record<string, unknown> {
    const { clientId = this.broker.clientId, connection } = this.broker.settings;
    const { protocolVersion, clean, keepalive, username, password, will, properties, transport } = connection;
    return {
      username,
      password,
      keepalive,
      clean,
      clientId,
      reconnectPeriod: this.broker.configuration.maxReconnectDelayMs,
      protocolVersion,
      ...(protocolVersion === 3 && { protocolId: 'MQIsdp' }),
      ...(will !== undefined && { will }),
      ...(properties !== undefined && { properties: { ...properties } }),
      ...transport,
    };
  }

  #attach(client: SessionClient): void {
    this.client.attach(client);
    for (const subscription of this.#subscriptions.values()) this.#apply(client, subscription);
  }

  #register(node: Node): void {
    const user: SessionUser = { node };
    this.#users.set(node.id, user);
    this.broker.register(user);
  }

  /** `autoDisconnect`: disconnect when it was the last one. During a deploy its end decides. */
  #deregister(node: Node, done?: Done, autoDisconnect = false): void {
    const user = this.#users.get(node.id);
    if (user?.node === node) {
      this.#users.delete(node.id);
      for (const [key, { subscriber }] of this.#subscriptions)
        if (subscriber === node.id) this.#subscriptions.delete(key);
      this.broker.deregister(user);
    }
    const settled = autoDisconnect ? this.broker.alignConnection() : Promise.resolve();
    void settled.then(() => this.#call(done));
  }

  /** As `mqtt-broker` has it: (topic, options or QoS, handler, ref), or one object with these. */
  #subscribe(topic: unknown, options: unknown, handler: CoreHandler | undefined, ref: unknown): void {
    if (isRecord(topic)) {
      this.#subscribe(topic.topic, topic.options, topic.callback as CoreHandler | undefined, topic.ref);
      return;
    }
    const filter = String(topic);
    const settings = isRecord(options) ? options : { qos: options };
    const subscription: CoreSubscription = {
      subscriber: subscriberOf(ref),
      request: filterRequest(filter, settings, DEFAULT_QOS),
      handler: handler ?? (() => undefined),
    };
    this.#subscriptions.set(keyOf(subscription.subscriber, filter), subscription);
    if (this.broker.client !== undefined) this.#apply(this.broker.client, subscription);
  }

  #apply(client: SessionClient, { subscriber, request, handler }: CoreSubscription): void {
    try {
      client.subscribe(subscriber, request, (message) => {
        const { topic, payload } = message;
        this.#calls.run(() => handler(topic, payload, receivedPacket(message)));
      });
    } catch (error) {
      this.#subscriptions.delete(keyOf(subscriber, request.filter));
      this.node.error(error, { topic: request.filter });
    }
  }

  /** Without `remove`, while a deploy is under way, the node may come back: what becomes of it is decided at its end. */
  #unsubscribe(topic: unknown, ref: unknown, remove = false): void {
    const subscriber = subscriberOf(ref);
    const filter = String(topic);
    this.#subscriptions.delete(keyOf(subscriber, filter));
    this.broker.client?.unsubscribe(subscriber, filter, { keep: !remove && this.broker.keepsSubscriptions });
  }

  #publish(msg: Record<string, unknown>, done?: Done): void {
    const finish = (error?: Error) => {
      if (done !== undefined) this.#calls.run(() => done(error));
      else if (error !== undefined) this.node.error(error, msg);
    };
    try {
      if (msg.payload === undefined) msg.payload = '';
      const prepared = prepareMessage(msg, {}, this.broker.protocolVersion);
      if (prepared === undefined) return;
      const { message, payload, topicAlias } = prepared;
      msg.payload = payload;
      if (topicAlias !== undefined) this.broker.configuration.topicAliases.wish(message.topic, topicAlias);
      const messageId = typeof msg._msgid === 'string' ? msg._msgid : this.RED.util.generateId();
      this.broker.publish(message, { node: this.node.id, messageId }, 'stored', finish);
    } catch (error) {
      finish(error as Error);
    }
  }

  /** `callback` is called at the first CONNACK. Attempts that fail are reported by the broker node, and go on. */
  #connect(callback?: Done): void {
    this.broker.connect().then(
      () => this.#call(callback),
      () => this.client.once('connect', () => this.#call(callback)),
    );
  }

  #disconnect(callback?: Done): void {
    this.broker.disconnect().then(
      () => this.#call(callback),
      (error: Error) => this.node.error(error),
    );
  }

  /** They count from the next connect on. */
  #setOptions(options: unknown): void {
    if (isRecord(options)) this.broker.configuration.override(options);
  }

  #call(callback: Done | undefined): void {
    if (typeof callback === 'function') this.#calls.run(() => callback());
  }
}

function subscriberOf(ref: unknown): string {
  return String(ref || 0);
}

function keyOf(subscriber: string, filter: string): string {
  return `${subscriber}\0${filter}`;
}
