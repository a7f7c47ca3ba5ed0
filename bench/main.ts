import { parseArgs } from 'node:util';
import { drain } from './benchmarks/drain';
import { growth } from './benchmarks/growth';
import { inbound } from './benchmarks/inbound';
import { latency } from './benchmarks/latency';
import { open } from './benchmarks/open';
import { publish, publish2 } from './benchmarks/publish';
import { sessions } from './benchmarks/sessions';
import { storage } from './benchmarks/storage';
import { wear } from './benchmarks/wear';
import { window } from './benchmarks/window';
import { machine } from './machine';
import type { Benchmark, BenchmarkResult } from './result';

const benchmarks: Readonly<Record<string, Benchmark>> = {
  publish,
  publish2,
  window,
  latency,
  drain,
  open,
  growth,
  inbound,
  wear,
  sessions,
  storage,
};

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(benchmarks);
  const unknown = names.filter((name) => !Object.hasOwn(benchmarks, name));
  if (unknown.length > 0) {
    console.error(`Unknown benchmark ${unknown.join(', ')}. There are: ${Object.keys(benchmarks).join(', ')}.`);
    return 2;
  }
  if (!values.json) console.log(machine());
  for (const name of names) {
    const result = await benchmarks[name]?.({ quick: values.quick });
    if (result === undefined) continue;
    if (values.json) console.log(JSON.stringify({ ...result, machine: machine() }));
    else print(result);
  }
  return 0;
}

function print({ benchmark, what, table, figures = {}, failed = {} }: BenchmarkResult): void {
  console.log(`\n${benchmark}: ${what}`);
  if (Object.keys(table).length > 0) console.table(table);
  for (const [name, value] of Object.entries(figures)) console.log(`${name}: ${value}`);
  for (const [name, reason] of Object.entries(failed)) console.log(`${name} did not complete: ${reason}`);
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
