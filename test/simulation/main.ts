/**
 * npm run simulate -- [--seconds N] [--episodes N] [--seed S] [--fresh] [--profile NAME] [--json]
 *
 * The real session core, client loop and store over a simulated disk, clock, network and broker. Episode after episode,
 * each with a seed of its own (S, S + 1, ...): the same seed and profile give the same episode. `--fresh`: the second half
 * of the time goes to a new seed, which is printed, and to the profiles that bring what came too seldom in the first. The
 * first violation ends the run with exit code 1, its seed, and the trace of the shortest episode found that shows it.
 *
 * In a minute or more with `--fresh` each kind of event must come often enough; on a machine that has other things to do as well the run
 * goes on for that, at most three times as long, and fails then, naming the kinds.
 */
import { parseArgs } from 'node:util';
import { Campaign, type CampaignTotal } from './campaign';
import { FLOOR_SECONDS, KIND_FLOOR, shortages } from './kinds';
import { isProfile } from './profiles';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    episodes: { type: 'string' },
    seed: { type: 'string' },
    fresh: { type: 'boolean', default: false },
    profile: { type: 'string' },
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
  const campaign = new Campaign(profile);
  await campaign.run({ seed, seconds: values.fresh ? seconds / 2 : seconds, episodes });
  if (values.fresh && campaign.total.violations === 0) {
    const fresh = newSeed();
    console.error(`Second half: seed ${fresh}; again: --seed ${fresh}`);
    const rest = seconds - (performance.now() - started) / 1000;
    await campaign.run({ seed: fresh, seconds: rest, episodes, isSteered: true });
  }
  const isMeasured = values.fresh && seconds >= FLOOR_SECONDS && profile === undefined && values.episodes === undefined;
  const isEnough = () => shortages(campaign.total.kinds).length === 0;
  if (isMeasured && campaign.total.violations === 0 && !isEnough()) {
    const longer = newSeed();
    console.error(`It goes on for what came too seldom: seed ${longer}`);
    await campaign.run({ seed: longer, seconds: 2 * seconds, episodes, isSteered: true, isEnough });
  }
  report(seed, campaign.total, (performance.now() - started) / 1000);
  if (campaign.total.violations > 0) return 1;
  const tooFew = isMeasured ? shortages(campaign.total.kinds) : [];
  for (const [kind, count] of tooFew)
    console.error(`Too few: ${kind} came ${count} times, ${KIND_FLOOR} are asked for`);
  return tooFew.length === 0 ? 0 : 1;
}

function report(seed: number, total: CampaignTotal, wallSeconds: number): void {
  const { episodes, steps, crashes, powerCuts, violations, milliseconds, kinds } = total;
  const secondsSimulated = Math.round(milliseconds / 1000);
  if (values.json) {
    console.log(JSON.stringify({ seed, steps, crashes, powerCuts, violations, secondsSimulated, kinds }));
    return;
  }
  console.log(
    `seed ${seed}: ${episodes} episodes, ${steps} steps (${Math.round(steps / wallSeconds)}/s), ${crashes} crashes ` +
      `(${powerCuts} power cuts), ${secondsSimulated} s simulated, ${violations} violations, ${cpuSeconds()} s of a processor`,
  );
}

/** What a busy machine does not change. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return Math.round((user + system) / 100_000) / 10;
}

function newSeed(): number {
  return Math.trunc(performance.timeOrigin + performance.now()) % 1_000_000_000;
}

void main().then((exitCode) => {
  process.exitCode = exitCode;
});
