import type { EventEmitter } from 'node:events';

/** A node as the flow file has it: also those that are disabled. */
export interface FlowFileNode {
  id: string;
  type: string;
  z?: string;
  d?: boolean;
  disabled?: boolean;
  [property: string]: unknown;
}

export interface FlowListener {
  /** A deploy, or the end of the process, begins: nodes are about to close. */
  stopping(): void;
  /** All nodes of the deploy exist. */
  started(): void;
}

/**
 * Whether the flows run. A message delivered while nodes are being replaced would be lost, so connections wait for
 * `started` and inbound messages wait between `stopping` and `started`.
 */
export class FlowLifecycle {
  readonly #listeners = new Set<FlowListener>();
  #running = false;
  #nodes: readonly FlowFileNode[] = [];

  constructor(events: EventEmitter) {
    events.on('flows:stopping', () => {
      this.#running = false;
      for (const listener of [...this.#listeners]) listener.stopping();
    });
    events.on('flows:started', (event?: { config?: { flows?: FlowFileNode[] } }) => {
      this.#running = true;
      this.#nodes = event?.config?.flows ?? [];
      for (const listener of [...this.#listeners]) listener.started();
    });
  }

  get running(): boolean {
    return this.#running;
  }

  /** The flow file as of the last start. */
  get nodes(): readonly FlowFileNode[] {
    return this.#nodes;
  }

  /** @returns what ends it. */
  listen(listener: FlowListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

const lifecycles = new WeakMap<EventEmitter, FlowLifecycle>();

/** The one of a runtime: a node set may be loaded several times in a process. */
export function flowLifecycle(events: EventEmitter): FlowLifecycle {
  const lifecycle = lifecycles.get(events) ?? new FlowLifecycle(events);
  lifecycles.set(events, lifecycle);
  return lifecycle;
}
