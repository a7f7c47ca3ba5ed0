export interface BenchmarkOptions {
  /** Fewer messages and pairs: all benchmarks together take less than a minute. */
  quick: boolean;
}

/** What a figure must reach. */
export interface Target {
  /** Of what, in words that follow the figure's name. */
  what: string;
  /** Undefined: not measured, because a peer is absent. */
  value: number | undefined;
  atLeast?: number;
  atMost?: number;
}

/** What one benchmark measured. */
export interface BenchmarkResult {
  benchmark: string;
  /** What was measured, with the numbers that matter, as a sentence. */
  what: string;
  /** Ours divided by theirs in messages per second (above 1 we are faster): the median of the pairs. */
  ratios?: Record<string, number>;
  /** The least and the greatest of the pairs. */
  ranges?: Record<string, [number, number]>;
  /** Peers that did not complete, or could not be installed, and why. */
  failed?: Record<string, string>;
  /** Single figures, with the unit in their names. */
  figures?: Record<string, number>;
  /** One row a contender or setting; column names carry the units. */
  table: Record<string, Record<string, number | string>>;
  targets?: readonly Target[];
  /** Rows of a chart: a name and a rate each. */
  chart?: Chart;
}

/** Horizontal bars. */
export interface Chart {
  title: string;
  unit: string;
  bars: readonly { name: string; value: number; isOurs: boolean }[];
}

/** Whether a target is met; undefined: not measured. */
export function isMet({ value, atLeast, atMost }: Target): boolean | undefined {
  if (value === undefined || Number.isNaN(value)) return undefined;
  return (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);
}

export type Benchmark = (options: BenchmarkOptions) => Promise<BenchmarkResult>;
