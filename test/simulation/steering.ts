import { KIND_FLOOR, type Kind, type KindCounts, noCounts } from './kinds';
import { PROFILE_NAMES, type Profile } from './profiles';

/** Above the floor by so much a kind is not looked for any more. */
const MARGIN = 1.1;

/** Learns what each profile brings in which time, and chooses the next one by what is missing. */
export class Steering {
  readonly #yields = new Map<Profile, { milliseconds: number; kinds: KindCounts }>();

  learn(profile: Profile, kinds: KindCounts, milliseconds: number): void {
    const known = this.#yields.get(profile) ?? { milliseconds: 0, kinds: noCounts() };
    known.milliseconds += milliseconds;
    for (const [kind, count] of Object.entries(kinds)) known.kinds[kind as Kind] += count;
    this.#yields.set(profile, known);
  }

  /**
   * The profile that is the fastest way to the kind that takes longest to get often enough; `undefined`: all came often
   * enough, or nothing is known of how to get what is missing.
   */
  mostNeeded(counts: KindCounts): Profile | undefined {
    let needed: Profile | undefined;
    let longest = 0;
    for (const [kind, count] of Object.entries(counts) as [Kind, number][]) {
      const missing = KIND_FLOOR * MARGIN - count;
      if (missing <= 0) continue;
      const best = PROFILE_NAMES.reduce((one, other) =>
        this.#rate(other, kind) > this.#rate(one, kind) ? other : one,
      );
      const rate = this.#rate(best, kind);
      if (rate > 0 && missing / rate > longest) {
        longest = missing / rate;
        needed = best;
      }
    }
    return needed;
  }

  /** Per millisecond. */
  #rate(profile: Profile, kind: Kind): number {
    const known = this.#yields.get(profile);
    return known === undefined ? 0 : known.kinds[kind] / known.milliseconds;
  }
}
