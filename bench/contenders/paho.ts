import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { type Answering, serveRounds } from './serve';

/**
 * Paho C with file persistence: `paho/publish.c`, compiled now. Debian has the library as `libpaho-mqtt-dev`. Runs as a
 * process of its own and measures itself.
 */
let folder: string | undefined;
let program: ChildProcess | undefined;
let lines: AsyncIterator<string> | undefined;

async function command(line: string): Promise<string[]> {
  program?.stdin?.write(`${line}\n`);
  const { value } = (await lines?.next()) ?? {};
  const [word = 'failed', ...rest] = String(value ?? 'failed the program ended').split(' ');
  if (word === 'failed') throw new Error(`Paho C: ${rest.join(' ')}`);
  return rest;
}

async function compile(target: string): Promise<void> {
  const source = join(__dirname, 'paho', 'publish.c');
  try {
    await promisify(execFile)('cc', ['-O2', '-o', target, source, '-lpaho-mqtt3a', '-lpthread']);
  } catch (cause) {
    throw new Error('absent: it needs a C compiler and libpaho-mqtt-dev', { cause });
  }
}

const contender: Answering = {
  async connect(brokerUrl) {
    folder = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), 'mqtt-sessions-bench-paho-'));
    const binary = join(folder, 'publish');
    await compile(binary);
    program = spawn(binary, { stdio: ['pipe', 'pipe', 'inherit'] });
    lines = createInterface({ input: program.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
    await command(`connect ${brokerUrl.replace('mqtt:', 'tcp:')} ${folder}`);
  },
  async round({ messages, outstanding, payloadBytes, qos, topic = 'bench/publish' }) {
    const [ms, us] = await command(`round ${messages} ${outstanding} ${payloadBytes} ${qos} ${topic}`);
    return { milliseconds: Number(ms), cpuMicroseconds: Number(us) };
  },
  async close() {
    if (program?.exitCode === null) {
      program.stdin?.end();
      await once(program, 'exit');
    }
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  },
};

process.once('SIGTERM', () => {
  program?.kill();
  process.exit();
});
serveRounds(contender);
