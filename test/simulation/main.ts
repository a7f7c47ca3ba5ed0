/**
 * npm run simulate -- [--seconds N] [--episodes N] [--seed S] [--json]
 *
 * The real session core, client loop and store over a simulated disk, clock, network and broker. Episode after episode,
 * each with a seed of its own (S, S + 1, ...): the same seed gives the same run. The first violation ends the run with
 * exit code 1, its seed and the last events.
 */
import { parseArgs } from 'node:util';
import { Episode } from './episode';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    episodes: { type: 'string' },
    seed: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

async function main(): Promise<number> {
  const started = performance.now();
  const seconds = Number(values.seconds);
  const episodesMax = values.episodes === undefined ? Number.POSITIVE_INFINITY : Number(values.episodes);
  const seed = values.seed === undefined ? Math.trunc(performance.timeOrigin) % 1_000_000_000 : Number(values.seed);
  if (![seconds, seed].every(Number.isFinite) || Number.isNaN(episodesMax)) {
    console.error('--seconds, --episodes and --seed are numbers');
    return 2;
  }
  const total = { steps: 0, crashes: 0, powerCuts: 0, milliseconds: 0 };
  const kinds: Record<string, number> = {};
  let violations: string[] = [];
  let episodes = 0;
  while (violations.length === 0 && episodes < episodesMax && performance.now() - started < seconds * 1000) {
    const episodeSeed = seed + episodes++;
    const result = await new Episode(episodeSeed).run();
    for (const key of ['steps', 'crashes', 'powerCuts', 'milliseconds'] as const) total[key] += result[key];
    for (const [kind, count] of Object.entries(result.kinds)) kinds[kind] = (kinds[kind] ?? 0) + count;
    violations = result.violations;
    if (violations.length > 0) {
      console.error(`Violation in the episode with seed ${episodeSeed}; again: --seed ${episodeSeed} --episodes 1`);
      for (const line of [...result.trace, ...violations.map((text) => `VIOLATION ${text}`)])
        console.error(`  ${line}`);
    }
  }
  const { steps, crashes, powerCuts } = total;
  const secondsSimulated = Math.round(total.milliseconds / 1000);
  if (values.json) {
    console.log(
      JSON.stringify({
        seed,
        episodes,
        steps,
        crashes,
        powerCuts,
        violations: violations.length,
        secondsSimulated,
        kinds,
      }),
    );
  } else {
    const wallSeconds = (performance.now() - started) / 1000;
    console.log(
      `seed ${seed}: ${episodes} episodes, ${steps} steps (${Math.round(steps / wallSeconds)}/s), ${crashes} crashes ` +
        `(${powerCuts} power cuts), ${secondsSimulated} s simulated, ${violations.length} violations`,
    );
  }
  return violations.length === 0 ? 0 : 1;
}

void main().then((exitCode) => {
  process.exitCode = exitCode;
});
