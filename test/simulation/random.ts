import { seededRandom } from '../support/memory-disk';

/** The only source of chance in a simulation: the same seed gives the same run. */
export class Random {
  readonly fraction: () => number;

  constructor(seed: number) {
    this.fraction = seededRandom(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
  }

  /** An integer from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.fraction() * (to - from + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.between(0, choices.length - 1)] as T;
  }
}
