/**
 * npm run simulate -- [--seconds N] [--episodes N] [--seed S] [--fresh] [--profile NAME] [--workers N] [--json]
 *
 * The real session core, client loop and store over a simulated disk, clock, network and broker. Episode after episode,
 * each with a seed of its own (S, S + 1, ...): the same seed and profile give the same episode. `--fresh`: the second half
 * of the time goes to a new seed, which is printed, and to the profiles that bring what came too seldom in the first. The
 * first violation ends the run with exit code 1, its seed, and the trace of the shortest episode found that shows it.
 *
 * `--workers`: processes that play episodes at the same time; default as many as there are processors. In a minute or more
 * with `--fresh` there must be a million steps, and each kind of event must come often enough: on a machine that is too slow
 * for that the run is longer, up to `PATIENCE` times, and says so; after that exit code 1.
 */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { provenance, provenanceLine } from '../support/provenance';
import { Campaign, type CampaignTotal } from './campaign';
import { crewOf } from './crew';
import { FLOOR_SECONDS, shortages } from './kinds';
import { isProfile } from './profiles';

/** Timing must not decide whether a run passes: a slower machine gets more of it. */
const PATIENCE = 4;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    episodes: { type: 'string' },
    seed: { type: 'string' },
    fresh: { type: 'boolean', default: false },
    profile: { type: 'string' },
    workers: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const started = performance.now();
  const seconds = Number(values.seconds);
  const episodes = values.episodes === undefined ? Number.POSITIVE_INFINITY : Number(values.episodes);
  const seed = values.seed === undefined ? newSeed() : Number(values.seed);
  if (![seconds, seed].every(Number.isFinite) || Number.isNaN(episodes)) {
    console.error('--seconds, --episodes and --seed are numbers');
    return 2;
  }
  const { profile } = values;
  if (profile !== undefined && !isProfile(profile)) {
    console.error(`there is no profile "${profile}"`);
    return 2;
  }
  const workers = Math.min(values.workers === undefined ? availableParallelism() : Number(values.workers), episodes);
  if (!(workers >= 1)) {
    console.error('--workers and --episodes are 1 or more');
    return 2;
  }
  const isMeasured = values.fresh && seconds >= FLOOR_SECONDS && profile === undefined && values.episodes === undefined;
  const missing = () => (isMeasured ? shortages(campaign.total) : []);
  const elapsed = () => (performance.now() - started) / 1000;
  const players = crewOf(workers);
  const campaign = new Campaign(players, profile);
  const isClean = () => campaign.total.violations === 0;
  try {
    await campaign.run({ seed, seconds: values.fresh ? seconds / 2 : seconds, episodes });
    if (values.fresh && isClean()) {
      const fresh = newSeed();
      console.error(`Second half: seed ${fresh}; again: --seed ${fresh}`);
      await campaign.run({ seed: fresh, seconds: seconds - elapsed(), episodes, isSteered: true });
    }
    while (isClean() && missing().length > 0 && elapsed() < seconds * PATIENCE) {
      const more = newSeed();
      console.error(`After ${Math.round(elapsed())} s ${missing().length} counts are too low; 10 s more, seed ${more}`);
      await campaign.run({ seed: more, seconds: 10, episodes, isSteered: true });
    }
  } finally {
    for (const player of players) player.end();
  }
  report(seed, campaign.total, elapsed());
  if (!isClean()) return 1;
  const short = missing();
  for (const { what, count, floor } of short)
    console.error(`Too few: ${what} came ${count} times, ${floor} are asked for`);
  return short.length === 0 ? 0 : 1;
}

function report(seed: number, total: CampaignTotal, wallSeconds: number): void {
  const { episodes, steps, crashes, powerCuts, violations, milliseconds, kinds } = total;
  const secondsSimulated = Math.round(milliseconds / 1000);
  if (values.json) {
    console.log(
      JSON.stringify({ seed, steps, crashes, powerCuts, violations, secondsSimulated, kinds, ...provenance() }),
    );
    return;
  }
  console.log(
    `seed ${seed}: ${episodes} episodes, ${steps} steps (${Math.round(steps / wallSeconds)}/s), ${crashes} crashes ` +
      `(${powerCuts} power cuts), ${secondsSimulated} s simulated, ${violations} violations; ${provenanceLine()}`,
  );
}

function newSeed(): number {
  return Math.trunc(performance.timeOrigin + performance.now()) % 1_000_000_000;
}

void main().then((exitCode) => {
  process.exitCode = exitCode;
});
