import * as assert from 'node:assert/strict';
import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import type { FileSystem } from '../../src/store/file-system';
import { acquireLock, LockObservations, SessionLockedError } from '../../src/store/lock';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { waitFor } from '../support/wait';
import { factsOf, lockOptions, ManualScheduler, machine, temporaryDirectory } from './support';

const stranger = { ...machine, host: 'other', bootId: 'boot-9', nonce: 'a'.repeat(32), beats: false, beat: 0 };

describe('a lock', () => {
  const directory = temporaryDirectory();
  const lockPath = () => path.join(directory(), 'lock');

  it('says who holds it, and is the only file left beside the session', async () => {
    const lock = await acquireLock(lockOptions(directory()));
    const { nonce, ...content } = JSON.parse(await readFile(lockPath(), 'utf8'));
    assert.deepEqual(content, { ...machine, beats: false, beat: 0 });
    assert.match(nonce, /^[0-9a-f]{32}$/);
    assert.deepEqual(await readdir(directory()), ['lock']);
    await lock.verify();
    await lock.release();
    assert.deepEqual(await readdir(directory()), []);
  });

  it('held by a running process is refused, naming the holder and the file', async () => {
    const lock = await acquireLock(lockOptions(directory()));
    await assert.rejects(acquireLock(lockOptions(directory())), (error) => {
      assert.ok(error instanceof SessionLockedError);
      assert.equal(error.code, 'ERR_SESSION_LOCKED');
      assert.equal(error.holder?.pid, machine.pid);
      assert.match(error.message, /session "plant-1".*process 100 on host "plant"/);
      assert.ok(error.message.includes(lockPath()));
      return true;
    });
    await lock.verify();
    await lock.release();
  });

  it('of a dead process is taken over, and what the dead one still does harms nobody', async () => {
    const dead = await acquireLock(lockOptions(directory(), { facts: factsOf({ ...machine, pid: 99 }) }));
    const lock = await acquireLock(lockOptions(directory()));
    await assert.rejects(dead.verify(), { code: 'ERR_SESSION_LOST' });
    await dead.release();
    await lock.verify();
    assert.deepEqual(await readdir(directory()), ['lock']);
    await lock.release();
  });

  it('that somebody removed or replaced is lost', async () => {
    const removed = await acquireLock(lockOptions(directory()));
    await rm(lockPath());
    await assert.rejects(removed.verify(), { code: 'ERR_SESSION_LOST' });
    await assert.rejects(removed.verify(), { code: 'ERR_SESSION_LOST' });
    await removed.release();

    const replaced = await acquireLock(lockOptions(directory()));
    await writeFile(`${lockPath()}.other`, JSON.stringify(stranger));
    await rename(`${lockPath()}.other`, lockPath());
    await assert.rejects(replaced.verify(), {
      code: 'ERR_SESSION_LOST',
      details: { holder: stranger, lockPath: lockPath() },
    });
    await replaced.release();
    assert.deepEqual(await readdir(directory()), ['lock']);
  });

  it('that cannot be looked at is not lost: the error passes', async () => {
    let broken = false;
    const fileSystem: FileSystem = {
      ...nodeFileSystem,
      status: async (file) => {
        if (broken) throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO' });
        return nodeFileSystem.status(file);
      },
    };
    const lock = await acquireLock(lockOptions(directory(), { fileSystem }));
    broken = true;
    await assert.rejects(lock.verify(), { code: 'EIO' });
    broken = false;
    await lock.verify();
    await lock.release();
  });

  it('of an unknown silent holder is refused for ever, naming the file to remove', async () => {
    await writeFile(lockPath(), JSON.stringify(stranger));
    const scheduler = new ManualScheduler();
    const options = lockOptions(directory(), { scheduler });
    for (let i = 0; i < 3; i++) {
      await assert.rejects(acquireLock(options), (error: Error) => error.message.includes(`remove ${lockPath()}`));
      scheduler.advance(60_000);
    }
  });

  it('that is unreadable is refused, naming the file to remove', async () => {
    await writeFile(lockPath(), '{"host": 1, "nonce": "../../x"}');
    await assert.rejects(acquireLock(lockOptions(directory())), { code: 'ERR_SESSION_LOCKED' });
  });

  it('of a beating holder goes stale after 30 s without a beat on our clock', async () => {
    const scheduler = new ManualScheduler();
    const options = lockOptions(directory(), { scheduler });
    await writeFile(lockPath(), JSON.stringify({ ...stranger, beats: true }));
    await assert.rejects(acquireLock(options), { code: 'ERR_SESSION_LOCKED' });
    scheduler.advance(29_999);
    await assert.rejects(acquireLock(options), { code: 'ERR_SESSION_LOCKED' });
    await writeFile(lockPath(), JSON.stringify({ ...stranger, beats: true, beat: 1 }));
    scheduler.advance(1);
    await assert.rejects(acquireLock(options), { code: 'ERR_SESSION_LOCKED' });
    scheduler.advance(30_000);
    await (await acquireLock(options)).release();
  });

  it('is not judged stale by what another observer saw', async () => {
    const scheduler = new ManualScheduler();
    await writeFile(lockPath(), JSON.stringify({ ...stranger, beats: true }));
    await assert.rejects(acquireLock(lockOptions(directory(), { scheduler })), { code: 'ERR_SESSION_LOCKED' });
    scheduler.advance(60_000);
    const fresh = lockOptions(directory(), { scheduler, observations: new LockObservations(scheduler) });
    await assert.rejects(acquireLock(fresh), { code: 'ERR_SESSION_LOCKED' });
  });

  for (const [where, self, network] of [
    ['on a network file system', machine, true],
    ['in a container', { ...machine, pidNamespace: 'container' }, false],
  ] as const) {
    it(`beats ${where}, without losing itself`, async () => {
      const scheduler = new ManualScheduler();
      const fileSystem: FileSystem = { ...nodeFileSystem, space: async () => ({ free: 1, total: 1, network }) };
      const beat = async () => JSON.parse(await readFile(lockPath(), 'utf8')).beat;
      const lock = await acquireLock(lockOptions(directory(), { scheduler, fileSystem, facts: factsOf(self) }));
      assert.equal(await beat(), 0);
      for (const expected of [1, 2]) {
        // A beat is written in its own time; the next one is planned behind it.
        await waitFor(() => scheduler.pending > 0, { what: 'the next beat to be planned' });
        scheduler.advance(10_000);
        await waitFor(async () => (await beat()) === expected, { what: `beat ${expected} in the file` });
        await lock.verify();
      }
      await lock.release();
      scheduler.advance(60_000);
      assert.deepEqual(await readdir(directory()), []);
    });
  }

  it('a late beat of a displaced holder does not touch its successor', async () => {
    const scheduler = new ManualScheduler();
    const self = { ...machine, pidNamespace: 'container', pid: 99 };
    const displaced = await acquireLock(lockOptions(directory(), { scheduler, facts: factsOf(self) }));
    const lock = await acquireLock(lockOptions(directory()));
    const before = await readFile(lockPath(), 'utf8');
    scheduler.advance(10_000);
    await displaced.detach();
    assert.equal(await readFile(lockPath(), 'utf8'), before);
    await lock.verify();
    await lock.release();
  });

  it('works where there are no hard links', async () => {
    const fileSystem: FileSystem = {
      ...nodeFileSystem,
      link: async () => {
        throw Object.assign(new Error('EPERM: operation not permitted'), { code: 'EPERM' });
      },
    };
    const dead = await acquireLock(lockOptions(directory(), { fileSystem, facts: factsOf({ ...machine, pid: 99 }) }));
    const lock = await acquireLock(lockOptions(directory(), { fileSystem }));
    await assert.rejects(acquireLock(lockOptions(directory(), { fileSystem })), { code: 'ERR_SESSION_LOCKED' });
    await assert.rejects(dead.verify(), { code: 'ERR_SESSION_LOST' });
    await dead.detach();
    await lock.release();
    assert.deepEqual(await readdir(directory()), []);
  });

  it('that a taker who had stopped before its rename puts over ours is not taken for ours', async () => {
    const lockPath = path.join(directory(), 'lock');
    const late = { ...machine, pid: 200, nonce: 'a'.repeat(32), beats: true, beat: 0 };
    let isLate = true;
    const fileSystem: FileSystem = {
      ...nodeFileSystem,
      async status(file) {
        if (file === lockPath && isLate) {
          isLate = false;
          await writeFile(`${lockPath}.late`, JSON.stringify(late));
          await rename(`${lockPath}.late`, lockPath);
        }
        return nodeFileSystem.status(file);
      },
    };
    const facts = factsOf(machine, { [machine.pid]: machine.processStart, 200: machine.processStart });
    await assert.rejects(acquireLock(lockOptions(directory(), { fileSystem, facts })), (error: SessionLockedError) => {
      assert.equal(error.holder?.pid, 200);
      return true;
    });
    assert.deepEqual(JSON.parse(await readFile(lockPath, 'utf8')), late);
  });

  it('that a failing disk left behind when it was given up does not lock out the process that held it', async () => {
    let isReadOnly = false;
    const readOnly = async <T>(operation: () => Promise<T>): Promise<T> => {
      if (isReadOnly) throw Object.assign(new Error('EROFS'), { code: 'EROFS' });
      return operation();
    };
    const fileSystem: FileSystem = {
      ...nodeFileSystem,
      open: (file, access) =>
        access === 'read' ? nodeFileSystem.open(file, access) : readOnly(() => nodeFileSystem.open(file, access)),
      remove: (file) => readOnly(() => nodeFileSystem.remove(file)),
    };
    const lock = await acquireLock(lockOptions(directory(), { fileSystem }));
    isReadOnly = true;
    await assert.rejects(lock.release(), { code: 'EROFS' });
    isReadOnly = false;
    const again = await acquireLock(lockOptions(directory(), { fileSystem }));
    await again.verify();
    await assert.rejects(acquireLock(lockOptions(directory())), { code: 'ERR_SESSION_LOCKED' });
    await again.release();
    assert.deepEqual(await readdir(directory()), []);
  });
});
