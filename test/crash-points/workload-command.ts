import { parseArgs } from 'node:util';
import { provenance, provenanceLine } from '../support/provenance';
import type { Workload } from './workload';
import { workloads } from './workloads/all';

/** Figures of one workload; `violations` are sentences. */
export interface WorkloadResult {
  workload: string;
  violations: string[];
  /** It was given up after this many violations; there may be more. Absent: it was played to the end. */
  stoppedAfter?: number;
}

type Total<Figure extends string> = Figure | 'violations' | 'affected' | 'unfinished';

/**
 * A command that runs all workloads, or the one named by `--workload`, and tells the figures of each and their sums, with
 * `--json` as one line: `affected` counts the workloads with a violation, `unfinished` those given up for theirs. The exit
 * code is 0 when there was no violation, and something to run.
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
    const total = { [summed]: 0, violations: 0, affected: 0, unfinished: 0 } as Record<Total<Figure>, number>;
    for (const workload of workloads) {
      if (values.workload !== undefined && workload.name !== values.workload) continue;
      const begun = performance.now();
      const result = await judge(workload, values.deep);
      const seconds = Math.round((performance.now() - begun) / 100) / 10;
      const told = figures.map((figure) => [figure, result[figure]] as const);
      const { name } = workload;
      const violations = result.violations.length;
      const { stoppedAfter } = result;
      results.push({
        workload: name,
        ...Object.fromEntries(told),
        seconds,
        violations,
        ...(stoppedAfter && { stoppedAfter }),
      });
      total[summed] += result[summed];
      total.violations += violations;
      if (violations > 0) total.affected += 1;
      if (stoppedAfter !== undefined) total.unfinished += 1;
      const text = told.map(([figure, count]) => `${count} ${figure}`).join(', ');
      // Standard output is the JSON's.
      (values.json ? console.error : console.log)(`${name}: ${text}, ${seconds} s`);
      for (const violation of result.violations) console.error(`  VIOLATION ${violation}`);
      if (stoppedAfter !== undefined)
        console.error(`  NOT PLAYED TO THE END, given up after ${stoppedAfter} violations`);
    }
    const seconds = Math.round((performance.now() - started) / 1000);
    if (values.json) {
      const { deep } = values;
      console.log(JSON.stringify({ deep, ...total, seconds, workloads: results, ...provenance() }));
    } else {
      const { violations, affected, unfinished } = total;
      const where = affected === 0 ? '' : ` in ${affected} workloads, of which ${unfinished} were given up`;
      console.log(`${total[summed]} ${summed}, ${violations} violations${where}, ${seconds} s; ${provenanceLine()}`);
    }
    return total.violations === 0 && results.length > 0 ? 0 : 1;
  }

  void main().then((exitCode) => {
    process.exitCode = exitCode;
  });
}
