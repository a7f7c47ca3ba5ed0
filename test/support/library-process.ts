// The library without Node-RED in a process of its own, so that it can be killed at any moment.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import * as path from 'node:path';
import type {
  Call,
  Calls,
  FromProcess,
  LibraryProcessOptions,
  ProcessEvent,
  Request,
} from './library-process/protocol';
import { waitFor, within } from './wait';

export type {
  LibraryClient,
  LibraryProcessOptions,
  ProcessEvent,
  ProcessMemory,
  TrafficStream,
} from './library-process/protocol';

const OPEN_TIMEOUT_MS = 120_000;
const END_TIMEOUT_MS = 30_000;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

interface PendingCall {
  resolve: (answer: unknown) => void;
  reject: (error: Error) => void;
}

export class LibraryProcess {
  /** Everything the process told, oldest first. */
  readonly events: ProcessEvent[] = [];
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, PendingCall>();
  #output = '';
  #calls = 0;

  /** Starts the process and does not wait for it; see {@link whenOpen}. */
  constructor(options: LibraryProcessOptions) {
    this.#child = fork(path.join(__dirname, 'library-process', 'main.ts'), [JSON.stringify(options)], {
      execArgv: ['--require', 'tsx/cjs'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    running.add(this.#child);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.#child.on('message', (message: FromProcess) => this.#onMessage(message));
    this.#child.once('exit', () => {
      running.delete(this.#child);
      const error = new Error('the library process ended');
      for (const { reject } of this.#pending.values()) reject(error);
      this.#pending.clear();
    });
  }

  /** Starts the process and waits until its sessions are open. @throws with its output when they cannot be opened. */
  static async start(options: LibraryProcessOptions): Promise<LibraryProcess> {
    const process = new LibraryProcess(options);
    try {
      await process.whenOpen();
    } catch (error) {
      await process.kill();
      throw error;
    }
    return process;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  /** What it wrote, and the errors it told. */
  get log(): string {
    return [this.#output, ...this.errors()].join('\n');
  }

  /** Waits until all its sessions are open. */
  async whenOpen(): Promise<void> {
    const open = () => {
      if (this.ended) throw new Error(`the library process ended before its sessions were open:\n${this.log}`);
      return this.events.some(({ event }) => event === 'open');
    };
    await waitFor(open, { what: 'open sessions', timeoutMs: OPEN_TIMEOUT_MS, detail: () => this.log });
  }

  /** Waits until a client's connection is up. */
  async whenConnected(clientId: string, timeoutMs = 30_000): Promise<void> {
    const up = () => {
      if (this.ended) throw new Error(`the library process ended:\n${this.log}`);
      const changes = this.eventsOf(clientId).filter(({ event }) => event === 'connected' || event === 'disconnected');
      return changes.at(-1)?.event === 'connected';
    };
    await waitFor(up, { what: `a connection of ${clientId}`, timeoutMs, detail: () => this.log });
  }

  eventsOf(clientId: string): ProcessEvent[] {
    return this.events.filter((event) => 'clientId' in event && event.clientId === clientId);
  }

  /** Connections of a client that were up and ended, oldest first. */
  lostConnections(clientId: string): Extract<ProcessEvent, { event: 'disconnected' }>[] {
    return this.events.filter(
      (event): event is Extract<ProcessEvent, { event: 'disconnected' }> =>
        event.event === 'disconnected' && event.clientId === clientId && event.wasUp,
    );
  }

  /** Session Present of each connection of a client, oldest first. */
  sessionsPresent(clientId: string): (boolean | undefined)[] {
    return this.events.flatMap((event) =>
      event.event === 'connected' && event.clientId === clientId ? [event.sessionPresent] : [],
    );
  }

  /** Errors of stores, publishes and discarded messages, and what recovery had to repair beyond a torn tail. */
  errors(): string[] {
    return this.events.flatMap((event) => {
      if (event.event === 'error') return [`${event.clientId}: ${event.text}`];
      if (event.event === 'notice' && event.level !== 'info') return [`${event.clientId}: ${event.text}`];
      return [];
    });
  }

  call<C extends Call>(
    call: C,
    ...[input]: Calls[C]['arguments'] extends undefined ? [] : [Calls[C]['arguments']]
  ): Promise<Calls[C]['answer']> {
    const id = ++this.#calls;
    const request: Request = { id, call, arguments: input };
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (answer: unknown) => void, reject });
      this.#child.send(request, (error) => error && this.#settle(id, (pending) => pending.reject(error)));
    });
  }

  /** SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.ended) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await within(exited, END_TIMEOUT_MS, 'the library process to end after SIGKILL');
  }

  /** Closes its sessions in order and waits until it is gone. */
  async stop(): Promise<void> {
    if (this.ended) return;
    const exited = once(this.#child, 'exit');
    try {
      await this.call('close');
      await within(exited, END_TIMEOUT_MS, 'the library process to end');
    } catch (error) {
      await this.kill();
      throw new Error(`the library process did not close in order:\n${this.log}`, { cause: error });
    }
  }

  #onMessage(message: FromProcess): void {
    if (!('id' in message)) this.events.push(message);
    else if ('failure' in message) this.#settle(message.id, ({ reject }) => reject(new Error(message.failure)));
    else this.#settle(message.id, ({ resolve }) => resolve(message.answer));
  }

  #settle(id: number, settle: (pending: PendingCall) => void): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (pending) settle(pending);
  }
}
