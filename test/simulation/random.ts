import { seededRandom } from '../support/memory-disk';

/** A source of chance: the same seed gives the same numbers. */
export class Random {
  readonly fraction: () => number;

  constructor(private readonly seed: number) {
    this.fraction = seededRandom(Math.imul(seed, 0x9e3779b1) ^ 0x5bd1e995);
  }

  /**
   * A source of its own for one part of a simulation, so that what one part draws does not change what the others do: a
   * failure can be shrunk only when leaving something out leaves the rest as it was.
   */
  stream(name: string): Random {
    let hash = this.seed | 0;
    for (const character of name) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
    return new Random(hash);
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
