/**
 * npm run fuzz -- [--seconds N] [--inputs N] [--seed S] [--target X] [--input I] [--json]
 *
 * Gives mutated valid inputs to every parser (or to X), for N seconds together. Only errors with a code may come of it, in
 * bounded time and memory. `--inputs` goes on with each target until it had so many, however long that takes. The first input that breaks this ends its target; it is repeated by --target X --input I.
 * Exit codes: 0 all well, 1 an input broke a rule, 2 wrong arguments.
 */
import { parseArgs } from 'node:util';
import { provenance, provenanceLine } from '../../support/provenance';
import { fuzz, type TargetReport } from './runner';
import { targets } from './targets';
import { Watchdog } from './watchdog';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    inputs: { type: 'string', default: '1' },
    seed: { type: 'string' },
    target: { type: 'string' },
    input: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const seconds = Number(values.seconds);
  const inputsMin = Number(values.inputs);
  const seed = values.seed === undefined ? Math.trunc(Math.random() * 2 ** 32) : Number(values.seed);
  const only = values.input === undefined ? undefined : Number(values.input);
  const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target);
  if (![seconds, inputsMin, seed, only ?? 0].every(Number.isFinite) || chosen.length === 0) {
    console.error(
      `--seconds, --inputs, --seed and --input are numbers; --target is one of ${targets.map(({ name }) => name)}.`,
    );
    return 2;
  }
  const watchdog = new Watchdog();
  const reports: (TargetReport & { perSecond: number })[] = [];
  for (const target of chosen) {
    const milliseconds = (seconds * 1000) / chosen.length;
    const started = performance.now();
    const report = await fuzz(target, { seed, milliseconds, inputsMin, only }, watchdog);
    const perSecond = Math.round(report.inputs / ((performance.now() - started) / 1000));
    reports.push({ ...report, perSecond });
    if (report.failure !== undefined) console.error(report.failure);
    const { inputs, accepted, slowestMs, largestAllocation } = report;
    // Standard output is the JSON's.
    (values.json ? console.error : console.log)(
      `${target.name.padEnd(14)} ${String(inputs).padStart(10)} inputs (${perSecond}/s), ${String(accepted).padStart(9)} accepted, ` +
        `slowest ${slowestMs.toFixed(1)} ms, largest buffer ${Math.ceil(largestAllocation / 1024)} KiB`,
    );
  }
  await watchdog.stop();
  const inputs = reports.reduce((sum, report) => sum + report.inputs, 0);
  const failures = reports.filter(({ failure }) => failure !== undefined).length;
  const peakMegabytes = Math.round(process.resourceUsage().maxRSS / 1024);
  if (values.json) {
    console.log(JSON.stringify({ seed, seconds, inputs, failures, peakMegabytes, targets: reports, ...provenance() }));
  } else {
    console.log(
      `seed ${seed}: ${inputs} inputs, ${failures} failures, at most ${peakMegabytes} MB in use; ${provenanceLine()}`,
    );
  }
  return failures === 0 ? 0 : 1;
}

void main().then((exitCode) => {
  process.exitCode = exitCode;
});
