import type { Random } from './random';

/** What happens to a run of the process before it is killed; each card of the deck is one run. */
export const FAULTS = [
  'none',
  /** The network is cut, connections are refused. */
  'outage',
  /** None but the kill, in the middle of starting: neither connected nor recovered for sure. */
  'while-starting',
  /** Nothing is forwarded any more, and nobody is told. */
  'half-open',
  /** SIGKILL of the broker: it goes back to its last save. */
  'broker-killed',
  /** SIGTERM: the broker keeps everything. */
  'broker-restarted',
  /** The broker forgets the sessions of the process: Session Present 0. */
  'session-lost',
  /** The last byte of the file system with the sessions is taken. */
  'full-disk',
  /** 64 kbit/s, with messages of 1 MB under way in both directions. */
  'slow-link',
] as const;

export type Fault = (typeof FAULTS)[number];

/** How often each comes in as many runs as the deck has cards. */
const DECK: readonly Fault[] = [
  'none',
  'outage',
  'outage',
  'outage',
  'while-starting',
  'while-starting',
  'half-open',
  'broker-killed',
  'broker-killed',
  'broker-restarted',
  'session-lost',
  'full-disk',
  'slow-link',
];

export const DECK_SIZE = DECK.length;

/** One run of the process, and how it ends. */
export interface Plan {
  fault: Fault;
  /** With `while-starting`: until the kill. */
  startMs: number;
  /** Of undisturbed work before the fault. */
  runMs: number;
  /** From the fault to the kill, or to its end. */
  holdMs: number;
  /** The fault goes on over the kill and ends this long after the next start; otherwise it ends right before the kill. */
  endsAfterStartMs: number | undefined;
}

/** A plan for each of `kills` runs. The first is no `while-starting`: without sessions nothing is promised yet. */
export function makePlans(random: Random, kills: number, replaced: Partial<Record<Fault, Fault>> = {}): Plan[] {
  const faults: Fault[] = [];
  while (faults.length < kills) faults.push(...shuffled(random, DECK));
  faults.length = kills;
  const first = faults.findIndex((fault) => fault !== 'while-starting');
  if (first > 0) [faults[0], faults[first]] = [faults[first] as Fault, faults[0] as Fault];
  return faults.map((card) => {
    const fault = replaced[card] ?? card;
    const long = random.chance(0.25);
    return {
      fault,
      startMs: random.between(0, 1_500),
      runMs: random.between(0, 1_200),
      // Long enough for a keep-alive to notice a half-open link.
      holdMs: fault === 'half-open' && long ? random.between(5_000, 7_000) : random.between(50, 1_000),
      endsAfterStartMs: random.chance(0.5) ? random.between(0, 700) : undefined,
    };
  });
}

function shuffled<T>(random: Random, cards: readonly T[]): T[] {
  const deck = [...cards];
  for (let index = deck.length - 1; index > 0; index--) {
    const other = random.between(0, index);
    [deck[index], deck[other]] = [deck[other] as T, deck[index] as T];
  }
  return deck;
}
