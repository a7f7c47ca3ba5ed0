import { waitFor } from '../support/wait';

const UNREACHABLE = 'ERR_BROKER_UNREACHABLE';

/** A node of a flow file. */
export interface FlowNode extends Record<string, unknown> {
  id: string;
  type: string;
  wires?: string[][];
}

/** What a probe saw: the message, with the name of the probe. */
interface Seen {
  probe: string;
  msg: {
    payload?: unknown;
    redelivered?: boolean;
    status?: Record<string, unknown> & { source?: { id: string } };
    error?: { message: string; code?: string };
  };
}

type ProbeName = 'stored' | 'caught' | 'status' | 'received' | 'answer';

/**
 * The flow of `first-persistent-flow.json`, for a broker on `port`, with probes beside its debug nodes: Function nodes
 * that write what they get to the log.
 */
export function withProbes(example: readonly FlowNode[], port: number): FlowNode[] {
  const tab = example.find(({ type }) => type === 'tab')?.id;
  const probed: Record<string, ProbeName> = { 'first-in': 'received', 'first-admin': 'answer' };
  const nodes = example.map((node): FlowNode => {
    if (node.type === 'mqtt-persistent-broker') return { ...node, broker: '127.0.0.1', port };
    const probe = probed[node.id];
    return probe === undefined ? node : { ...node, wires: [[...(node.wires?.[0] ?? []), `probe-${probe}`]] };
  });
  // Only a node with a place in the editor is one of the flow; another one would be taken for a configuration.
  const placed = { z: tab, x: 800, y: 100 };
  const listener = (type: string, probe: ProbeName, scope: string[]): FlowNode => ({
    ...placed,
    id: `listener-${probe}`,
    type,
    scope,
    uncaught: false,
    wires: [[`probe-${probe}`]],
  });
  return [
    ...nodes,
    ...(['stored', 'caught', 'status', 'received', 'answer'] as const).map((probe) => ({
      ...placed,
      id: `probe-${probe}`,
      type: 'function',
      name: '',
      func: `node.log(JSON.stringify({ probe: '${probe}', msg }));`,
      outputs: 0,
      timeout: 0,
      wires: [],
    })),
    listener('complete', 'stored', ['first-out']),
    listener('catch', 'caught', ['first-out', 'first-in', 'first-admin']),
    listener('status', 'status', ['first-out', 'first-in']),
  ];
}

/** Reads what the probes wrote to the log. */
export class Probes {
  constructor(private readonly logs: () => string) {}

  seen(probe: ProbeName): Seen['msg'][] {
    return this.logs()
      .split('\n')
      .map((line) => /\[function:probe-\w+\] (\{"probe":.*\})$/.exec(line)?.[1])
      .filter((json) => json !== undefined)
      .map((json) => JSON.parse(json) as Seen)
      .filter((entry) => entry.probe === probe)
      .map(({ msg }) => msg);
  }

  /**
   * Waits until a probe has seen `count` messages, and answers their payloads. Those marked `redelivered` do not count:
   * Mosquitto 2.0.11 sends again what waited for PUBCOMP when it was stopped.
   */
  async payloads(probe: ProbeName, count: number): Promise<unknown[]> {
    const fresh = () => this.seen(probe).filter(({ redelivered }) => redelivered !== true);
    await waitFor(() => fresh().length >= count, this.#options(`${count} messages at the probe ${probe}`));
    return fresh().map(({ payload }) => payload);
  }

  /** Waits until the last status of a node has these properties. */
  async status(id: string, expected: Record<string, unknown>): Promise<void> {
    const matches = () => {
      const last = this.seen('status').findLast(({ status }) => status?.source?.id === id)?.status;
      return last !== undefined && Object.entries(expected).every(([key, value]) => last[key] === value);
    };
    await waitFor(matches, this.#options(`the status ${JSON.stringify(expected)} of ${id}`));
  }

  /** Waits until a Catch node was told that the broker is away. */
  async unreachable(): Promise<void> {
    const told = () => this.seen('caught').some(({ error }) => error?.code === UNREACHABLE);
    await waitFor(told, this.#options(`${UNREACHABLE} at a Catch node`));
  }

  /** What Catch nodes were told, but that the broker is away. */
  errors(): Seen['msg']['error'][] {
    return this.seen('caught')
      .map(({ error }) => error)
      .filter((error) => error?.code !== UNREACHABLE);
  }

  #options(what: string) {
    return { what, timeoutMs: 20_000, intervalMs: 50, detail: this.logs };
  }
}
