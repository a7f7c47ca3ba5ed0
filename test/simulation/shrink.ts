import type { Character } from './character';
import { Episode, type EpisodeOptions, type EpisodeResult } from './episode';
import { drawCharacter, profileOf } from './profiles';
import { Random } from './random';

const RUNS_MAX = 600;
const SECONDS_MAX = 60;
const TRACE_EVENTS = 2_000;
const TRACE_LINES_MAX = 250;

type Simplification = (character: Character) => Character;

/** Each makes an episode easier to read, if it still fails. */
const SIMPLIFICATIONS: Record<string, Simplification> = {
  'one message at a time': (character) => ({ ...character, burst: 1 }),
  'small messages': (character) => ({ ...character, bytesMax: 20 }),
  'no disk latency': (character) => ({ ...character, diskLatencyMsMax: 0 }),
  'no network latency': (character) => ({ ...character, latencyMsMax: 0 }),
  'answers at once': (character) => ({ ...character, broker: { ...character.broker, answerDelayMsMax: 0 } }),
  'no subscription refused': (character) => ({
    ...character,
    broker: { ...character.broker, refusedSubscriptions: 0 },
  }),
  'no message refused': (character) => ({ ...character, fates: { ...character.fates, refusals: 0 } }),
  'no message expires': (character) => ({ ...character, fates: { ...character.fates, expiring: 0 } }),
  'restarts at once': (character) => ({ ...character, restartMsMax: 1 }),
};

interface Candidate {
  keep: readonly number[];
  simplified: readonly string[];
}

export interface Shrunk extends Candidate {
  options: EpisodeOptions;
  result: EpisodeResult;
  runs: number;
}

/** What became of `failing`, in lines to be printed. */
export function shrunkLines({ options, result, keep, simplified, runs }: Shrunk, failing: EpisodeResult): string[] {
  const random = new Random(options.seed);
  const character = simplify(simplified)(drawCharacter(options.profile ?? profileOf(options.seed), random));
  const skipped = Math.max(0, result.trace.length - TRACE_LINES_MAX);
  return [
    `Shrunk in ${runs} runs: ${failing.steps} steps to ${result.steps}, ${failing.actions.length} actions to ${keep.length}` +
      (simplified.length === 0 ? '' : `; ${simplified.join(', ')}`),
    `Episode: ${JSON.stringify(character)}`,
    ...result.actions.map(({ at, kind, index }) => `Action ${index} at ${(at / 1000).toFixed(3)} s: ${kind}`),
    ...(skipped === 0 ? [] : [`... ${skipped} lines before`]),
    ...result.trace.slice(skipped),
    ...result.violations.map((text) => `VIOLATION ${text}`),
  ];
}

/**
 * Leaves out actions of the plan (delta debugging: halves first, then ever smaller parts, Zeller and Hildebrandt 2002), and
 * then whatever else makes an episode long, as long as it still fails with the same violation.
 */
export class Shrinking {
  #best: Candidate;
  #result: EpisodeResult;
  #runs = 0;
  readonly #until = performance.now() + SECONDS_MAX * 1000;

  constructor(
    private readonly options: EpisodeOptions,
    private readonly failing: EpisodeResult,
  ) {
    this.#best = { keep: failing.actions.map(({ index }) => index), simplified: [] };
    this.#result = failing;
  }

  async run(): Promise<Shrunk> {
    // What comes after the failure plays no part in it.
    const before = this.failing.actions.filter(({ at }) => at <= this.failing.milliseconds).map(({ index }) => index);
    await this.#try({ keep: before, simplified: [] });
    await this.#leaveOut();
    for (const name of Object.keys(SIMPLIFICATIONS)) {
      await this.#try({ keep: this.#best.keep, simplified: [...this.#best.simplified, name] });
    }
    await this.#leaveOut();
    const options = this.#optionsOf(this.#best);
    // Once more, with the whole trace.
    this.#result = await new Episode({ ...options, traceLines: TRACE_EVENTS }).run();
    return { ...this.#best, options, result: this.#result, runs: this.#runs };
  }

  get #isOver(): boolean {
    return this.#runs >= RUNS_MAX || performance.now() > this.#until;
  }

  async #leaveOut(): Promise<void> {
    for (let parts = 2; !this.#isOver; ) {
      const { keep } = this.#best;
      const size = Math.ceil(keep.length / parts);
      if (keep.length === 0) return;
      let hasShrunk = false;
      for (let from = 0; from < keep.length && !hasShrunk; from += size) {
        const rest = [...keep.slice(0, from), ...keep.slice(from + size)];
        hasShrunk = await this.#try({ keep: rest, simplified: this.#best.simplified });
      }
      if (hasShrunk) parts = Math.max(2, parts - 1);
      else if (size === 1) return;
      else parts = Math.min(keep.length, parts * 2);
    }
  }

  /** @returns whether it fails in the same way. */
  async #try(candidate: Candidate): Promise<boolean> {
    if (this.#isOver) return false;
    this.#runs += 1;
    const result = await new Episode(this.#optionsOf(candidate)).run();
    if (signature(result) !== signature(this.failing)) return false;
    this.#best = candidate;
    this.#result = result;
    return true;
  }

  #optionsOf({ keep, simplified }: Candidate): EpisodeOptions {
    return { ...this.options, keep: new Set(keep), simplify: simplify(simplified) };
  }
}

function simplify(names: readonly string[]): Simplification {
  return (character) => names.reduce((one, name) => SIMPLIFICATIONS[name]?.(one) ?? one, character);
}

/** The first violation without its numbers. */
function signature({ violations }: EpisodeResult): string {
  return (violations[0] ?? '').replace(/\d+/g, '#').slice(0, 60);
}
