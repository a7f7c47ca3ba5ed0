import { rise } from './envelope';
import type { Usage } from './protocol';

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * By how much the lower envelope of each may rise over the second half of a run, however long that is. What a run of an
 * hour may add is what a run of a minute may add: so the longer, the stricter for each message.
 *
 * Above the noise: garbage that one collection leaves (heap), pages that the allocator keeps (resident memory), a
 * segment that is being filled and the one prepared behind it, for two sessions (files and bytes).
 */
const BOUNDS: Record<keyof Usage, number> = {
  heapBytes: 1 * MIB,
  externalBytes: 1 * MIB,
  rssBytes: 24 * MIB,
  fileDescriptors: 2,
  activeResources: 2,
  sessionFiles: 4,
  sessionBytes: 1 * MIB,
};

export interface Verdict {
  /** Of each, how far its lower envelope rose over the second half. */
  rise: Partial<Record<keyof Usage, number>>;
  /** The greatest of the second half. */
  highest: Partial<Record<keyof Usage, number>>;
  /** Those that rose above their bound, each a sentence. */
  leaks: string[];
}

/** Judges the second half of a run: the first belongs to just-in-time compilation, pools and the first segments. */
export function judgeUsage(samples: readonly Usage[]): Verdict {
  const half = samples.slice(Math.floor(samples.length / 2));
  const verdict: Verdict = { rise: {}, highest: {}, leaks: [] };
  for (const [name, bound] of Object.entries(BOUNDS) as [keyof Usage, number][]) {
    const values = half.map((usage) => usage[name]).filter((value) => value !== undefined);
    if (values.length === 0) continue;
    const risen = Math.round(rise(values));
    verdict.rise[name] = risen;
    verdict.highest[name] = Math.max(...values);
    if (risen > bound) verdict.leaks.push(`${name} rose by ${risen} over the second half; the bound is ${bound}`);
  }
  return verdict;
}
