// A flow that sends back what it receives, in a real Node-RED, with a publisher and an observer of its own.
import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type FlowNode, temporaryDirectory } from '../nodes/flow';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedOptions, type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { Observer, Publisher } from '../support/observer';
import { waitFor } from '../support/wait';

const WAIT = { timeoutMs: 20_000, intervalMs: 20 } as const;

export interface EchoFlowOptions {
  /** Of the broker node. */
  broker?: Record<string, unknown>;
  /** Of the tab. */
  tab?: Record<string, unknown>;
  /** JavaScript that a Function node runs with each message before it is sent back. */
  code?: string;
}

/**
 * Tests of one file share the broker and what looks at it. Each test has a name of its own, which is client id and
 * first level of its topics: what comes in at `<name>/in` goes out at `<name>/out`, both at QoS 2.
 */
export class EchoBed {
  #mosquitto: Mosquitto | undefined;
  #observer: Observer | undefined;
  #publisher: Publisher | undefined;
  readonly #nodeReds: NodeRedProcess[] = [];

  /** To be called inside `describe`. */
  static inSuite(): EchoBed {
    const bed = new EchoBed();
    before(async () => {
      bed.#mosquitto = await Mosquitto.start({ configuration: ['log_type subscribe'] });
      bed.#observer = await Observer.start({ port: bed.port, filter: '+/out' });
      bed.#publisher = await Publisher.start({ port: bed.port });
    });
    afterEach(async () => {
      for (const nodeRed of bed.#nodeReds.splice(0)) await nodeRed.kill();
    });
    after(async () => {
      await bed.#publisher?.stop();
      await bed.#observer?.stop();
      await bed.#mosquitto?.remove();
    });
    return bed;
  }

  get mosquitto(): Mosquitto {
    if (this.#mosquitto === undefined) throw new Error('the broker runs only while tests do');
    return this.#mosquitto;
  }

  get port(): number {
    return this.mosquitto.port;
  }

  /** Starts a Node-RED that ends with the test. */
  async start(userDir: string, options: NodeRedOptions = {}): Promise<NodeRedProcess> {
    const nodeRed = await startNodeRed(userDir, { ...options, onSpawn: (process) => this.#nodeReds.push(process) });
    assert.doesNotMatch(nodeRed.logs(), /Error loading|failed to load/i);
    return nodeRed;
  }

  publish(name: string, payload: string): Promise<void> {
    return (this.#publisher as Publisher).publish(`${name}/in`, payload);
  }

  /** What was sent back, in order. */
  echoes(name: string): string[] {
    return (this.#observer as Observer).on(`${name}/out`).map(({ payload }) => String(payload));
  }

  echoed(name: string, payload: string, nodeRed: NodeRedProcess): Promise<void> {
    return until(() => this.echoes(name).includes(payload), `${payload} back`, nodeRed);
  }

  /** The broker keeps messages for the session from its first subscription on. */
  subscribed(name: string, nodeRed: NodeRedProcess): Promise<void> {
    const line = new RegExp(`\\b${name} \\d ${name}/in$`, 'm');
    return until(() => line.test(this.mosquitto.log), `the subscription of ${name}`, nodeRed);
  }

  /** How often the session connected. */
  connections(name: string): number {
    return this.#logged(`New client connected from \\S+ as ${name} `);
  }

  /** How often the session told the broker that it disconnects. */
  disconnections(name: string): number {
    return this.#logged(`Client ${name} disconnected\\.`);
  }

  disconnected(name: string, nodeRed: NodeRedProcess): Promise<void> {
    return until(() => this.disconnections(name) > 0, `DISCONNECT of ${name}`, nodeRed);
  }

  async roundTrip(name: string, payload: string, nodeRed: NodeRedProcess): Promise<void> {
    await this.subscribed(name, nodeRed);
    await this.publish(name, payload);
    await this.echoed(name, payload, nodeRed);
  }

  #logged(pattern: string): number {
    return this.mosquitto.log.match(new RegExp(pattern, 'g'))?.length ?? 0;
  }

  /** The flow of the test `name`. */
  flow(name: string, { broker, tab, code = '' }: EchoFlowOptions = {}): FlowNode[] {
    const placed = { z: 'tab', x: 100, y: 100 };
    return [
      { id: 'tab', type: 'tab', label: name, ...tab },
      {
        id: 'broker',
        type: 'mqtt-persistent-broker',
        name: '',
        broker: '127.0.0.1',
        port: String(this.port),
        clientid: name,
        cleansession: false,
        protocolVersion: '5',
        keepalive: '60',
        ...broker,
      },
      {
        ...placed,
        id: 'in',
        type: 'mqtt-persistent-in',
        broker: 'broker',
        topic: `${name}/in`,
        qos: '2',
        wires: [['back']],
      },
      {
        ...placed,
        id: 'back',
        type: 'function',
        func: `${code}\nreturn { topic: '${name}/out', payload: msg.payload };`,
        outputs: 1,
        wires: [['out']],
      },
      { ...placed, id: 'out', type: 'mqtt-persistent-out', broker: 'broker', topic: '', qos: '2', wires: [] },
    ];
  }
}

/** Ids of the sessions stored in a folder, as their folders are named; undefined: there is no such folder. */
export function storedSessions(storagePath: string): string[] | undefined {
  if (!fs.existsSync(storagePath)) return undefined;
  const entries = fs.readdirSync(storagePath, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return entries.map(({ name }) => name.replace(/~.*/, '')).filter((name) => name !== 'quarantine');
}

/** A user directory that is there already. Its name is one that needs care. */
export function userDirectory(): string {
  const directory = path.join(temporaryDirectory(), 'Node-RED für alle');
  fs.mkdirSync(directory);
  return directory;
}

export async function until(condition: () => unknown, what: string, { logs }: NodeRedProcess): Promise<void> {
  await waitFor(condition, { what, detail: logs, ...WAIT });
}

export function logged(nodeRed: NodeRedProcess, text: RegExp): Promise<void> {
  return until(() => text.test(nodeRed.logs()), `${text} in the log`, nodeRed);
}
