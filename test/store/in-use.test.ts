import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { systemHolderFacts } from '../../src/store/holder-identity';
import { livingHolder, requireNotInUse } from '../../src/store/in-use';
import { acquireLock, SessionLockedError } from '../../src/store/lock';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { waitFor } from '../support/wait';
import { lockOptions, ManualScheduler, temporaryDirectory } from './support';

describe('telling whether a session is in use, without taking its lock', () => {
  const directory = temporaryDirectory();
  const lockPath = () => path.join(directory(), 'lock');

  /** A lock of another machine, which shows signs of life, or none. */
  function foreignLock(beats: boolean, beat = 0): void {
    const content = {
      host: 'elsewhere',
      bootId: 'b',
      pidNamespace: 'n',
      pid: 7,
      processStart: '1',
      nonce: 'a'.repeat(32),
    };
    fs.writeFileSync(lockPath(), JSON.stringify({ ...content, beats, beat }));
  }

  it('finds a free one free, and writes nothing', async () => {
    await requireNotInUse(nodeFileSystem, [directory()]);
    assert.equal(await livingHolder(nodeFileSystem, directory()), undefined);
    assert.deepEqual(fs.readdirSync(directory()), []);
  });

  it('names a holder that lives', async () => {
    const { facts: _facts, ...options } = lockOptions(directory());
    const lock = await acquireLock({ ...options, facts: systemHolderFacts });
    await assert.rejects(requireNotInUse(nodeFileSystem, [directory()]), SessionLockedError);
    assert.equal((await livingHolder(nodeFileSystem, directory()))?.pid, process.pid);
    await lock.release();
    await requireNotInUse(nodeFileSystem, [directory()]);
  });

  it('refuses at once where nothing can be told', async () => {
    foreignLock(false);
    await assert.rejects(requireNotInUse(nodeFileSystem, [directory()]), /"elsewhere".*remove/s);
  });

  it('watches a holder that beats for half a minute, and takes silence for its end', async () => {
    foreignLock(true);
    const scheduler = new ManualScheduler();
    const watched: string[] = [];
    const asking = requireNotInUse(nodeFileSystem, [directory()], ({ message }) => watched.push(message), scheduler);
    assert.equal(await secondsUntilAnswered(asking, scheduler), 30);
    await asking;
    assert.equal(watched.length, 1);
  });

  it('refuses one that beats on', async () => {
    foreignLock(true);
    const scheduler = new ManualScheduler();
    const asking = requireNotInUse(nodeFileSystem, [directory()], undefined, scheduler);
    const seconds = await secondsUntilAnswered(asking, scheduler, (second) =>
      foreignLock(true, Math.floor(second / 10)),
    );
    assert.ok(seconds > 30 && seconds < 40, `${seconds} s`);
    await assert.rejects(asking, SessionLockedError);
  });

  /** Moves time on, second by second; each look at the lock is over before. */
  async function secondsUntilAnswered(
    asking: Promise<void>,
    scheduler: ManualScheduler,
    passed: (second: number) => void = () => undefined,
  ): Promise<number> {
    let isAnswered = false;
    const answered = () => {
      isAnswered = true;
    };
    asking.then(answered, answered);
    for (let second = 0; ; second++) {
      await waitFor(() => isAnswered || scheduler.pending > 0, { what: 'the next look', intervalMs: 1 });
      if (isAnswered) return second;
      passed(second);
      scheduler.advance(1_000);
    }
  }
});
