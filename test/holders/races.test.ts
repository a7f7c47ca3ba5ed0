/**
 * Two processes want one session, 1,000 times, and who gets it writes a mark into it. In every other race the one that
 * finds it taken gives up; in the others it asks until it has it, too, so that it meets every step of being given back.
 * Now and then the holder is killed with SIGKILL in the middle, and a new process takes its place.
 *
 * Judged by what is left: the times at which each said that it held the session, the epochs in the names of the files,
 * and a decoder that shares no code with the package.
 */
import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { decodeSession, directoryName } from '../formats/decoder';
import { seededRandom } from '../support/memory-disk';
import { waitFor } from '../support/wait';
import { HolderProcess } from './holder-process';

const ROUNDS = 1_000;
/** Each session has so many of them, the first of which are for a session that is not there yet. */
const ROUNDS_PER_SESSION = 20;
/** A kill in each of these many rounds. */
const KILL_EVERY = 40;
const KILL_DELAY_MS_MAX = 8;
const ROUND_TIMEOUT_MS = 20_000;

/** One process having the session once. */
interface Holding {
  round: number;
  pid: number;
  from: bigint;
  /** Undefined: still has it. */
  until?: bigint;
  epoch: number;
  /** Messages that it found when it opened the session. */
  found: number;
  /** Whether its mark was reported stored. */
  marked: boolean;
  killed: boolean;
}

describe('two processes that want one session', function () {
  this.timeout(180_000);
  let directory: string;
  const contenders: HolderProcess[] = [];

  beforeEach(() => {
    // In memory where that can be: it is about who comes first, not about what a power cut leaves.
    directory = fs.mkdtempSync(path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'races-'));
  });
  afterEach(async () => {
    for (const contender of contenders.splice(0)) await contender.kill();
    fs.rmSync(directory, { recursive: true, force: true });
  });

  it(`are never two holders at a time, in ${ROUNDS} races, and keep what was reported stored`, async () => {
    const seed = Math.floor(Math.random() * 1_000_000);
    const random = seededRandom(seed);
    const storePath = path.join(directory, 'sessions');
    const holdings: Holding[] = [];
    let refusals = 0;

    const start = async (): Promise<HolderProcess> => {
      const contender = await HolderProcess.start({ storePath });
      contenders.push(contender);
      contender.listen((told) => {
        const mine = holdings.findLast(({ pid }) => pid === contender.pid) as Holding;
        if (told.told === 'held') {
          const { round, epoch, found } = told;
          const from = BigInt(told.at);
          holdings.push({ round, pid: contender.pid, from, epoch, found, marked: false, killed: false });
        } else if (told.told === 'marked') {
          mine.marked = true;
        } else if (told.told === 'released') {
          mine.until = BigInt(told.at);
          refusals += told.refusals;
        } else if (told.told === 'gaveUp') {
          refusals++;
        }
      });
      return contender;
    };

    let pair = [await start(), await start()];
    const holdingOf = (contender: HolderProcess, round: number) =>
      holdings.findLast((holding) => holding.pid === contender.pid && holding.round === round);
    const wait = (what: string, condition: () => boolean) =>
      waitFor(condition, { what, timeoutMs: ROUND_TIMEOUT_MS, intervalMs: 1, detail: () => `seed ${seed}` });

    for (let round = 1; round <= ROUNDS; round++) {
      const persistent = round % 2 === 0;
      for (const contender of pair) contender.ask({ command: 'race', clientId: sessionOf(round), round, persistent });
      if (round % KILL_EVERY === 0) {
        await wait('a holder', () => pair.some((contender) => holdingOf(contender, round) !== undefined));
        const victim = pair.find((contender) => holdingOf(contender, round) !== undefined) as HolderProcess;
        const delay = random() * KILL_DELAY_MS_MAX;
        const from = performance.now();
        await wait('the moment', () => performance.now() - from >= delay);
        const killedAt = process.hrtime.bigint();
        await victim.kill();
        const holding = holdingOf(victim, round) as Holding;
        holding.killed = true;
        // It may have given it back before.
        holding.until ??= killedAt;
        pair = [...pair.filter((contender) => contender !== victim), await start()];
      }
      const survivors = pair.filter((contender) => contender.told.length > 1 || round % KILL_EVERY !== 0);
      await wait(`the end of race ${round}`, () => {
        for (const contender of survivors) contender.requireFine();
        return survivors.every(
          (contender) =>
            holdingOf(contender, round)?.until !== undefined ||
            contender.told.some((told) => told.told === 'gaveUp' && told.round === round),
        );
      });
      for (const contender of pair) contender.told.splice(1);
    }
    for (const contender of pair) await contender.kill();

    for (let first = 1; first <= ROUNDS; first += ROUNDS_PER_SESSION) {
      const ofSession = holdings.filter(({ round }) => sessionOf(round) === sessionOf(first));
      judgeHoldings(ofSession, seed);
      judgeMarks(ofSession, path.join(storePath, directoryName(sessionOf(first))), seed);
    }
    const kills = holdings.filter(({ killed }) => killed).length;
    assert.equal(kills, ROUNDS / KILL_EVERY);
    for (let round = 1; round <= ROUNDS; round++) {
      const holders = holdings.filter((holding) => holding.round === round).length;
      assert.ok(round % 2 === 0 ? holders === 2 : holders >= 1, `race ${round} had ${holders} holders (seed ${seed})`);
    }
    // Otherwise they were not there at the same time, and the races were none.
    assert.ok(refusals > ROUNDS / 2, `only ${refusals} attempts found the session taken`);
    console.log(`${ROUNDS} races, ${holdings.length} holdings, ${refusals} attempts refused, ${kills} holders killed`);
  });
});

function sessionOf(round: number): string {
  return `contended-${Math.ceil(round / ROUNDS_PER_SESSION)}`;
}

/** No two at the same time; each epoch once, and rising. */
function judgeHoldings(holdings: Holding[], seed: number): void {
  const inOrder = [...holdings].sort((a, b) => (a.from < b.from ? -1 : 1));
  for (const [index, { round, pid, from, epoch }] of inOrder.entries()) {
    const before = inOrder[index - 1];
    if (before === undefined) continue;
    assert.ok(
      (before.until as bigint) <= from,
      `race ${round}: process ${pid} got the session while ${before.pid} had it (race ${before.round}, seed ${seed})`,
    );
    assert.ok(epoch > before.epoch, `race ${round}: epoch ${epoch} after ${before.epoch} (seed ${seed})`);
  }
}

/** In the files, and found by each holder: every mark that was reported stored, once, in order. */
function judgeMarks(holdings: Holding[], sessionDirectory: string, seed: number): void {
  const { messages, lost } = decodeSession(sessionDirectory);
  const kept = messages.map(({ payload }) => payload.toString());
  const inOrder = [...holdings].sort((a, b) => (a.from < b.from ? -1 : 1));
  const position = new Map(kept.map((mark, index) => [mark, index]));
  assert.deepEqual(lost, []);
  assert.equal(position.size, kept.length, `a mark is there twice (seed ${seed})`);
  let last = -1;
  let reported = 0;
  for (const { round, pid, found, marked, killed } of inOrder) {
    assert.ok(found >= reported, `race ${round}: ${pid} found ${found} of ${reported} marks (seed ${seed})`);
    const at = position.get(`${round} ${pid}`);
    // A killed one may have written its mark without having been told so.
    assert.ok(at !== undefined || (killed && !marked), `race ${round}: the mark of ${pid} is lost (seed ${seed})`);
    if (at === undefined) continue;
    assert.ok(at > last, `race ${round}: the mark of ${pid} is out of order (seed ${seed})`);
    last = at;
    if (marked) reported++;
  }
  assert.ok(kept.every((mark) => inOrder.some(({ round, pid }) => mark === `${round} ${pid}`)));
}
