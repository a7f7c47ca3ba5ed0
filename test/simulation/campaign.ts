import { Episode, type EpisodeResult } from './episode';
import { KIND_FLOOR, type Kind, type KindCounts, noCounts } from './kinds';
import { PROFILE_NAMES, type Profile, profileOf } from './profiles';
import { Shrinking, shrunkLines } from './shrink';

export interface CampaignTotal {
  episodes: number;
  steps: number;
  crashes: number;
  powerCuts: number;
  violations: number;
  milliseconds: number;
  kinds: KindCounts;
}

/** Episode after episode, until the time is over or one fails; that one is shrunk and shown. */
export class Campaign {
  readonly total: CampaignTotal = {
    episodes: 0,
    steps: 0,
    crashes: 0,
    powerCuts: 0,
    violations: 0,
    milliseconds: 0,
    kinds: noCounts(),
  };

  /** What each profile brought, in which time. */
  readonly #yields = new Map<Profile, { milliseconds: number; kinds: KindCounts }>();

  /** @param profile The only one; default all. */
  constructor(private readonly profile: Profile | undefined) {}

  /**
   * `isSteered`: profiles are chosen by the kinds that came too seldom until now, else by the seed.
   * `isEnough`: ends it, too.
   */
  async run({
    seed,
    seconds,
    episodes,
    isSteered = false,
    isEnough = () => false,
  }: {
    seed: number;
    seconds: number;
    episodes: number;
    isSteered?: boolean;
    isEnough?: () => boolean;
  }): Promise<void> {
    const until = performance.now() + seconds * 1000;
    for (let index = 0; index < episodes && performance.now() < until && !isEnough(); index++) {
      const steered = isSteered ? this.#mostNeeded() : undefined;
      const options = { seed: seed + index, profile: this.profile ?? steered ?? profileOf(seed + index) };
      const started = performance.now();
      const result = await new Episode(options).run();
      this.#add(result);
      this.#learn(options.profile, result.kinds, performance.now() - started);
      if (result.violations.length === 0) continue;
      const again = `--seed ${options.seed} --episodes 1 --profile ${options.profile}`;
      console.error(`Violation in the episode with seed ${options.seed}; again: ${again}`);
      for (const text of result.violations) console.error(`  VIOLATION ${text}`);
      const shrunk = await new Shrinking(options, result).run();
      for (const line of shrunkLines(shrunk, result)) console.error(`  ${line}`);
      return;
    }
  }

  /** The profile that brings most of the kind that is rarest, in its time; `undefined`: all came often enough. */
  #mostNeeded(): Profile | undefined {
    const counts = Object.entries(this.total.kinds) as [Kind, number][];
    const [kind, count] = counts.reduce((rarest, one) => (one[1] < rarest[1] ? one : rarest));
    if (count >= KIND_FLOOR * 1.1) return undefined;
    const rate = (profile: Profile): number => {
      const known = this.#yields.get(profile);
      return known === undefined ? 0 : known.kinds[kind] / known.milliseconds;
    };
    const best = PROFILE_NAMES.reduce((one, other) => (rate(other) > rate(one) ? other : one));
    return rate(best) > 0 ? best : undefined;
  }

  #learn(profile: Profile, kinds: KindCounts, milliseconds: number): void {
    const known = this.#yields.get(profile) ?? { milliseconds: 0, kinds: noCounts() };
    known.milliseconds += milliseconds;
    for (const [kind, count] of Object.entries(kinds)) known.kinds[kind as Kind] += count;
    this.#yields.set(profile, known);
  }

  #add({ steps, crashes, powerCuts, milliseconds, kinds, violations }: EpisodeResult): void {
    const { total } = this;
    total.episodes += 1;
    total.steps += steps;
    total.crashes += crashes;
    total.powerCuts += powerCuts;
    total.milliseconds += milliseconds;
    total.violations += violations.length;
    for (const [kind, count] of Object.entries(kinds)) total.kinds[kind as Kind] += count;
  }
}
