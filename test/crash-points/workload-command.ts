import { parseArgs } from 'node:util';
import { provenance, provenanceLine } from '../support/provenance';
import type { Workload } from './workload';
import { workloads } from './workloads/all';

/** Figures of one workload; `violations` are sentences. */
export interface WorkloadResult {
  workload: string;
  violations: string[];
}

/**
 * A command that runs all workloads, or the one named by `--workload`, and tells the figures of each and their sums, with
 * `--json` as one line. The exit code is 0 when there was no violation, and something to run.
 * @param judge Runs one workload, with `--deep` in full depth.
 * @param figures Names of the figures of a result, in the order in which they are told; the last one is summed up.
 */
export function workloadCommand<Figure extends string>(
  judge: (workload: Workload, deep: boolean) => Promise<WorkloadResult & Record<Figure, number>>,
  ...figures: [...Figure[], Figure]
): void {
  const { values } = parseArgs({
    options: {
      deep: { type: 'boolean', default: false },
      workload: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const summed = figures.at(-1) as Figure;

  async function main(): Promise<number> {
    const started = performance.now();
    const results: Record<string, string | number>[] = [];
    const total = { [summed]: 0, violations: 0 } as Record<Figure | 'violations', number>;
    for (const workload of workloads) {
      if (values.workload !== undefined && workload.name !== values.workload) continue;
      const begun = performance.now();
      const result = await judge(workload, values.deep);
      const seconds = Math.round((performance.now() - begun) / 100) / 10;
      const told = figures.map((figure) => [figure, result[figure]] as const);
      const { name } = workload;
      const violations = result.violations.length;
      results.push({ workload: name, ...Object.fromEntries(told), seconds, violations });
      total[summed] += result[summed];
      total.violations += violations;
      const text = told.map(([figure, count]) => `${count} ${figure}`).join(', ');
      // Standard output is the JSON's.
      (values.json ? console.error : console.log)(`${name}: ${text}, ${seconds} s`);
      for (const violation of result.violations) console.error(`  VIOLATION ${violation}`);
    }
    const seconds = Math.round((performance.now() - started) / 1000);
    if (values.json) {
      const { deep } = values;
      console.log(JSON.stringify({ deep, ...total, seconds, workloads: results, ...provenance() }));
    } else {
      console.log(`${total[summed]} ${summed}, ${total.violations} violations, ${seconds} s; ${provenanceLine()}`);
    }
    return total.violations === 0 && results.length > 0 ? 0 : 1;
  }

  void main().then((exitCode) => {
    process.exitCode = exitCode;
  });
}
