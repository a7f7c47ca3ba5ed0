/**
 * npm run crash-points -- [--deep] [--workload NAME] [--json]
 *
 * Each workload is run once by the real library on a disk that writes down what is done to it; then every state that a
 * crash may leave after each of these operations is built and opened. Without `--deep` as in `npm test`.
 */
import { parseArgs } from 'node:util';
import { machine } from '../../bench/machine';
import { DEEP, SHALLOW } from './crash-states';
import { crashEverywhere } from './record';
import { workloads } from './workloads/all';

const { values } = parseArgs({
  options: {
    deep: { type: 'boolean', default: false },
    workload: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const started = performance.now();
  const results: { workload: string; operations: number; states: number; seconds: number; violations: number }[] = [];
  for (const workload of workloads) {
    if (values.workload !== undefined && workload.name !== values.workload) continue;
    const begun = performance.now();
    const { operations, states, violations } = await crashEverywhere(workload, values.deep ? DEEP : SHALLOW);
    const seconds = Math.round((performance.now() - begun) / 100) / 10;
    results.push({ workload: workload.name, operations, states, seconds, violations: violations.length });
    if (!values.json) console.log(`${workload.name}: ${operations} operations, ${states} states, ${seconds} s`);
    for (const violation of violations) console.error(`  VIOLATION ${violation}`);
  }
  const sum = (of: (result: (typeof results)[number]) => number) => results.reduce((total, one) => total + of(one), 0);
  const total = { states: sum(({ states }) => states), violations: sum(({ violations }) => violations) };
  const seconds = Math.round((performance.now() - started) / 1000);
  const date = new Date().toISOString().slice(0, 10);
  if (values.json) {
    console.log(JSON.stringify({ deep: values.deep, ...total, seconds, workloads: results, machine: machine(), date }));
  } else {
    console.log(`${total.states} states, ${total.violations} violations, ${seconds} s`);
  }
  return total.violations === 0 && results.length > 0 ? 0 : 1;
}

void main().then((exitCode) => {
  process.exitCode = exitCode;
});
