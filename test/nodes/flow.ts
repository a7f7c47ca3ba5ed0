// Runs flows with our node set in the test helper's runtime, against a real broker and real files.
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as os from 'node:os';
import * as path from 'node:path';
import type { Node, NodeMessage } from 'node-red';

import nodeSet = require('../../nodes/mqtt-persistent');

import { waitFor } from '../support/wait';

export type FlowNode = { id: string; type: string } & Record<string, unknown>;
export type DeploymentType = 'full' | 'nodes' | 'flows';
type NodeModule = (RED: never) => unknown;

interface TestHelper {
  init(runtimePath: string): void;
  load(nodes: unknown[], flow: readonly FlowNode[], credentials?: Record<string, object>): Promise<void>;
  setFlows(flow: readonly FlowNode[], type: DeploymentType): Promise<void>;
  unload(): Promise<void>;
  getNode(id: string): Node | null;
  settings(settings: object): object;
}

export interface ShownStatus {
  id: string;
  status: { fill?: string; shape?: string; text?: string; state?: string; queued?: number };
}

/** Loads modules of Node-RED: of the one in the folder NODE_RED_DIR (which holds `red.js`), else of the one installed here. */
export const requireNodeRed =
  process.env.NODE_RED_DIR === undefined ? require : createRequire(path.join(process.env.NODE_RED_DIR, 'package.json'));

const helper = require('node-red-node-test-helper') as TestHelper;
helper.init(requireNodeRed.resolve('node-red'));
const { events, log } = requireNodeRed('@node-red/util') as {
  events: NodeJS.EventEmitter;
  log: { ERROR: number; WARN: number; addHandler(handler: LogHandler): void; removeHandler(handler: LogHandler): void };
};

interface LogHandler {
  emit(event: string, line: { level: number; id?: string; msg: unknown }): void;
}

/** What a Catch node adds to a message. */
export interface CaughtMessage extends NodeMessage {
  error: { message: string; code?: string; source: { id: string; type: string; count: number } };
}

export interface FlowOptions {
  credentials?: Record<string, object>;
  /** Node modules besides ours. */
  modules?: NodeModule[];
  /** Settings of the runtime. */
  settings?: object;
}

const directories: string[] = [];
process.once('exit', () => {
  for (const directory of directories) fs.rmSync(directory, { recursive: true, force: true });
});

/** A new directory for the sessions of one test; removed at the end of the process. */
export function temporaryDirectory(): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-sessions-'));
  directories.push(directory);
  return directory;
}

/** A running flow. Nodes of type `helper` write down what they receive. */
export class Flow {
  readonly statuses: ShownStatus[] = [];
  /** Warnings and errors of nodes. */
  readonly logged: { level: 'error' | 'warn'; id: string; text: string }[] = [];
  readonly #received = new Map<string, NodeMessage[]>();
  readonly #watched = new WeakSet<Node>();
  readonly #onStatus = (event: ShownStatus) => {
    if (event.status !== undefined) this.statuses.push(event);
  };

  readonly #logHandler: LogHandler = {
    emit: (_event, { level, id, msg }) => {
      if (id === undefined || (level !== log.ERROR && level !== log.WARN)) return;
      this.logged.push({ level: level === log.ERROR ? 'error' : 'warn', id, text: String(msg) });
    },
  };

  static async start(nodes: readonly FlowNode[], options: FlowOptions = {}): Promise<Flow> {
    const flow = new Flow();
    events.on('node-status', flow.#onStatus);
    log.addHandler(flow.#logHandler);
    if (options.settings !== undefined) helper.settings(options.settings);
    await helper.load([nodeSet, ...(options.modules ?? [])], nodes, options.credentials ?? {});
    flow.#watch(nodes);
    return flow;
  }

  /** Answers when the new flows are started. */
  async deploy(nodes: readonly FlowNode[], type: DeploymentType): Promise<void> {
    let started = false;
    events.once('flows:started', () => {
      started = true;
    });
    // The helper itself waits only 300 ms.
    await helper.setFlows(nodes, type).catch((error: Error) => {
      if (error.message !== 'timeout waiting event') throw error;
    });
    await waitFor(() => started, { what: 'flows to be started', timeoutMs: 20_000 });
    this.#watch(nodes);
  }

  async stop(): Promise<void> {
    events.removeListener('node-status', this.#onStatus);
    await helper.unload();
    log.removeHandler(this.#logHandler);
  }

  node(id: string): Node {
    const node = helper.getNode(id);
    if (node === null || node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  /** Sends a message into a node. */
  input(id: string, msg: Record<string, unknown>): void {
    this.node(id).receive(msg as NodeMessage);
  }

  received(id: string): NodeMessage[] {
    const messages = this.#received.get(id) ?? [];
    this.#received.set(id, messages);
    return messages;
  }

  caught(id: string): CaughtMessage[] {
    return this.received(id) as CaughtMessage[];
  }

  /** Waits until a helper node has received `count` messages; answers with them. */
  async messages(id: string, count: number, timeoutMs = 8_000): Promise<NodeMessage[]> {
    return waitFor(() => (this.received(id).length >= count ? this.received(id) : undefined), {
      what: `${count} messages at ${id}`,
      timeoutMs,
      detail: () => `it has ${JSON.stringify(this.received(id))}; statuses: ${JSON.stringify(this.statuses)}`,
    });
  }

  /** The last status a node showed. */
  status(id: string): ShownStatus['status'] | undefined {
    return this.statuses.findLast((shown) => shown.id === id)?.status;
  }

  async statusState(id: string, state: string): Promise<ShownStatus['status']> {
    return waitFor(() => (this.status(id)?.state === state ? this.status(id) : undefined), {
      what: `status ${state} at ${id}`,
      timeoutMs: 8_000,
      detail: () => JSON.stringify(this.statuses),
    });
  }

  #watch(nodes: readonly FlowNode[]): void {
    for (const { id, type } of nodes) {
      if (type !== 'helper') continue;
      const node = helper.getNode(id);
      if (node === null || this.#watched.has(node)) continue;
      this.#watched.add(node);
      node.on('input', (msg, _send, done) => {
        this.received(id).push(msg);
        done();
      });
    }
  }
}

/** A store node and a broker node (ids `store` and `broker`) for a broker on this machine. */
export function session(options: { port: number; directory: string } & Record<string, unknown>): FlowNode[] {
  const { port, directory, ...broker } = options;
  return [
    { id: 'store', type: 'mqtt-session-store', name: '', path: directory },
    {
      id: 'broker',
      type: 'mqtt-persistent-broker',
      name: 'plant',
      broker: '127.0.0.1',
      port,
      clientid: 'flow-test',
      cleansession: false,
      protocolVersion: 4,
      keepalive: 60,
      store: 'store',
      ...broker,
    },
  ];
}

export const tab: FlowNode = { id: 'tab', type: 'tab', label: 'test' };

/** Node builders: on the tab, wired as told. */
export function inNode(id: string, topic: string, to: string, more: Record<string, unknown> = {}): FlowNode {
  return {
    id,
    type: 'mqtt-persistent-in',
    z: 'tab',
    x: 0,
    y: 0,
    broker: 'broker',
    topic,
    qos: '2',
    datatype: 'auto-detect',
    wires: [[to]],
    ...more,
  };
}

export function outNode(id: string, more: Record<string, unknown> = {}): FlowNode {
  return {
    id,
    type: 'mqtt-persistent-out',
    z: 'tab',
    x: 0,
    y: 0,
    broker: 'broker',
    topic: '',
    qos: '',
    retain: '',
    wires: [],
    ...more,
  };
}

export function helperNode(id: string): FlowNode {
  return { id, type: 'helper', z: 'tab', x: 0, y: 0, wires: [] };
}

/** Catches what goes wrong at the nodes named, or at all. */
export function catchNode(id: string, to: string, scope: string[] | null = null): FlowNode {
  return { id, type: 'catch', z: 'tab', x: 0, y: 0, scope, uncaught: false, wires: [[to]] };
}

/** Tells when the nodes named have completed a message. */
export function completeNode(id: string, to: string, scope: string[]): FlowNode {
  return { id, type: 'complete', z: 'tab', x: 0, y: 0, scope, uncaught: false, wires: [[to]] };
}
