import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { generate } from 'mqtt-packet';
import { freePort } from '../../support/ports';
import { waitFor, within } from '../../support/wait';
import type { Broker } from './broker';

/** A program, with what it takes to run it. */
export interface Start {
  program: string;
  args: string[];
  env?: Record<string, string>;
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;
const LOG_CHARACTERS_MAX = 50_000;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** A broker that is a program. `configure` writes its files into `directory` and says how it is started. */
export class BrokerProcess implements Broker {
  readonly directory: string;
  port = 0;
  log = '';
  readonly #configure: (directory: string, port: number) => Promise<Start>;
  #start: Start | undefined;
  #child: ChildProcess | undefined;

  constructor(
    name: string,
    configure: (directory: string, port: number) => Promise<Start>,
    readonly credentials: Broker['credentials'] = undefined,
  ) {
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), `${name}-`));
    this.#configure = configure;
  }

  async start(): Promise<void> {
    if (this.#start === undefined) {
      this.port = await freePort();
      this.#start = await this.#configure(this.directory, this.port);
    }
    const { program, args, env } = this.#start;
    const child = spawn(program, args, {
      cwd: this.directory,
      env: { ...process.env, HOME: this.directory, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.log = (this.log + text).slice(-LOG_CHARACTERS_MAX);
      });
    }
    running.add(child);
    this.#child = child;
    child.once('close', () => {
      running.delete(child);
      if (this.#child === child) this.#child = undefined;
    });
    const ready = () => {
      if (failure) throw failure;
      if (this.#child !== child) throw new Error(`${program} ended while starting:\n${this.log}`);
      return this.#answersConnect();
    };
    await waitFor(ready, {
      what: `CONNACK of ${program}`,
      timeoutMs: READY_TIMEOUT_MS,
      intervalMs: 100,
      detail: () => this.log,
    });
  }

  async stop(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const closed = once(child, 'close');
    child.kill('SIGTERM');
    try {
      await within(closed, STOP_TIMEOUT_MS, `process ${child.pid} to end after SIGTERM`);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  async remove(): Promise<void> {
    await this.stop();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  /** Whether a CONNECT is answered with success. */
  #answersConnect(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = net.connect(this.port, '127.0.0.1');
      const answer = (ready: boolean) => {
        socket.destroy();
        resolve(ready);
      };
      socket.setTimeout(2_000, () => answer(false));
      socket.once('error', () => answer(false));
      socket.once('close', () => answer(false));
      socket.once('data', (bytes) => answer(bytes[0] === 0x20 && bytes[3] === 0));
      const { username, password } = this.credentials ?? {};
      socket.write(
        generate({
          cmd: 'connect',
          clientId: `ready-${process.pid}`,
          clean: true,
          protocolVersion: 4,
          ...(username !== undefined && password !== undefined && { username, password: Buffer.from(password) }),
        }),
      );
    });
  }
}
