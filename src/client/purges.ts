/** What a purge removed. */
export interface PurgedCounts {
  count: number;
  bytes: number;
}

/** Callers that wait for a purge. One answer serves all who asked before it. */
export class Purges {
  #waiting: { resolve(counts: PurgedCounts): void; reject(error: Error): void }[] = [];

  wait(): Promise<PurgedCounts> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  done(counts: PurgedCounts): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve(counts);
  }

  end(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
