import { newlyObserved } from '../harness/judgement';
import type { TestBed } from '../harness/test-bed';
import { STREAMS } from './flows';
import type { RoundKind } from './schedule';

/** One direction, one QoS. */
export interface StreamFigures {
  /** Given to the flow, or published to it. */
  given: number;
  lost: number;
  /** Arrivals too many. */
  doubled: number;
}

export interface CompareFigures {
  out: Record<'qos1' | 'qos2', StreamFigures>;
  in: Record<'qos1' | 'qos2', StreamFigures>;
  /** Of the lost ones, those that the flow had been told done: the Complete node had answered. */
  lostThoughDone: number;
  /** Of the lost ones, those given within {@link BEFORE_KILL_MS} before a kill. */
  lostBeforeKill: number;
  /** The lost ones by the kind of the round in which they were given. */
  lostIn: Partial<Record<RoundKind, number>>;
  /** Of the arrivals too many on the way in, those marked with `msg.redelivered`. */
  doubledInMarked: number;
}

/** A message so young may not be anybody's responsibility yet. */
export const BEFORE_KILL_MS = 100;

/** What was done to a subject, in milliseconds since the epoch. */
export interface Past {
  killedAt: number[];
  /** Rounds that are over, in order. */
  rounds: { kind: RoundKind; endedAt: number }[];
}

/** Counts what became of every message. */
export function compareFigures(testBed: TestBed, { killedAt, rounds }: Past): CompareFigures {
  const { ledger, observer, published } = testBed;
  ledger.refresh();
  const arrived = new Set(newlyObserved(observer)());
  const done = new Set(ledger.done);
  const topics: string[] = STREAMS.map(({ out }) => out);
  const given = ledger.handed.map(parseGiven).filter(({ topic }) => topics.includes(topic));
  const lost = given.filter(({ key }) => !arrived.has(key));
  const handedOver = new Map<string, number>();
  let doubledInMarked = 0;
  for (const { key, redelivered } of ledger.received) {
    const times = (handedOver.get(key) ?? 0) + 1;
    handedOver.set(key, times);
    if (times > 1 && redelivered) doubledInMarked++;
  }
  const lostIn: CompareFigures['lostIn'] = {};
  for (const { atMs } of lost) {
    const round = rounds.find(({ endedAt }) => atMs <= endedAt);
    if (round !== undefined) lostIn[round.kind] = (lostIn[round.kind] ?? 0) + 1;
  }
  const outOf = ({ out }: (typeof STREAMS)[number]): StreamFigures => ({
    given: given.filter(({ topic }) => topic === out).length,
    lost: lost.filter(({ topic }) => topic === out).length,
    doubled: observer.doubled(out).length,
  });
  const inOf = (stream: (typeof STREAMS)[number]): StreamFigures => {
    const keys = published.filter((key) => key.startsWith(`${stream.in} `));
    const times = keys.map((key) => handedOver.get(key) ?? 0);
    return {
      given: keys.length,
      lost: times.filter((count) => count === 0).length,
      doubled: times.reduce((sum, count) => sum + Math.max(0, count - 1), 0),
    };
  };
  const [qos1, qos2] = STREAMS as [(typeof STREAMS)[number], (typeof STREAMS)[number]];
  return {
    out: { qos1: outOf(qos1), qos2: outOf(qos2) },
    in: { qos1: inOf(qos1), qos2: inOf(qos2) },
    lostThoughDone: lost.filter(({ key }) => done.has(key)).length,
    lostBeforeKill: lost.filter(({ atMs }) => killedAt.some((kill) => atMs <= kill && kill - atMs <= BEFORE_KILL_MS))
      .length,
    lostIn,
    doubledInMarked,
  };
}

/** A line of the file that the flow writes before it gives a message away: topic, number, milliseconds since the epoch. */
export function parseGiven(line: string): { key: string; topic: string; atMs: number } {
  const [topic = '', sequence = '', time] = line.split(' ');
  return { key: `${topic} ${sequence}`, topic, atMs: Number(time) };
}

/** The figures of two runs added up. */
export function sumOf(one: CompareFigures, other: CompareFigures): CompareFigures {
  const add = (left: StreamFigures, right: StreamFigures): StreamFigures => ({
    given: left.given + right.given,
    lost: left.lost + right.lost,
    doubled: left.doubled + right.doubled,
  });
  return {
    out: { qos1: add(one.out.qos1, other.out.qos1), qos2: add(one.out.qos2, other.out.qos2) },
    in: { qos1: add(one.in.qos1, other.in.qos1), qos2: add(one.in.qos2, other.in.qos2) },
    lostThoughDone: one.lostThoughDone + other.lostThoughDone,
    lostBeforeKill: one.lostBeforeKill + other.lostBeforeKill,
    lostIn: addKinds(one.lostIn, other.lostIn),
    doubledInMarked: one.doubledInMarked + other.doubledInMarked,
  };
}

function addKinds(one: CompareFigures['lostIn'], other: CompareFigures['lostIn']): CompareFigures['lostIn'] {
  const sum = { ...one };
  for (const [kind, count] of Object.entries(other)) sum[kind as RoundKind] = (sum[kind as RoundKind] ?? 0) + count;
  return sum;
}
