// An example in a real Node-RED, as a user tries it: imported, deployed, its buttons pressed, its debug sidebar read.
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { AdminApi } from '../pack/admin-api';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';

/** A node of a flow file. */
export interface FlowNode extends Record<string, unknown> {
  id: string;
  type: string;
  name?: string;
  wires?: string[][];
}

/** A line that a probe wrote to the log: what a debug node shows, or the status of a node. */
interface Line {
  probe: string;
  value: unknown;
}

interface ShownStatus {
  state?: string;
  queued?: number;
  text?: string;
  source: { id: string };
}

export interface ExampleOptions {
  /** Name of its file, without `.json`. */
  name: string;
  /** Of the broker, on this machine. */
  port: number;
  /** Changes the flow before it is deployed. */
  change?: (node: FlowNode) => FlowNode;
}

const STATUS_PROBE = 'probe of status';

/**
 * The example with its broker nodes on `port`, and a probe beside each debug node: it writes to the log what the debug
 * node shows. Another one writes the status of nodes.
 */
function prepared(flow: readonly FlowNode[], { port, change = (node) => node }: ExampleOptions): FlowNode[] {
  const tab = flow.find(({ type }) => type === 'tab')?.id;
  const placed = { z: tab, x: 1_200, y: 100 };
  const debugs = flow.filter(({ type }) => type === 'debug');
  const isDebug = (id: string) => debugs.some((node) => node.id === id);
  const withProbes = (targets: string[]) => targets.flatMap((id) => (isDebug(id) ? [id, `probe-${id}`] : [id]));
  const probe = (id: string, name: string, property: string): FlowNode => ({
    ...placed,
    id,
    type: 'function',
    name: '',
    func: `node.log(JSON.stringify({ probe: ${JSON.stringify(name)}, value: RED.util.getMessageProperty(msg, '${property}') }));`,
    outputs: 0,
    timeout: 0,
    wires: [],
  });
  return [
    ...flow.map((node) => {
      const changed = change(node.type === 'mqtt-persistent-broker' ? { ...node, broker: '127.0.0.1', port } : node);
      return changed.wires === undefined ? changed : { ...changed, wires: changed.wires.map(withProbes) };
    }),
    ...debugs.map(({ id, complete }) => probe(`probe-${id}`, id, String(complete))),
    probe('probe-status', STATUS_PROBE, 'status'),
    {
      ...placed,
      id: 'listener-status',
      type: 'status',
      name: '',
      scope: flow.filter(({ type }) => /^(mqtt-persistent-(in|out)|function)$/.test(type)).map(({ id }) => id),
      wires: [['probe-status']],
    },
  ];
}

export class ExampleRun {
  #nodeRed: NodeRedProcess | undefined;
  /** What processes wrote that are gone. */
  #earlier = '';

  private constructor(
    readonly userDir: string,
    private readonly options: ExampleOptions,
  ) {}

  /** Starts Node-RED, imports the example from its library, as the editor does, and deploys it. */
  static async start(options: ExampleOptions): Promise<ExampleRun> {
    const run = new ExampleRun(await fs.mkdtemp(path.join(os.tmpdir(), 'example-')), options);
    try {
      run.#nodeRed = await startNodeRed(run.userDir, { flows: [] });
      await run.deploy();
    } catch (error) {
      await run.remove();
      throw error;
    }
    return run;
  }

  /** Deploys the example, perhaps changed in another way than before. */
  async deploy(change = this.options.change): Promise<void> {
    const flow = (await this.#api.example(this.options.name)) as FlowNode[];
    await this.#running.deploy(prepared(flow, { ...this.options, ...(change === undefined ? {} : { change }) }));
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    const { logs } = this.#running;
    await this.#running.kill();
    this.#earlier += logs();
    this.#nodeRed = undefined;
  }

  /** Starts Node-RED again, with the flow as it was deployed. */
  async restart(): Promise<void> {
    this.#nodeRed = await startNodeRed(this.userDir);
  }

  /** Ends Node-RED and removes its user directory. */
  async remove(): Promise<void> {
    await this.#nodeRed?.kill();
    await fs.rm(this.userDir, { recursive: true, force: true });
  }

  /** Presses the button of an inject node. */
  press(id: string): Promise<void> {
    return this.#api.inject(id);
  }

  /** Presses an inject node and answers what a debug node shows then. */
  async answer<T>(inject: string, debug: string): Promise<T> {
    const count = this.shown(debug).length;
    await this.press(inject);
    return (await this.waitShown<T>(debug, count + 1))[count]!;
  }

  /** What a debug node has shown, over all restarts. */
  shown<T = unknown>(debug: string): T[] {
    return this.#lines().flatMap(({ probe, value }) => (probe === debug ? [value as T] : []));
  }

  /** Waits until a debug node has shown so much. */
  waitShown<T = unknown>(debug: string, count: number, timeoutMs = 15_000): Promise<T[]> {
    const enough = () => {
      const shown = this.shown<T>(debug);
      return shown.length >= count ? shown : undefined;
    };
    return waitFor(enough, { what: `${count} messages at ${debug}`, timeoutMs, detail: () => this.logs });
  }

  /** Waits until the last status of a node is in this state, and so many messages wait. */
  async waitState(id: string, state: string, queued?: number): Promise<void> {
    const isSo = (status: ShownStatus) => status.state === state && (queued === undefined || status.queued === queued);
    await this.waitStatus(id, isSo, `state ${state}${queued === undefined ? '' : ` with ${queued} waiting`}`);
  }

  /** Waits until the last status of a node is as wanted; `what`: in words. */
  async waitStatus(id: string, isWanted: (status: ShownStatus) => boolean, what: string): Promise<void> {
    const isSo = () => {
      const last = this.shown<ShownStatus>(STATUS_PROBE).findLast(({ source }) => source.id === id);
      return last !== undefined && isWanted(last);
    };
    await waitFor(isSo, { what: `${what} at ${id}`, timeoutMs: 15_000, detail: () => this.logs });
  }

  /** Of all processes, one after another. */
  get logs(): string {
    return this.#earlier + (this.#nodeRed?.logs() ?? '');
  }

  get #running(): NodeRedProcess {
    if (this.#nodeRed === undefined) throw new Error('Node-RED does not run');
    return this.#nodeRed;
  }

  get #api(): AdminApi {
    return new AdminApi(this.#running.url);
  }

  #lines(): Line[] {
    return this.logs.split('\n').flatMap((line) => {
      const json = /\[function:probe-\S+\] (\{"probe":.*\})$/.exec(line)?.[1];
      return json === undefined ? [] : [JSON.parse(json) as Line];
    });
  }
}
