import { parseArgs } from 'node:util';
import { backpressure } from './benchmarks/backpressure';
import { drain } from './benchmarks/drain';
import { flow } from './benchmarks/flow';
import { growth } from './benchmarks/growth';
import { inbound } from './benchmarks/inbound';
import { latency } from './benchmarks/latency';
import { open } from './benchmarks/open';
import { publish, publish2 } from './benchmarks/publish';
import { sessions } from './benchmarks/sessions';
import { slowDisk } from './benchmarks/slow-disk';
import { storage } from './benchmarks/storage';
import { wear } from './benchmarks/wear';
import { window } from './benchmarks/window';
import { machine } from './machine';
import { drawCharts, record } from './record';
import { type Benchmark, type BenchmarkResult, isMet } from './result';

const benchmarks: Readonly<Record<string, Benchmark>> = {
  publish,
  publish2,
  window,
  latency,
  drain,
  open,
  growth,
  inbound,
  flow,
  wear,
  'slow-disk': slowDisk,
  backpressure,
  sessions,
  storage,
};

const CHARTS = 'docs/images/bench';

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      charts: { type: 'string' },
    },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(benchmarks);
  const unknown = names.filter((name) => !Object.hasOwn(benchmarks, name));
  if (unknown.length > 0) {
    console.error(`Unknown benchmark ${unknown.join(', ')}. There are: ${Object.keys(benchmarks).join(', ')}.`);
    return 2;
  }
  if (!values.json) console.log(machine());
  const results: BenchmarkResult[] = [];
  for (const name of names) {
    const result = await benchmarks[name]?.({ quick: values.quick });
    if (result === undefined) continue;
    results.push(result);
    if (values.json) console.log(JSON.stringify({ ...result, machine: machine() }));
    else print(result);
    // After each, so that an interrupted run keeps what it has.
    if (values.record) await record([result], machine(), values.charts ?? CHARTS);
  }
  if (!values.record && values.charts !== undefined) await drawCharts(results, machine(), values.charts);
  return 0;
}

function print({ benchmark, what, table, figures = {}, failed = {}, targets = [] }: BenchmarkResult): void {
  console.log(`\n${benchmark}: ${what}`);
  if (Object.keys(table).length > 0) console.table(table);
  for (const [name, value] of Object.entries(figures)) console.log(`${name}: ${value}`);
  for (const [name, reason] of Object.entries(failed)) console.log(`${name} did not complete: ${reason}`);
  for (const target of targets) {
    const { value, atLeast, atMost } = target;
    const verdict = { true: 'met', false: 'MISSED', undefined: 'not measured' }[String(isMet(target))];
    const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
    console.log(`target ${verdict}: ${target.what}, ${bound}: ${value ?? '-'}`);
  }
}

void main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: Error) => {
    console.error(error.stack ?? error.message);
    process.exitCode = 1;
  },
);
