import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { type MessageProperties, openSessionStore, type QoS, SessionClient, type WillMessage } from '../../src';
import { MqttProxy } from '../support/proxy';
import { WaitTimeoutError, waitFor } from '../support/wait';
import type { Broker } from './brokers/broker';
import type { Deviation, DeviationName } from './deviation';
import { Peer } from './peer';

/** What all messages of a scenario have to arrive within; a broker that drops them takes all of it. */
const ARRIVAL_TIMEOUT_MS = 60_000;
/** From here on it is the broker that waits (NATS: 30 s for an acknowledgement), not a busy machine. */
const DELAYED_MS = 25_000;
/** After the broker has forgotten its sessions what is missing went with them. */
const FORGOTTEN_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 20_000;
const NEVER_EXPIRES = 0xffff_ffff;
/** Longer details say nothing more. */
const EXAMPLES = 3;

export interface ActorOptions {
  /** Default: one of the scenario. */
  clientId?: string;
  subscriptions?: { filter: string; qos: QoS }[];
  /** MQTT 5: Session Expiry Interval in seconds. Default: never. */
  sessionExpiryInterval?: number;
  will?: WillMessage;
  /** Default true. */
  connect?: boolean;
}

export interface Received {
  topic: string;
  payload: string;
  qos: QoS;
  retain: boolean;
  properties: MessageProperties | undefined;
}

/** The client under test in a scenario. */
export interface Actor {
  client: SessionClient;
  received: Received[];
  /** Session Present of each connection, oldest first. */
  sessionsPresent: boolean[];
  /** Connects and waits until it is up and all subscriptions are answered. */
  ready(): Promise<void>;
  publish(
    topic: string,
    payload: string | Buffer,
    qos: QoS,
    extra?: { retain?: boolean; properties?: MessageProperties },
  ): Promise<void>;
  /** Closes it and its store; the files stay. */
  close(): Promise<void>;
}

/** Where one scenario plays, with one broker and version: the link, the actors, and what deviated. */
export class Stage {
  readonly deviations: Deviation[] = [];
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), 'interoperability-'));
  readonly #actors = new Set<Actor>();
  readonly #peers: Peer[] = [];
  /** Connections may end: the scenario ends them. */
  #disturbed = false;
  #clients = 0;

  private constructor(
    readonly scenario: string,
    readonly broker: Broker,
    readonly version: 4 | 5,
    readonly maximumQoS: 1 | 2,
    readonly proxy: MqttProxy,
  ) {}

  static async open(scenario: string, broker: Broker, version: 4 | 5, maximumQoS: 1 | 2): Promise<Stage> {
    const proxy = await new MqttProxy({ brokerPort: broker.port }).start();
    return new Stage(scenario, broker, version, maximumQoS, proxy);
  }

  /** A topic, or the beginning of topics, that no other scenario uses. */
  get topic(): string {
    return `${this.scenario}/v${this.version}`;
  }

  get clientId(): string {
    return `${this.scenario}-v${this.version}`;
  }

  /** Address for the client, through the proxy, with what the broker wants to know. */
  get url(): string {
    const { credentials } = this.broker;
    if (credentials === undefined) return this.proxy.url;
    const [username, password] = [credentials.username, credentials.password].map(encodeURIComponent);
    return this.proxy.url.replace('mqtt://', `mqtt://${username}:${password}@`);
  }

  deviates(name: DeviationName, detail: string): void {
    // A broker that closes every connection is told once.
    if (this.deviations.some((one) => one.name === name && one.detail === detail)) return;
    this.deviations.push({ name, detail });
  }

  async peer(): Promise<Peer> {
    const peer = await Peer.start(this.broker, this.version);
    this.#peers.push(peer);
    return peer;
  }

  /** A peer that gets what is published on `filter`. */
  async listener(filter: string, qos: QoS): Promise<Peer> {
    const peer = await this.peer();
    const granted = await peer.subscribe(filter, qos);
    if (granted >= 0x80) this.deviates('subscription-refused', `${filter} was answered with ${granted}`);
    else if (granted < qos) this.deviates('qos-lowered', `QoS ${granted} was granted where ${qos} was asked for`);
    return peer;
  }

  async actor(options: ActorOptions = {}): Promise<Actor> {
    const { clientId = this.clientId, subscriptions = [], sessionExpiryInterval = NEVER_EXPIRES, will } = options;
    const store = await openSessionStore({ path: path.join(this.directory, `sessions-${++this.#clients}`) });
    const client = new SessionClient({
      clientId,
      store,
      maxReconnectDelayMs: 500,
      connection: {
        url: this.url,
        protocolVersion: this.version,
        clean: false,
        keepalive: 30,
        ...(will && { will }),
        ...(this.version === 5 && { properties: { sessionExpiryInterval } }),
      },
    });
    const received: Received[] = [];
    const sessionsPresent: boolean[] = [];
    client.on('connected', ({ sessionPresent }) => sessionsPresent.push(sessionPresent === true));
    client.on('disconnected', (end, wasUp) => {
      if (this.#disturbed || end.kind === 'ended') return;
      if (!wasUp && end.kind === 'refused') this.deviates('version-refused', `CONNACK ${end.reasonCode}`);
      else this.deviates('connection-closed', `${end.kind} ${end.reasonString ?? end.error?.message ?? ''}`);
    });
    client.on('storeError', (error) => this.deviates('given-up', error.message));
    client.on('discarded', ({ error }) => this.deviates('given-up', error.message));
    for (const { filter, qos } of subscriptions) {
      client.subscribe('scenario', { filter, qos, retainAsPublished: false }, (message) => {
        const { topic, payload, qos: receivedQoS, retain, properties } = message;
        received.push({ topic, payload: payload.toString(), qos: receivedQoS, retain, properties });
      });
    }
    const actor: Actor = {
      client,
      received,
      sessionsPresent,
      ready: async () => {
        client.connect();
        const answered = () => client.connected && client.subscriptions().every(({ state }) => state !== 'requested');
        await waitFor(answered, { what: 'a connection', timeoutMs: CONNECT_TIMEOUT_MS, detail: () => this.#detail() });
        for (const { filter, refusedWith } of client.subscriptions()) {
          if (refusedWith !== undefined)
            this.deviates('subscription-refused', `${filter} was answered with ${refusedWith}`);
        }
      },
      publish: async (topic, payload, qos, { retain = false, properties } = {}) => {
        await client.publish({ topic, payload: Buffer.from(payload), qos, retain, ...(properties && { properties }) });
      },
      close: async () => {
        this.#actors.delete(actor);
        await client.close();
        await store.release();
      },
    };
    this.#actors.add(actor);
    await client.open();
    if (options.connect ?? true) await actor.ready();
    return actor;
  }

  /** Runs something in which connections end, by us or by the broker's restart. */
  async disturb(action: () => Promise<void>): Promise<void> {
    this.#disturbed = true;
    try {
      await action();
    } finally {
      this.#disturbed = false;
    }
  }

  /** Breaks all connections at once, and waits until the client is back. */
  async cut(actor: Actor): Promise<void> {
    await this.disturb(async () => {
      const before = actor.sessionsPresent.length;
      this.proxy.cut();
      await this.reconnected(actor, before);
    });
    this.requirePresent(actor);
  }

  async restartBroker(actor: Actor): Promise<void> {
    await this.disturb(async () => {
      const before = actor.sessionsPresent.length;
      await this.broker.stop();
      await this.broker.start();
      await this.reconnected(actor, before);
    });
    this.requirePresent(actor);
  }

  async reconnected(actor: Actor, connectionsBefore: number): Promise<void> {
    await waitFor(() => actor.sessionsPresent.length > connectionsBefore && actor.client.connected, {
      what: 'a new connection',
      timeoutMs: CONNECT_TIMEOUT_MS,
      detail: () => this.#detail(),
    });
  }

  /** The last connection was to find the session. */
  requirePresent(actor: Actor): void {
    if (actor.sessionsPresent.at(-1) !== true) this.deviates('session-forgotten', 'Session Present 0');
  }

  /**
   * Waits until all these payloads have arrived, then judges them: `once` is what QoS 2 promises.
   * `arrived` answers the payloads so far, in order; `inbound`: those handed over by the client.
   */
  async arrive(
    expected: readonly string[],
    arrived: () => string[],
    { once, inbound = false }: { once: boolean; inbound?: boolean },
  ): Promise<void> {
    const missing = () => {
      const seen = new Set(arrived());
      return expected.filter((payload) => !seen.has(payload));
    };
    const startedAt = performance.now();
    const forgotten = this.deviations.some(({ name }) => name === 'session-forgotten');
    const timeoutMs = forgotten ? FORGOTTEN_TIMEOUT_MS : ARRIVAL_TIMEOUT_MS;
    await waitFor(() => missing().length === 0, { what: 'all messages', timeoutMs }).catch((error: unknown) => {
      if (!(error instanceof WaitTimeoutError)) throw error;
      const lost = missing();
      this.deviates(
        'missing',
        `${lost.length} of ${expected.length}, for example ${lost.slice(0, EXAMPLES).join(', ')}`,
      );
    });
    const seconds = (performance.now() - startedAt) / 1000;
    if (missing().length === 0 && seconds * 1000 > DELAYED_MS)
      this.deviates('delayed', `after ${Math.round(seconds)} s`);
    const wanted = new Set(expected);
    const mine = arrived().filter((payload) => wanted.has(payload));
    const first = [...new Set(mine)];
    if (once && first.length < mine.length) {
      const again = mine.filter((payload, index) => mine.indexOf(payload) < index);
      const doubled = inbound ? again.filter((payload) => !this.sentAgain(payload)) : [];
      if (doubled.length > 0) this.deviates('doubled', doubled.slice(0, EXAMPLES).join(', '));
      else
        this.deviates(
          'repeated',
          `${again.length} of ${mine.length}, for example ${again.slice(0, EXAMPLES).join(', ')}`,
        );
    }
    const order = new Map(expected.map((payload, index) => [payload, index]));
    const late = first.filter(
      (payload, index) => index > 0 && (order.get(payload) ?? 0) < (order.get(first[index - 1] as string) ?? 0),
    );
    if (late.length > 0)
      this.deviates('out-of-order', `${late.length}, for example ${late.slice(0, EXAMPLES).join(', ')}`);
  }

  /**
   * Whether the broker sent this payload to the client more than once as a new QoS 2 message: with another identifier, or
   * after it had been released. No client can tell that from two messages.
   */
  sentAgain(payload: string): boolean {
    const sent = this.proxy.checker.deliveries.filter((one) => one.payload.toString() === payload);
    return sent.filter(({ repeat, afterRelease }) => !repeat || afterRelease).length > 1;
  }

  /** Everything is over: ends the actors, and looks whether the client kept the rules. */
  async close(): Promise<void> {
    this.#disturbed = true;
    for (const actor of [...this.#actors]) await actor.close();
    for (const peer of this.#peers) await peer.stop();
    for (const { rule, statement, message } of this.proxy.checker.violations) {
      this.deviates('rule-broken', `${rule} (${statement}): ${message}`);
    }
    await this.proxy.stop();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  #detail(): string {
    return `${this.proxy.recent(15)}\n${this.deviations.map(({ name, detail }) => `${name}: ${detail}`).join('\n')}`;
  }
}
