// Runs the demo as a person does, in a data folder of its own and on random ports.
import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { waitFor } from '../support/wait';

const projectRoot = path.resolve(__dirname, '..', '..');
const START_TIMEOUT_MS = 90_000;
const END_TIMEOUT_MS = 30_000;

export interface Totals {
  sent: number;
  received: number;
  missing: number;
  doubled: number;
}

export interface DemoProcess {
  /** Of the editor, without a slash at the end. */
  readonly url: string;
  readonly brokerPort: number;
  /** Process identifier of the launcher. */
  readonly pid: number;
  output(): string;
  /** Presses a button of the flow. */
  press(id: string): Promise<void>;
  /** What the flow's counter shows; it is asked for outside Node-RED. */
  totals(): Promise<Totals>;
  /** Sends a signal to the launcher alone and waits for its end. */
  end(signal: NodeJS.Signals): Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>;
}

/** Starts the demo and waits until it has printed its address. */
export async function startDemo(data: string, args: string[] = []): Promise<DemoProcess> {
  const { child, output, ended } = launchDemo(['--port', '0', '--broker-port', '0', '--data', data, ...args]);
  const greeting = await waitFor(
    () => {
      if (!isRunning(child)) throw new Error(`The demo ended instead of starting. It wrote:\n${output()}`);
      return /(?<url>http:\/\/127\.0\.0\.1:\d+)\s[\s\S]*broker on 127\.0\.0\.1:(?<brokerPort>\d+)/.exec(output())
        ?.groups;
    },
    { what: 'the demo to print its address', timeoutMs: START_TIMEOUT_MS, intervalMs: 50, detail: output },
  );
  const { control } = JSON.parse(await fs.readFile(path.join(data, 'demo.json'), 'utf8')) as { control: string };
  const url = greeting.url ?? '';

  return {
    url,
    brokerPort: Number(greeting.brokerPort),
    pid: child.pid ?? -1,
    output,
    async press(id) {
      const response = await fetch(`${url}/inject/${id}`, { method: 'POST' });
      if (!response.ok) throw new Error(`The button ${id} could not be pressed: ${response.status}`);
    },
    async totals() {
      const response = await fetch(`${control}/counter`);
      return ((await response.json()) as { totals: Totals }).totals;
    },
    async end(signal) {
      child.kill(signal);
      await waitFor(() => !isRunning(child), {
        what: `the demo to end after ${signal}`,
        timeoutMs: END_TIMEOUT_MS,
        detail: output,
      });
      return ended;
    },
  };
}

/** Runs the demo to its end and answers with what it wrote. */
export async function runDemo(args: string[]): Promise<{ exitCode: number | null; output: string }> {
  const { output, ended } = launchDemo(args);
  const { exitCode } = await ended;
  return { exitCode, output: output() };
}

/**
 * Process identifiers of all living processes that have to do with a folder (Linux): they run in it, as Node-RED does,
 * which hides its command line behind a title, or have it in their command line.
 */
export async function processesOf(folder: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of (await fs.readdir('/proc')).filter((entry) => /^\d+$/.test(entry))) {
    const commandLine = await ifOurs(fs.readFile(`/proc/${name}/cmdline`, 'utf8'));
    const workingFolder = await ifOurs(fs.readlink(`/proc/${name}/cwd`));
    if (commandLine.includes(folder) || workingFolder.startsWith(folder)) found.push(Number(name));
  }
  return found;
}

/** The empty text for a process that ended while we were looking, or is somebody else's: we started none of those. */
function ifOurs(reading: Promise<string>): Promise<string> {
  return reading.catch((error: NodeJS.ErrnoException) => {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(error.code ?? '')) return '';
    throw error;
  });
}

function launchDemo(args: string[]) {
  const child = spawn(process.execPath, [path.join(projectRoot, 'scripts', 'demo.mjs'), ...args], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const ended = new Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode, signal) => resolve({ exitCode, signal }));
  });
  return { child, ended, output: () => text };
}

function isRunning(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}
