// Runs one definition of a flow, written with Node-RED's own MQTT nodes, with them and with ours, and writes down what
// others can see of it: messages at an independent subscriber, at nodes behind, statuses, log lines.
import type { Socket } from 'node:net';
import type { MqttClient } from 'mqtt';
import * as mqtt from 'mqtt';
import type { Node } from 'node-red';
import { Flow, type FlowNode, type FlowOptions, helperNode, requireNodeRed, temporaryDirectory } from '../nodes/flow';
import { Mosquitto, type MosquittoOptions } from '../support/mosquitto';
import { waitFor, within } from '../support/wait';

export type Implementation = 'core' | 'ours';
export type Version = 3 | 4 | 5;

/** The whole of "moving over": three types renamed. */
const TYPES: Record<string, string> = {
  'mqtt in': 'mqtt-persistent-in',
  'mqtt out': 'mqtt-persistent-out',
  'mqtt-broker': 'mqtt-persistent-broker',
};

type NodeModule = (RED: never) => unknown;
const coreModules = ['10-mqtt.js', '05-tls.js'].map(
  (file) => requireNodeRed(`@node-red/nodes/core/network/${file}`) as NodeModule,
);
const { log } = requireNodeRed('@node-red/util') as {
  log: { INFO: number; addHandler(handler: LogHandler): void; removeHandler(handler: LogHandler): void };
};

interface LogHandler {
  emit(event: string, line: { level: number; id?: string; msg: unknown }): void;
}

export interface StageOptions extends FlowOptions {
  version: Version;
  broker?: MosquittoOptions;
}

/** A flow of one implementation, running against a Mosquitto of its own. */
export class Stage {
  /** What an independent MQTT 5 subscriber to everything got. */
  readonly observed: Record<string, unknown>[] = [];
  /** Keys of what nodes logged at level info. */
  readonly logKeys: { id: string; key: string }[] = [];
  #flow: Flow | undefined;
  #observer: MqttClient | undefined;
  #publisher: MqttClient | undefined;
  #barriers = 0;
  readonly #logHandler: LogHandler = {
    emit: (_event, { level, id, msg }) => {
      if (level === log.INFO && id !== undefined) this.logKeys.push({ id, key: String(msg).replace('node-red:', '') });
    },
  };

  private constructor(
    readonly implementation: Implementation,
    readonly version: Version,
    readonly mosquitto: Mosquitto,
  ) {}

  /** `nodes` gets the broker, for its addresses. */
  static async start(
    implementation: Implementation,
    nodes: (stage: Stage) => FlowNode[] | Promise<FlowNode[]>,
    { version, broker, ...options }: StageOptions,
  ): Promise<Stage> {
    const stage = new Stage(implementation, version, await startMosquitto(broker));
    log.addHandler(stage.#logHandler);
    stage.#observer = await connected(stage.mosquitto);
    stage.#publisher = await connected(stage.mosquitto);
    stage.#observer.on('message', (topic, payload, packet) => {
      const { qos, retain, properties } = packet;
      stage.observed.push({ topic, payload, qos, retain, properties: { ...properties } });
    });
    await stage.#observer.subscribeAsync('#', { qos: 2, rap: true });
    stage.#flow = await Flow.start(stage.#translated(await nodes(stage)), { ...options, modules: coreModules });
    return stage;
  }

  get flow(): Flow {
    if (this.#flow === undefined) throw new Error('the flow is not started yet');
    return this.#flow;
  }

  get publisher(): MqttClient {
    if (this.#publisher === undefined) throw new Error('there is no publisher yet');
    return this.#publisher;
  }

  deploy(nodes: readonly FlowNode[], type: 'full' | 'nodes' | 'flows'): Promise<void> {
    return this.flow.deploy(this.#translated(nodes), type);
  }

  async stop(): Promise<void> {
    await this.#flow?.stop();
    log.removeHandler(this.#logHandler);
    await this.#observer?.endAsync(true);
    await this.#publisher?.endAsync(true);
    await this.mosquitto.remove();
  }

  /** Waits until the broker node is connected. What nodes show may come half a second later. */
  async connected(): Promise<void> {
    const broker = this.flow.node('broker') as Node & { connected?: boolean };
    await waitFor(() => broker.connected, {
      what: `${this.implementation}: the connection`,
      detail: () => JSON.stringify([this.flow.statuses, this.flow.logged]),
      intervalMs: 2,
    });
  }

  /** What was sent by `out` before has reached the broker, and the observer. `out`: without a topic of its own. */
  async outBarrier(out: string): Promise<void> {
    const topic = `barrier/${++this.#barriers}`;
    this.flow.input(out, { topic, payload: 'barrier', qos: 2 });
    await waitFor(() => this.observed.some((packet) => packet.topic === topic), {
      what: `${this.implementation}: the barrier ${topic}`,
      detail: () => JSON.stringify([this.observed, this.flow.statuses, this.flow.logged]),
      intervalMs: 2,
    });
  }

  /** Waits until the broker has granted the subscription of the in node before `capture`: what is published now comes. */
  async subscribed(capture: string): Promise<void> {
    const probe = async () => {
      await this.publisher.publishAsync('barrier/probe', 'probe', { qos: 2 });
      return this.flow.received(capture).length > 0;
    };
    await waitFor(probe, { what: `${this.implementation}: the subscription before ${capture}`, intervalMs: 20 });
    await this.inBarrier(capture);
  }

  /** What was published before has reached the in nodes. `capture`: behind an in node that subscribes to `barrier/#`. */
  async inBarrier(capture: string): Promise<void> {
    const topic = `barrier/${++this.#barriers}`;
    await this.publisher.publishAsync(topic, 'barrier', { qos: 2 });
    await waitFor(() => this.flow.received(capture).some((msg) => (msg as { topic?: string }).topic === topic), {
      what: `${this.implementation}: the barrier ${topic} at ${capture}`,
      detail: () => JSON.stringify([this.observed, this.flow.statuses, this.flow.logged]),
      intervalMs: 2,
    });
  }

  /** Packets observed below a topic, in a form to compare. */
  observedBelow(topic: string): unknown[] {
    return comparable(
      this.observed.filter((packet) => packet.topic === topic || String(packet.topic).startsWith(`${topic}/`)),
    ) as unknown[];
  }

  /** Messages that a helper node received, in a form to compare; those with a topic below `topic`. */
  receivedAt(id: string, topic = ''): unknown[] {
    const messages = this.flow.received(id).filter((msg) => {
      const own = (msg as { topic?: unknown }).topic;
      return topic === '' || own === topic || String(own).startsWith(`${topic}/`);
    });
    return comparable(messages) as unknown[];
  }

  /** Statuses a node showed, without repetitions. */
  statusesOf(id: string): { fill: unknown; shape: unknown; text: unknown }[] {
    const shown = this.flow.statuses
      .filter((event) => event.id === id)
      .map(({ status: { fill, shape, text } }) => ({ fill, shape, text: String(text).replace('node-red:', '') }));
    return shown.filter((status, index) => index === 0 || JSON.stringify(status) !== JSON.stringify(shown[index - 1]));
  }

  #translated(nodes: readonly FlowNode[]): FlowNode[] {
    if (this.implementation === 'core') return [...nodes];
    const renamed = nodes.map((node) => {
      const type = TYPES[node.type] ?? node.type;
      return type === 'mqtt-persistent-broker' ? { ...node, type, store: 'store' } : { ...node, type };
    });
    return [{ id: 'store', type: 'mqtt-session-store', name: '', path: this.#directory, durability: 'os' }, ...renamed];
  }

  readonly #directory = temporaryDirectory();
}

/** Without Nagle's algorithm, which makes a row wait for the other side's delayed acknowledgement. */
function startMosquitto(options: MosquittoOptions = {}): Promise<Mosquitto> {
  const configuration = ['set_tcp_nodelay true', ...(options.configuration ?? [])];
  return Mosquitto.start({ ...options, configuration });
}

async function connected(mosquitto: Mosquitto): Promise<MqttClient> {
  const client = mqtt.connect(mosquitto.url, { protocolVersion: 5, reconnectPeriod: 200 });
  (client.stream as Socket).setNoDelay(true);
  await within(new Promise<void>((resolve) => client.once('connect', () => resolve())), 10_000, 'CONNACK');
  return client;
}

const IGNORED = ['_msgid', '_event', 'subscriptionIdentifier', 'source'];

/**
 * A value without what differs from run to run: buffers as hexadecimal text, no `_msgid`, nothing about the node it comes from, a Message Expiry Interval
 * rounded up to tens of seconds, because some of it passes.
 */
export function comparable(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return `hex:${value.toString('hex')}`;
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .filter(([name, entry]) => !IGNORED.includes(name) && entry !== undefined)
    .map(([name, entry]): [string, unknown] => {
      if (name === 'messageExpiryInterval' && typeof entry === 'number') return [name, Math.ceil(entry / 10) * 10];
      return [name, comparable(entry)];
    });
  return Object.fromEntries(entries);
}

// Node builders, with Node-RED's own types.

export function coreBroker(stage: Stage, more: Record<string, unknown> = {}): FlowNode {
  return {
    id: 'broker',
    type: 'mqtt-broker',
    name: '',
    broker: '127.0.0.1',
    port: String(stage.mosquitto.port),
    clientid: 'parity',
    autoConnect: true,
    usetls: false,
    protocolVersion: String(stage.version),
    keepalive: '60',
    cleansession: false,
    autoUnsubscribe: true,
    birthTopic: '',
    closeTopic: '',
    willTopic: '',
    userProps: '',
    sessionExpiry: '3600',
    ...more,
  };
}

export function coreIn(id: string, topic: string, to: string, more: Record<string, unknown> = {}): FlowNode {
  return {
    id,
    type: 'mqtt in',
    z: 'tab',
    x: 0,
    y: 0,
    name: '',
    broker: 'broker',
    topic,
    qos: '2',
    datatype: 'auto-detect',
    nl: false,
    rap: true,
    rh: 0,
    inputs: 0,
    wires: [[to]],
    ...more,
  };
}

export function coreOut(id: string, more: Record<string, unknown> = {}): FlowNode {
  return {
    id,
    type: 'mqtt out',
    z: 'tab',
    x: 0,
    y: 0,
    name: '',
    broker: 'broker',
    topic: '',
    qos: '',
    retain: '',
    respTopic: '',
    contentType: '',
    userProps: '',
    correl: '',
    expiry: '',
    wires: [],
    ...more,
  };
}

export { helperNode };
