export interface BenchmarkOptions {
  /** Fewer messages and pairs: all benchmarks together take less than a minute. */
  quick: boolean;
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
}

export type Benchmark = (options: BenchmarkOptions) => Promise<BenchmarkResult>;
