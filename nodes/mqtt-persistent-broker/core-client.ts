import { EventEmitter } from 'node:events';
import type { SessionClient } from '../../src/client/session-client';
import { assertTopicFilter } from '../../src/client/topics';
import { UserCalls } from '../../src/client/user-calls';
import type { ConnackDetails, ConnectionEnd } from '../../src/connection/types';
import type { ConnectionLimits } from '../../src/session/packets';
import type { Subscription } from '../../src/session/state';
import type { SubscriptionRequest } from '../../src/session/subscriptions';
import { booleanOf, isRecord, qosOf } from '../shared/config-values';
import { retainHandlingOf } from '../shared/subscribe-action';
import type { Broker } from './broker';

/** A received message, in the shape in which MQTT.js hands packets out. */
export interface ReceivedPacket {
  cmd: 'publish';
  topic: string;
  payload: Buffer;
  qos: 0 | 1 | 2;
  retain: boolean;
  dup: boolean;
  properties?: Record<string, unknown>;
}

type Callback = (...values: unknown[]) => void;
type FilterRequest = Omit<SubscriptionRequest, 'users'>;

interface PublishOptions {
  qos?: unknown;
  retain?: unknown;
  properties?: Record<string, unknown>;
}

/** What the client passes on to. */
export interface CoreClientActions {
  publish(msg: Record<string, unknown>, done: (error?: Error) => void): void;
  connect(): Promise<void>;
  disconnect(force: boolean): Promise<void>;
  options(): Record<string, unknown>;
  failed(error: Error): void;
}

/** Granted QoS of a refused subscription, in both versions of MQTT. */
const REFUSED = 0x80;

/**
 * What other packages find as `client` at a broker node: the part of MQTT.js' client that they use. It lives as long as
 * the node, while connections behind it, and sessions, come and go. Messages published through it are as durable as those
 * of out nodes, subscriptions are part of the session; listeners and callbacks that throw disturb nobody.
 */
export class CoreClient extends EventEmitter {
  readonly #calls: UserCalls;
  /** Filters subscribed through it, for the next session client. */
  readonly #filters = new Map<string, FilterRequest>();
  readonly #waiting = new Set<{ filter: string; answered: (granted: number) => void }>();
  readonly #subscriber: string;
  #client: SessionClient | undefined;
  #attempts = 0;
  #isEnded = false;
  /** There was a connection, or an attempt, of which the end was not told yet. */
  #isActive = false;

  constructor(
    private readonly broker: Broker,
    nodeId: string,
    private readonly actions: CoreClientActions,
  ) {
    super();
    this.setMaxListeners(0);
    this.#subscriber = `client of ${nodeId}`;
    this.#calls = new UserCalls((error) => actions.failed(error));
  }

  get connected(): boolean {
    return this.#client?.connected ?? false;
  }

  get reconnecting(): boolean {
    return this.broker.isConnecting && this.#attempts > 1;
  }

  get disconnecting(): boolean {
    return this.#isEnded;
  }

  get options(): Record<string, unknown> {
    return this.actions.options();
  }

  /** The session client behind it, from when it is made. */
  attach(client: SessionClient): void {
    this.#client = client;
    this.#attempts = 0;
    client.on('connected', (limits, connack) => this.#connected(limits, connack));
    client.on('disconnected', (end, wasUp) => this.#disconnected(end, wasUp));
    client.on('subscription', (subscription) => this.#answered(subscription));
    client.on('message', ({ topic, payload, qos, retain, dup, properties }) => {
      if (this.listenerCount('message') === 0) return;
      const packet = receivedPacket({ topic, payload, qos, retain, dup, properties });
      this.#tell('message', topic, payload, packet);
    });
    client.on('state', (state) => {
      if (state.kind === 'closed') this.#tellEnd();
      if (state.kind !== 'open' || state.link.kind !== 'connecting') return;
      this.#isEnded = false;
      this.#isActive = true;
      this.#attempts += 1;
      if (this.#attempts > 1) this.#tell('reconnect');
    });
    for (const request of this.#filters.values()) this.#subscribe(client, request);
  }

  /** `callback` is called when the message is stored. */
  publish(topic: unknown, payload: unknown, options?: unknown, callback?: unknown): this {
    const [settings, done] = optional(options, callback);
    const { qos, retain, properties } = settings as PublishOptions;
    const msg: Record<string, unknown> = { ...properties, topic, payload, qos, retain };
    this.actions.publish(msg, (error) => {
      if (done !== undefined) this.#calls.run(() => done(error));
      else if (error !== undefined) this.actions.failed(error);
    });
    return this;
  }

  /** `callback` is called when the broker has answered, or the filter cannot be subscribed to. */
  subscribe(topics: unknown, options?: unknown, callback?: unknown): this {
    const [settings, done] = optional(options, callback);
    const requests = filterRequests(topics, settings);
    const granted: { topic: string; qos: number }[] = [];
    const answered = (filter: string, qos: number) => {
      granted.push({ topic: filter, qos });
      if (granted.length === requests.length) this.#call(done, null, granted);
    };
    if (requests.length === 0) this.#call(done, null, granted);
    try {
      for (const { filter } of requests) assertTopicFilter(filter);
      for (const request of requests) {
        const { filter } = request;
        this.#filters.set(filter, request);
        const client = this.#client;
        if (client !== undefined) this.#subscribe(client, request);
        const present = client?.subscriptions().find((subscription) => subscription.filter === filter);
        if (present?.state === 'active') answered(filter, present.qos);
        else if (done !== undefined) this.#waiting.add({ filter, answered: (qos) => answered(filter, qos) });
      }
    } catch (error) {
      if (done === undefined) this.actions.failed(error as Error);
      else this.#call(done, error);
    }
    return this;
  }

  /** `callback` is called when the session knows. */
  unsubscribe(topics: unknown, options?: unknown, callback?: unknown): this {
    const [, done] = optional(options, callback);
    for (const filter of Array.isArray(topics) ? topics : [topics]) {
      this.#filters.delete(String(filter));
      for (const waiting of [...this.#waiting]) if (waiting.filter === filter) this.#waiting.delete(waiting);
      this.#client?.unsubscribe(this.#subscriber, String(filter));
    }
    this.#call(done, null);
    return this;
  }

  /**
   * Disconnects, for all that use the broker node, until it is connected again. With `force` the connection is dropped
   * without a DISCONNECT, so that the broker publishes the will message.
   */
  end(force?: unknown, options?: unknown, callback?: unknown): this {
    const done = [force, options, callback].find((argument) => typeof argument === 'function') as Callback | undefined;
    this.#isEnded = true;
    this.#isActive = true;
    this.actions.disconnect(force === true).then(
      () => {
        this.#tellEnd();
        this.#call(done);
      },
      (error: Error) => this.actions.failed(error),
    );
    return this;
  }

  reconnect(): this {
    // Why it does not connect is told by events, and by the broker node.
    this.actions.connect().catch(() => undefined);
    return this;
  }

  #subscribe(client: SessionClient, request: FilterRequest): void {
    // What comes is told by the event `message`, as all that comes is.
    client.subscribe(this.#subscriber, request, () => undefined);
  }

  #connected({ sessionPresent }: ConnectionLimits, { properties }: ConnackDetails): void {
    const connack = { cmd: 'connack', returnCode: 0, reasonCode: 0, sessionPresent: sessionPresent ?? false };
    this.#tell('connect', properties === undefined ? connack : { ...connack, properties });
  }

  #disconnected({ kind, error, reasonCode, reasonString }: ConnectionEnd, wasUp: boolean): void {
    if (kind === 'server-disconnect') {
      const properties = reasonString === undefined ? {} : { properties: { reasonString } };
      this.#tell('disconnect', { cmd: 'disconnect', reasonCode, ...properties });
    }
    // Without a listener this event would be thrown; the broker node has reported it in any case.
    if (!wasUp && kind !== 'ended' && this.listenerCount('error') > 0) this.#tell('error', error);
    // By whoever disconnected: nobody connects again.
    if (!this.broker.isConnecting) this.#isEnded = true;
    this.#tell('close');
    if (this.#isEnded) this.#tellEnd();
    else this.#tell('offline');
  }

  /** Once after each time that there was a connection or an attempt. */
  #tellEnd(): void {
    if (!this.#isActive) return;
    this.#isActive = false;
    this.#tell('end');
  }

  #answered({ filter, state, qos, refusedWith }: Subscription): void {
    if (state !== 'active' && refusedWith === undefined) return;
    for (const waiting of [...this.#waiting]) {
      if (waiting.filter !== filter) continue;
      this.#waiting.delete(waiting);
      waiting.answered(refusedWith === undefined ? qos : REFUSED);
    }
  }

  #tell(event: string, ...values: unknown[]): void {
    for (const listener of this.rawListeners(event)) this.#calls.run(() => Reflect.apply(listener, this, values));
  }

  #call(callback: Callback | undefined, ...values: unknown[]): void {
    if (callback !== undefined) this.#calls.run(() => callback(...values));
  }
}

export function receivedPacket({
  topic,
  payload,
  qos,
  retain,
  dup,
  properties,
}: Omit<ReceivedPacket, 'cmd' | 'properties'> & { properties?: object | undefined }): ReceivedPacket {
  const packet: ReceivedPacket = { cmd: 'publish', topic, payload, qos, retain, dup };
  return properties === undefined ? packet : { ...packet, properties: { ...properties } };
}

/** Options may be left out before a callback. */
function optional(options: unknown, callback: unknown): [Record<string, unknown>, Callback | undefined] {
  const done = typeof options === 'function' ? options : callback;
  return [isRecord(options) ? options : {}, typeof done === 'function' ? (done as Callback) : undefined];
}

/** The forms in which MQTT.js takes topics: a filter, a list of filters, or an object with options by filter. */
function filterRequests(topics: unknown, options: Record<string, unknown>): FilterRequest[] {
  if (isRecord(topics)) {
    return Object.entries(topics).map(([filter, own]) => filterRequest(filter, { ...options, ...(own as object) }, 0));
  }
  return (Array.isArray(topics) ? topics : [topics]).map((filter) => filterRequest(String(filter), options, 0));
}

/** A subscription with the options' names of MQTT.js. */
export function filterRequest(
  filter: string,
  options: Readonly<Record<string, unknown>>,
  defaultQos: 0 | 1 | 2,
): FilterRequest {
  return {
    filter,
    qos: qosOf(options.qos) ?? defaultQos,
    noLocal: booleanOf(options.nl, false),
    retainAsPublished: booleanOf(options.rap, false),
    retainHandling: retainHandlingOf(options.rh),
  };
}
