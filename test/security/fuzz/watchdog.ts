import { Worker } from 'node:worker_threads';

const HANG_MS = 90_000;
const NAME_BYTES = 64;

/** Runs beside the fuzzer: an endless loop lets nothing else run in its thread. */
const WATCH = `
const { workerData } = require('node:worker_threads');
const { writeSync } = require('node:fs');
const { shared, hangMs, nameBytes } = workerData;
const numbers = new Int32Array(shared, 0, 3);
const name = new Uint8Array(shared, 12, nameBytes);
let last = -1, since = Date.now();
setInterval(() => {
  const [running, number, seed] = numbers;
  if (running === 0 || number !== last) { last = number; since = Date.now(); return; }
  if (Date.now() - since < hangMs) return;
  const target = Buffer.from(name).toString('utf8').replace(/\\0.*$/s, '');
  writeSync(2, 'HANG: input ' + (seed >>> 0) + ' of ' + target + ' (again: --target ' + target + ' --input ' + (seed >>> 0) + ')\\n');
  process.kill(process.pid, 'SIGKILL');
}, 500);
`;

/** Ends the process, naming the input, when one input takes longer than a minute and a half. */
export class Watchdog {
  readonly #numbers: Int32Array;
  readonly #name: Uint8Array;
  readonly #worker: Worker;
  #lastName = '';

  constructor() {
    const shared = new SharedArrayBuffer(12 + NAME_BYTES);
    this.#numbers = new Int32Array(shared, 0, 3);
    this.#name = new Uint8Array(shared, 12, NAME_BYTES);
    const workerData = { shared, hangMs: HANG_MS, nameBytes: NAME_BYTES };
    this.#worker = new Worker(WATCH, { eval: true, workerData, execArgv: [] });
    this.#worker.unref();
  }

  begin(name: string, seed: number): void {
    if (name !== this.#lastName) {
      this.#name.fill(0).set(Buffer.from(name).subarray(0, NAME_BYTES));
      this.#lastName = name;
    }
    this.#numbers[2] = seed | 0;
    this.#numbers[1] = ((this.#numbers[1] ?? 0) + 1) | 0;
    this.#numbers[0] = 1;
  }

  end(): void {
    this.#numbers[0] = 0;
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
