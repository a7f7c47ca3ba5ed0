/** How the number of stored messages of a session went. */
export interface Trend {
  /** The largest number in each `BUCKET_MS`, oldest first; the last one is now. Fewer while it is not known for longer. */
  depths: number[];
  /** Of a queue that becomes shorter: how many it held when that began, and all that came since. Else what it holds. */
  begunWith: number;
  /** How many fewer each second, of late; 0: they do not become fewer. */
  fallingPerSecond: number;
}

export const BUCKET_MS = 5_000;
const BUCKETS = 60;
/** What "of late" means. */
const RATE_MS = 10_000;

interface Sample {
  at: number;
  depth: number;
}

/** Samples of one session over the last minutes. Times in milliseconds on a clock that does not go back. */
export class DepthHistory {
  #buckets: Sample[] = [];
  #recent: Sample[] = [];
  #begunWith = 0;
  #last = 0;

  record(at: number, depth: number): void {
    const bucketAt = at - (at % BUCKET_MS);
    const last = this.#buckets.at(-1);
    if (last?.at === bucketAt) last.depth = Math.max(last.depth, depth);
    else this.#buckets.push({ at: bucketAt, depth });
    this.#recent.push({ at, depth });
    // The one from just before the span stays: what has happened since is what counts.
    while (this.#recent.length > 2 && (this.#recent[1]?.at ?? at) <= at - RATE_MS) this.#recent.shift();
    this.#begunWith = this.#begunWithNow(depth);
    this.#last = depth;
    const oldest = bucketAt - BUCKET_MS * (BUCKETS - 1);
    while ((this.#buckets[0]?.at ?? oldest) < oldest) this.#buckets.shift();
  }

  trend(at: number, depth: number): Trend {
    const depths = this.#buckets.slice(1 - BUCKETS).map((bucket) => bucket.depth);
    const first = this.#recent[0];
    const fallen = first === undefined || at <= first.at ? 0 : ((first.depth - depth) * 1000) / (at - first.at);
    return {
      depths: [...depths, depth],
      begunWith: this.#begunWithNow(depth),
      fallingPerSecond: Math.max(0, Math.round(fallen * 10) / 10),
    };
  }

  /** What comes while it becomes shorter moves its beginning: nothing that was sent becomes unsent by it. */
  #begunWithNow(depth: number): number {
    const first = this.#recent[0];
    if (depth === 0) return 0;
    if (first !== undefined && depth < first.depth) return this.#begunWith + Math.max(0, depth - this.#last);
    return Math.max(depth, ...this.#recent.map((sample) => sample.depth));
  }
}
