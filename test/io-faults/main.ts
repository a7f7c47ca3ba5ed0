/**
 * npm run io-faults -- [--deep] [--workload NAME] [--json]
 *
 * Each workload is run again and again by the real library, each time with another call to the disk that fails. With
 * `--deep` every call with every code that it may answer, once and for ever; without, as in `npm test`.
 */
import { parseArgs } from 'node:util';
import { machine } from '../../bench/machine';
import { workloads } from '../crash-points/workloads/all';
import { failEverywhere } from './run';

const { values } = parseArgs({
  options: {
    deep: { type: 'boolean', default: false },
    workload: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const started = performance.now();
  const results: { workload: string; calls: number; runs: number; seconds: number; violations: number }[] = [];
  for (const workload of workloads) {
    if (values.workload !== undefined && workload.name !== values.workload) continue;
    const begun = performance.now();
    const { calls, runs, violations } = await failEverywhere(workload, values.deep ? 'full' : 'sample');
    const seconds = Math.round((performance.now() - begun) / 100) / 10;
    results.push({ workload: workload.name, calls, runs, seconds, violations: violations.length });
    if (!values.json) console.log(`${workload.name}: ${calls} calls, ${runs} runs, ${seconds} s`);
    for (const violation of violations) console.error(`  VIOLATION ${violation}`);
  }
  const sum = (of: (result: (typeof results)[number]) => number) => results.reduce((total, one) => total + of(one), 0);
  const total = { runs: sum(({ runs }) => runs), violations: sum(({ violations }) => violations) };
  const seconds = Math.round((performance.now() - started) / 1000);
  const date = new Date().toISOString().slice(0, 10);
  if (values.json) {
    console.log(JSON.stringify({ deep: values.deep, ...total, seconds, workloads: results, machine: machine(), date }));
  } else {
    console.log(`${total.runs} runs, ${total.violations} violations, ${seconds} s`);
  }
  return total.violations === 0 && results.length > 0 ? 0 : 1;
}

void main().then((exitCode) => {
  process.exitCode = exitCode;
});
