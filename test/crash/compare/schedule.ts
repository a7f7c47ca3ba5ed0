import { Random } from '../harness/random';

/** What happens in a round; all but the outages end with a SIGKILL of Node-RED, which is started again at once. */
const ROUNDS = [
  /** Nothing else: the connection stands. */
  'kill',
  /** The network is cut, connections are refused. */
  'outage',
  /** SIGTERM; it comes back with everything. */
  'broker-restart',
  /** The network is cut; the kill falls into the outage, which ends after Node-RED is back. */
  'kill-in-outage',
  /** The link goes silent without a word to either side, and is gone when Node-RED is killed. */
  'kill-in-silence',
  /** An outage is over, the client is connected again, and what has waited is on its way. */
  'kill-in-drain',
] as const;

export type RoundKind = (typeof ROUNDS)[number];

/** One disturbance, in milliseconds. */
export interface Round {
  kind: RoundKind;
  /** Undisturbed work before it. */
  runMs: number;
  /** How long it lasts, up to the kill where there is one. */
  holdMs: number;
  /** From the end of the outage to the kill, or from the start of Node-RED to the end of the outage. */
  afterMs: number;
}

const DECK: readonly RoundKind[] = [
  'kill',
  'kill',
  'outage',
  'outage',
  'broker-restart',
  'kill-in-outage',
  'kill-in-outage',
  'kill-in-silence',
  'kill-in-drain',
  'kill-in-drain',
];

/** The rounds of a run: `count` cards of shuffled decks. The seed fixes kinds and times, not what Node-RED does then. */
export function makeSchedule(seed: number, count = DECK.length): Round[] {
  const random = new Random(seed);
  const kinds: RoundKind[] = [];
  while (kinds.length < count) {
    const deck = [...DECK];
    while (deck.length > 0) kinds.push(...deck.splice(random.between(0, deck.length - 1), 1));
  }
  return kinds.slice(0, count).map((kind) => ({
    kind,
    runMs: random.between(500, 2_000),
    holdMs: random.between(1_000, 4_000),
    afterMs: kind === 'kill-in-drain' ? random.between(0, 150) : random.between(500, 2_000),
  }));
}

export function hasKill({ kind }: Round): boolean {
  return kind.startsWith('kill');
}

export function hasOutage({ kind }: Round): boolean {
  return kind !== 'kill';
}
