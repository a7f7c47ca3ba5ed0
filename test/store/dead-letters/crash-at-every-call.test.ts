import * as assert from 'node:assert/strict';
import { MemoryDisk } from '../../support/memory-disk';
import { DIRECTORY, idsOf, keep, listed, openPlant, type TestSession } from './support';

const big = (letter: string) => letter.repeat(700);

/** What may be found: the least that was reported, and the most that was begun. */
class Ledger {
  readonly kept = new Set<string>();
  readonly begun = new Set<string>();
  readonly removing = new Set<string>();
  readonly removed = new Set<string>();

  async keep({ session }: TestSession, ...letters: string[]): Promise<void> {
    for (const letter of letters) this.begun.add(letter);
    await keep(session, ...letters);
    for (const letter of letters) this.kept.add(letter);
  }

  async remove({ session }: TestSession, ...letters: string[]): Promise<void> {
    const ids = await idsOf(session, ...letters);
    for (const letter of letters) this.removing.add(letter);
    await session.deadLetters.remove(ids);
    for (const letter of letters) this.removed.add(letter);
  }

  check(found: readonly string[], situation: string): void {
    for (const text of this.kept) if (!this.removing.has(text)) assert.ok(found.includes(text), `${situation}: lost`);
    for (const text of found) {
      assert.ok(this.begun.has(text), `${situation}: never kept`);
      assert.ok(!this.removed.has(text), `${situation}: removed and back`);
    }
    assert.equal(new Set(found).size, found.length, `${situation}: twice`);
    assert.deepEqual([...found].sort(), found, `${situation}: order`);
  }
}

/** Keeps some, removes some; with so little room that the file is rewritten. */
async function use(disk: MemoryDisk, ledger: Ledger): Promise<void> {
  const opened = await openPlant(disk, { pid: 1 });
  await ledger.keep(opened, big('a'), big('b'), big('c'));
  await ledger.keep(opened, big('d'));
  await ledger.remove(opened, big('b'));
  await ledger.keep(opened, big('e'), big('f'));
  await ledger.remove(opened, big('a'), big('c'), big('d'));
  await opened.session.close();
  const again = await openPlant(disk, { pid: 1 });
  await ledger.keep(again, big('g'));
  await ledger.remove(again, big('e'));
  await ledger.keep(again, big('h'));
}

describe('dead letters after a crash', function () {
  this.timeout(60_000);

  for (const kind of ['process', 'power'] as const) {
    it(`at whichever call are those that were reported (${kind})`, async () => {
      for (let stop = 1; ; stop++) {
        const disk = new MemoryDisk(stop);
        const ledger = new Ledger();
        const stopped = disk.stopAt(stop);
        const used = use(disk, ledger).then(() => 'done');
        const outcome = await Promise.race([used, stopped]);
        for (const seed of kind === 'power' ? [1, 2, 3] : [1]) {
          const after = disk.clone(seed).crash(kind, seed + 10 * stop);
          const { session, notices } = await openPlant(after, { pid: 2 });
          const situation = `call ${stop}, ${disk.log.at(-1)}`;
          ledger.check(await listed(session), situation);
          // Whole again: what is kept now is there next time.
          const later = new Set(await listed(session));
          await keep(session, big('z'));
          await session.close();
          const last = await openPlant(after, { pid: 3 });
          assert.deepEqual(await listed(last.session), [...later, big('z')], situation);
          await last.session.close();
          const errors = [...notices, ...last.notices].filter(({ level }) => level === 'error');
          assert.deepEqual(errors, [], situation);
          const left = (await after.list(DIRECTORY)).filter((name) => name.endsWith('.tmp'));
          assert.deepEqual(left, [], situation);
        }
        if (outcome === 'done') {
          assert.ok(stop > 100, `only ${stop} calls`);
          return;
        }
      }
    });
  }
});
