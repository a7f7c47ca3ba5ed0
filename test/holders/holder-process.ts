import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { buildSync } from 'esbuild';
import { waitFor, within } from '../support/wait';
import type { Command, HolderOptions, Told } from './protocol';

const START_TIMEOUT_MS = 30_000;
const TOLD_TIMEOUT_MS = 30_000;

const running = new Set<ChildProcess>();
let program: string | undefined;
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  if (program !== undefined) fs.rmSync(path.dirname(program), { recursive: true, force: true });
});

/** The process' code in one file, so that a new one is there in a tenth of the time. */
function bundled(): string {
  if (program === undefined) {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'holder-'));
    program = path.join(directory, 'holder.js');
    buildSync({
      entryPoints: [path.join(__dirname, 'holder.ts')],
      outfile: program,
      bundle: true,
      platform: 'node',
      target: 'node20',
      logLevel: 'silent',
    });
  }
  return program;
}

/** Starts a process as the first of a PID namespace of its own, as in a container with the host's name. */
export const IN_OWN_PID_NAMESPACE = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'] as const;

/** Whether this user may make namespaces: only Linux has them, and only root, or who was given the right, may. */
export function mayUnshare(): boolean {
  const [command, ...args] = [...IN_OWN_PID_NAMESPACE, '--uts', 'true'];
  return process.platform === 'linux' && spawnSync(command as string, args).status === 0;
}

/** A process that wants a session. Told by `ask` what to do; `told` has everything it said, oldest first. */
export class HolderProcess {
  readonly told: Told[] = [];
  readonly #child: ChildProcess;
  readonly #listeners = new Set<(told: Told) => void>();
  #output = '';

  /** `wrapper`: a command that starts ours, such as `unshare --pid --fork`. It must hand on the IPC channel. */
  constructor(options: HolderOptions, wrapper: readonly string[] = []) {
    const [command, ...args] = [...wrapper, process.execPath, bundled(), JSON.stringify(options)];
    this.#child = spawn(command as string, args, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
    running.add(this.#child);
    this.#child.once('exit', () => running.delete(this.#child));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.#child.on('message', (told: Told) => {
      this.told.push(told);
      for (const listener of this.#listeners) listener(told);
    });
  }

  static async start(options: HolderOptions, wrapper: readonly string[] = []): Promise<HolderProcess> {
    const holder = new HolderProcess(options, wrapper);
    await holder.whenTold('ready', START_TIMEOUT_MS);
    return holder;
  }

  /** Of the process that was started: with a wrapper, the wrapper's. */
  get pid(): number {
    return this.#child.pid ?? -1;
  }

  /** Sends a signal to the process itself, which with a wrapper is the wrapper's only child. */
  signal(signal: NodeJS.Signals): void {
    const children = fs.readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8').trim();
    process.kill(children === '' ? this.pid : Number(children), signal);
  }

  get ended(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get log(): string {
    return `${this.#output}\n${this.told
      .slice(-10)
      .map((told) => JSON.stringify(told))
      .join('\n')}`;
  }

  ask(command: Command): void {
    this.#child.send(command);
  }

  /** Called with everything that is told from now on. @returns a function that ends it. */
  listen(listener: (told: Told) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The first message of that kind. @throws Error when the process fails or ends before. */
  async whenTold<T extends Told['told']>(kind: T, timeoutMs = TOLD_TIMEOUT_MS): Promise<Extract<Told, { told: T }>> {
    const found = () => {
      this.requireFine();
      return this.told.find((told): told is Extract<Told, { told: T }> => told.told === kind);
    };
    return waitFor(found, { what: `"${kind}"`, timeoutMs, intervalMs: 2, detail: () => this.log });
  }

  /** @throws Error when it reported a failure, or has ended. */
  requireFine(): void {
    const failure = this.told.find((told) => told.told === 'failed');
    if (failure !== undefined) throw new Error(`process ${this.pid} failed: ${failure.text}`);
    if (this.ended) throw new Error(`process ${this.pid} has ended:\n${this.log}`);
  }

  /** Numbers reported stored, in order. */
  get stored(): number[] {
    return this.told.flatMap((told) => (told.told === 'stored' ? [told.number] : []));
  }

  /** SIGKILL, and waits until it is gone. */
  async kill(): Promise<void> {
    if (this.ended) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await within(exited, TOLD_TIMEOUT_MS, 'the process to end after SIGKILL');
  }
}
