import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import * as mqttPacket from 'mqtt-packet';
import { type Certificates, createCertificates } from './mosquitto/certificates';
import { passwordLine } from './mosquitto/password';
import { freePort } from './ports';
import { WaitTimeoutError, waitFor, within } from './wait';

export interface MosquittoOptions {
  /**
   * Leave the limits to Mosquitto: 20 messages in flight per client (its Receive Maximum in MQTT 5; a 3.1.1 client with
   * more open QoS 2 messages is dropped) and 1,000 queued, above which it drops messages for slow subscribers. Without
   * it there are no limits.
   */
  defaultLimits?: boolean;
  /** Sets only this limit; 0 is none. */
  maxInflightMessages?: number;
  /** Sets only this limit; 0 is none. */
  maxQueuedMessages?: number;
  /** Only this user may connect. */
  credentials?: { username: string; password: string };
  /** Also listen for MQTT over WebSocket. */
  websockets?: boolean;
  /** Also listen for MQTT over TLS, with a certificate for localhost and 127.0.0.1. Needs openssl. */
  tls?: boolean;
  /**
   * Seconds between two writes of the broker's state to disk; default 1, 0: only when it stops. `stop()` keeps
   * everything; `kill()` loses what came after the last write.
   */
  autosaveSeconds?: number;
  /** More lines for its configuration file. */
  configuration?: string[];
}

/** Mosquitto could not be started; the message has its output. */
export class MosquittoError extends Error {
  readonly code = 'MOSQUITTO_NOT_STARTED';
}

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const LOG_LINES_MAX = 2_000;
// Of a WebSocket listener it does not say why.
const PORT_TAKEN = /Address already in use|Unable to create websockets listener/;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Path of the broker, or undefined if there is none. Looks at MOSQUITTO, PATH and the usual system directories. */
export function findMosquitto(): string | undefined {
  if (process.env.MOSQUITTO) return process.env.MOSQUITTO;
  const directories = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/usr/local/sbin'];
  const name = process.platform === 'win32' ? 'mosquitto.exe' : 'mosquitto';
  return directories.map((directory) => path.join(directory, name)).find((file) => fs.existsSync(file));
}

/**
 * A real Mosquitto with its own configuration, port and data, all below one temporary directory.
 *
 * `stop()` and `start()`, or `restart()`, keep port and data; `remove()` ends it for good.
 */
export class Mosquitto {
  readonly directory: string;
  readonly #options: MosquittoOptions;
  readonly #log: string[] = [];
  #certificates: Certificates | undefined;
  #child: ChildProcess | undefined;
  #port = 0;
  #websocketPort = 0;
  #tlsPort = 0;

  constructor(options: MosquittoOptions = {}) {
    this.#options = options;
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mosquitto-'));
  }

  /** Makes and starts one. @throws MosquittoError */
  static async start(options: MosquittoOptions = {}): Promise<Mosquitto> {
    const broker = new Mosquitto(options);
    try {
      await broker.start();
    } catch (error) {
      await broker.remove();
      throw error;
    }
    return broker;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  /** Only with the option `websockets`. */
  get websocketUrl(): string {
    return `ws://127.0.0.1:${this.#websocketPort}`;
  }

  /** Only with the option `tls`. */
  get tlsUrl(): string {
    return `mqtts://127.0.0.1:${this.#tlsPort}`;
  }

  /** PEM file of the authority that signed the broker's certificate. Only with the option `tls`. */
  get caFile(): string {
    if (!this.#certificates) throw new Error('this Mosquitto was made without the option tls');
    return this.#certificates.caFile;
  }

  /** Its newest output. */
  get log(): string {
    return this.#log.join('\n');
  }

  get running(): boolean {
    return this.#child !== undefined;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** When it last wrote its state to disk, in milliseconds since the epoch; undefined: not yet. */
  get savedAtMs(): number | undefined {
    return fs.statSync(path.join(this.directory, 'mosquitto.db'), { throwIfNoEntry: false })?.mtimeMs;
  }

  /** Starts it and waits until it answers CONNECT. @throws MosquittoError */
  async start(): Promise<void> {
    if (this.#child) throw new Error(`Mosquitto on port ${this.#port} runs already`);
    const first = this.#port === 0;
    if (this.#options.tls) this.#certificates ??= createCertificates(this.directory);
    for (let attempt = 1; ; attempt++) {
      if (first) {
        this.#port = await freePort();
        if (this.#options.websockets) this.#websocketPort = await freePort();
        if (this.#options.tls) this.#tlsPort = await freePort();
      }
      const from = this.#log.length;
      try {
        return await this.#spawn();
      } catch (error) {
        const clash = this.#log.slice(from).some((line) => PORT_TAKEN.test(line));
        if (!clash || attempt === 10) throw error;
      }
    }
  }

  /** SIGTERM: it writes its state and ends. Nothing happens if it does not run. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  /** SIGKILL. Its state is that of the last autosave. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  /** Stops and starts it on the same port with the same data. */
  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Stops it and removes its directory. */
  async remove(): Promise<void> {
    await this.stop();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }

  async #spawn(): Promise<void> {
    const command = findMosquitto();
    if (!command) throw new MosquittoError('mosquitto not found: install it, or name it in the variable MOSQUITTO');
    const file = path.join(this.directory, 'mosquitto.conf');
    fs.writeFileSync(file, `${this.#configuration().join('\n')}\n`, { mode: 0o600 });
    const child = spawn(command, ['-c', file], { stdio: ['ignore', 'pipe', 'pipe'] });
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
    });
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#capture(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#capture(text));
    running.add(child);
    this.#child = child;
    child.once('close', () => {
      running.delete(child);
      if (this.#child === child) this.#child = undefined;
    });
    try {
      const ready = async () => {
        if (failure) throw failure;
        if (this.#child !== child) throw new MosquittoError(`mosquitto ended while starting:\n${this.log}`);
        return answersConnect(this.#port);
      };
      await waitFor(ready, { what: `CONNACK from mosquitto on port ${this.#port}`, timeoutMs: READY_TIMEOUT_MS });
    } catch (error) {
      await this.kill();
      if (error instanceof WaitTimeoutError)
        throw new MosquittoError(`${error.message}\n${this.log}`, { cause: error });
      throw error;
    }
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const closed = once(child, 'close');
    child.kill(signal);
    try {
      await within(closed, STOP_TIMEOUT_MS, `mosquitto (pid ${child.pid}) to end after ${signal}`);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  #configuration(): string[] {
    const { options, directory } = { options: this.#options, directory: this.directory };
    const lines = [
      `listener ${this.#port} 127.0.0.1`,
      'protocol mqtt',
      ...(options.websockets ? [`listener ${this.#websocketPort} 127.0.0.1`, 'protocol websockets'] : []),
    ];
    if (this.#certificates) {
      const { caFile, certificateFile, keyFile } = this.#certificates;
      lines.push(`listener ${this.#tlsPort} 127.0.0.1`, 'protocol mqtt');
      lines.push(`cafile ${caFile}`, `certfile ${certificateFile}`, `keyfile ${keyFile}`);
    }
    lines.push('persistence true', `persistence_location ${directory}${path.sep}`);
    lines.push(`autosave_interval ${options.autosaveSeconds ?? 1}`, 'autosave_on_changes false');
    lines.push('log_dest stderr', 'log_type error', 'log_type warning', 'log_type notice', 'log_timestamp true');
    // As root it would change to a user who may not write the directory.
    if (process.getuid?.() === 0) lines.push('user root');
    if (options.credentials) {
      const passwordFile = path.join(directory, 'passwords');
      fs.writeFileSync(passwordFile, passwordLine(options.credentials), { mode: 0o600 });
      lines.push('allow_anonymous false', `password_file ${passwordFile}`);
    } else {
      lines.push('allow_anonymous true');
    }
    const noLimit = options.defaultLimits ? undefined : 0;
    const inflight = options.maxInflightMessages ?? noLimit;
    const queued = options.maxQueuedMessages ?? noLimit;
    if (inflight !== undefined) lines.push(`max_inflight_messages ${inflight}`);
    if (queued !== undefined) lines.push(`max_queued_messages ${queued}`);
    return [...lines, ...(options.configuration ?? [])];
  }

  #capture(text: string): void {
    this.#log.push(...text.split('\n').filter((line) => line !== ''));
    if (this.#log.length > LOG_LINES_MAX) this.#log.splice(0, this.#log.length - LOG_LINES_MAX);
  }
}

/** Whether a CONNECT is answered with a CONNACK of any kind; a refusal is an answer too. */
function answersConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    const answer = (ready: boolean) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1_000, () => answer(false));
    socket.once('error', () => answer(false));
    socket.once('close', () => answer(false));
    socket.once('data', (bytes) => answer(bytes[0] === 0x20));
    socket.write(
      mqttPacket.generate({ cmd: 'connect', clientId: `ready-${process.pid}`, clean: true, protocolVersion: 4 }),
    );
  });
}
