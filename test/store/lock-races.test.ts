import * as assert from 'node:assert/strict';
import { setImmediate as tick } from 'node:timers/promises';
import type { FileSystem } from '../../src/store/file-system';
import { acquireLock, type Lock } from '../../src/store/lock';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { seeded } from '../mcps/random-snapshot';
import { factsOf, lockOptions, machine, temporaryDirectory } from './support';

const TAKERS = 5;
const ROUNDS = 60;
const CRASH_PROBABILITY = 0.02;

class Crash extends Error {}

/**
 * Takers of one lock, each a process of its own to the lock: every file operation is delayed at random, and at random a
 * taker crashes at one, so that all orders of taking over, releasing and dying in between occur.
 */
describe('takers racing for one lock', () => {
  const directory = temporaryDirectory();

  for (const [links, seed] of [
    ['with hard links', 1],
    ['with hard links', 2],
    ['without hard links', 3],
  ] as const) {
    it(`are never two at a time, ${links} (seed ${seed})`, async function () {
      this.timeout(30_000);
      const random = seeded(seed);
      const running: Record<number, string> = {};
      let nextPid = 1;
      let holder: number | undefined;
      let taken = 0;
      let crashes = 0;

      const unsteady = (pid: number): FileSystem => {
        const guard = async <T>(operation: () => Promise<T>): Promise<T> => {
          for (let ticks = Math.floor(random() * 4); ticks > 0; ticks--) await tick();
          if (running[pid] !== undefined && random() < CRASH_PROBABILITY) {
            delete running[pid];
            if (holder === pid) holder = undefined;
            crashes++;
          }
          if (running[pid] === undefined) throw new Crash();
          return operation();
        };
        return {
          ...nodeFileSystem,
          open: (...args) => guard(() => nodeFileSystem.open(...args)),
          list: (...args) => guard(() => nodeFileSystem.list(...args)),
          status: (...args) => guard(() => nodeFileSystem.status(...args)),
          rename: (...args) => guard(() => nodeFileSystem.rename(...args)),
          remove: (...args) => guard(() => nodeFileSystem.remove(...args)),
          link: (...args) =>
            guard(async () => {
              if (links === 'without hard links') throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
              await nodeFileSystem.link(...args);
            }),
        };
      };

      const useOnce = async (): Promise<void> => {
        const pid = nextPid++;
        running[pid] = `start-${pid}`;
        const facts = factsOf({ ...machine, pid, processStart: `start-${pid}` }, running);
        let lock: Lock;
        try {
          lock = await acquireLock(lockOptions(directory(), { fileSystem: unsteady(pid), facts }));
        } catch (error) {
          delete running[pid];
          if (error instanceof Crash || (error as { code?: string }).code === 'ERR_SESSION_LOCKED') return;
          throw error;
        }
        assert.equal(holder, undefined, `process ${pid} got a lock that ${holder} holds (seed ${seed})`);
        holder = pid;
        taken++;
        try {
          await lock.verify();
          await lock.verify();
          if (holder === pid) holder = undefined;
          await lock.release();
        } catch (error) {
          if (!(error instanceof Crash)) throw error;
          await lock.detach().catch(() => {});
        } finally {
          delete running[pid];
        }
      };

      await Promise.all(
        Array.from({ length: TAKERS }, async () => {
          for (let round = 0; round < ROUNDS; round++) await useOnce();
        }),
      );
      // Without links a crash may leave an empty lock, which only silence frees; then fewer get it.
      assert.ok(taken > 0 && crashes > 0, `${taken} taken, ${crashes} crashes`);
      if (links === 'with hard links') assert.ok(taken > TAKERS, `only ${taken} taken`);
    });
  }
});
