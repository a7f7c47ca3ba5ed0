import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { type BenchmarkResult, publish } from './publish';

const benchmarks: Record<string, (options: { quick: boolean }) => Promise<BenchmarkResult>> = { publish };

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

function machine(): string {
  const [first] = cpus();
  return `${cpus().length} x ${first?.model.trim() ?? 'unknown processor'}, ${process.platform} ${process.arch}, Node.js ${process.version}`;
}

function print(result: BenchmarkResult): void {
  console.log(`\n${result.benchmark}: ${result.messages} messages a round, ${result.pairs} interleaved pairs`);
  console.table(
    Object.fromEntries(
      Object.keys(result.messagesPerSecond).map((name) => [
        name,
        {
          'messages/s': result.messagesPerSecond[name],
          'CPU us/message': result.cpuMicrosecondsPerMessage[name],
          'ours / theirs': result.ratios[name] ?? '',
          range: result.ranges[name]?.join(' to ') ?? '',
        },
      ]),
    ),
  );
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
