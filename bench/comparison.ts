import type { RoundResult } from './contenders/contender';
import { median, range, rounded } from './figures';
import type { BenchmarkResult } from './result';

export interface Comparison {
  /** The first one is ours. */
  contenders: readonly string[];
  pairs: number;
  /** One round of a contender. A rejection ends that contender's part, if it is not ours. */
  round(contender: string): Promise<RoundResult & { messages: number }>;
}

interface Measured {
  rate: number;
  cpu: number;
}

/**
 * Rounds side by side: in each of `pairs` turns every contender runs once, in alternating order, so that what else the
 * machine does in that time meets all of them. A ratio is that of one turn.
 */
export async function compare({
  contenders,
  pairs,
  round,
}: Comparison): Promise<Pick<BenchmarkResult, 'ratios' | 'ranges' | 'failed' | 'table'>> {
  const [ours = '', ...peers] = contenders;
  const measured = new Map<string, Measured[]>(contenders.map((name) => [name, []]));
  const failed: Record<string, string> = {};
  for (let pair = 0; pair < pairs; pair++) {
    const order = pair % 2 === 0 ? contenders : [...contenders].reverse();
    for (const name of order) {
      if (name in failed) continue;
      try {
        const { messages, milliseconds, cpuMicroseconds } = await round(name);
        measured.get(name)?.push({ rate: (messages / milliseconds) * 1000, cpu: cpuMicroseconds / messages });
      } catch (error) {
        if (name === ours) throw error;
        failed[name] = (error as Error).message.split('\n')[0] ?? 'unknown';
      }
    }
  }
  const complete = [ours, ...peers.filter((name) => !(name in failed))];
  const ratiosOf = (name: string): number[] =>
    (measured.get(ours) ?? []).map(({ rate }, turn) => rate / (measured.get(name)?.[turn]?.rate ?? Number.NaN));
  const middle = (name: string, figure: keyof Measured): number =>
    rounded(median((measured.get(name) ?? []).map((one) => one[figure])));
  const ratios: Record<string, number> = {};
  const ranges: Record<string, [number, number]> = {};
  for (const name of complete.slice(1)) {
    ratios[name] = rounded(median(ratiosOf(name)));
    const [least, most] = range(ratiosOf(name));
    ranges[name] = [rounded(least), rounded(most)];
  }
  const table: BenchmarkResult['table'] = {};
  for (const name of complete) {
    table[name] = {
      'messages/s': middle(name, 'rate'),
      'CPU us/message': middle(name, 'cpu'),
      'ours / theirs': ratios[name] ?? '',
      range: ranges[name]?.join(' to ') ?? '',
    };
  }
  return { ratios, ranges, table, ...(Object.keys(failed).length > 0 ? { failed } : {}) };
}
