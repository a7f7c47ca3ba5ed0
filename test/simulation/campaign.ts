import type { Player } from './crew';
import type { EpisodeResult } from './episode';
import { type Kind, type KindCounts, noCounts } from './kinds';
import { type Profile, profileOf } from './profiles';
import { Shrinking, shrunkLines } from './shrink';
import { Steering } from './steering';

export interface CampaignTotal {
  episodes: number;
  steps: number;
  crashes: number;
  powerCuts: number;
  violations: number;
  milliseconds: number;
  kinds: KindCounts;
}

type Failing = { options: { seed: number; profile: Profile }; result: EpisodeResult };

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
  readonly #steering = new Steering();

  /**
   * @param players Each plays one episode after the other, all of them at the same time.
   * @param profile The only one; default all.
   */
  constructor(
    private readonly players: readonly Player[],
    private readonly profile: Profile | undefined,
  ) {}

  /** `isSteered`: profiles are chosen by the kinds that came too seldom until now, else by the seed. */
  async run({
    seed,
    seconds,
    episodes,
    isSteered = false,
  }: {
    seed: number;
    seconds: number;
    episodes: number;
    isSteered?: boolean;
  }): Promise<void> {
    const until = performance.now() + seconds * 1000;
    const failing: Failing[] = [];
    let index = 0;
    const playAll = async (player: Player): Promise<void> => {
      while (index < episodes && performance.now() < until && failing.length === 0) {
        const own = seed + index++;
        const steered = isSteered ? this.#steering.mostNeeded(this.total.kinds) : undefined;
        const options = { seed: own, profile: this.profile ?? steered ?? profileOf(own) };
        const started = performance.now();
        const result = await player.play(options);
        this.#add(result);
        this.#steering.learn(options.profile, result.kinds, performance.now() - started);
        if (result.violations.length > 0) failing.push({ options, result });
      }
    };
    await Promise.all(this.players.map(playAll));
    // Players that are under way when one finds something may find something, too: the first is enough.
    const [first] = failing.sort((one, other) => one.options.seed - other.options.seed);
    if (first !== undefined) await show(first);
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

async function show({ options, result }: Failing): Promise<void> {
  const again = `--seed ${options.seed} --episodes 1 --profile ${options.profile}`;
  console.error(`Violation in the episode with seed ${options.seed}; again: ${again}`);
  for (const text of result.violations) console.error(`  VIOLATION ${text}`);
  const shrunk = await new Shrinking(options, result).run();
  for (const line of shrunkLines(shrunk, result)) console.error(`  ${line}`);
}
