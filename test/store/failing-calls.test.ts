import * as assert from 'node:assert/strict';
import type { FileSystem } from '../../src/store/file-system';
import { openSessionStore } from '../../src/store/session-store';
import { SyncLimiter } from '../../src/store/sync-limiter';
import { MemoryDisk } from '../support/memory-disk';
import { SessionUser, texts } from './session-user';
import { factsOf, machine } from './support';
import { message, textCodec } from './text-codec';

/** `disk`, whose call number `failAt` fails (closing a file counts as one), and the files that are open. */
function failingOnce(disk: MemoryDisk, failAt: number, code: string) {
  const open = new Set<string>();
  let calls = 0;
  const check = (what: string) => {
    if (++calls === failAt) throw Object.assign(new Error(`${code}: ${what}`), { code });
  };
  disk.onCall = (_, operation, path) => check(`${operation} ${path}`);
  const fileSystem: FileSystem = {
    async open(path, access) {
      const file = await disk.open(path, access);
      const name = `${path}, call ${calls}`;
      open.add(name);
      return {
        ...file,
        close: async () => {
          open.delete(name);
          await file.close();
          check(`close ${path}`);
        },
      };
    },
    makeDirectory: (path) => disk.makeDirectory(path),
    list: (path) => disk.list(path),
    status: (path) => disk.status(path),
    rename: (from, to) => disk.rename(from, to),
    link: (from, to) => disk.link(from, to),
    remove: (path) => disk.remove(path),
    removeDirectory: (path) => disk.removeDirectory(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    space: () => disk.space(),
  };
  return { fileSystem, open, hasFailed: () => calls >= failAt };
}

describe('a file system call that fails', () => {
  for (const code of ['EIO', 'ENOSPC', 'EMFILE', 'EROFS']) {
    it(`once, wherever, loses nothing, leaves no file open and the session free to be opened again (${code})`, async () => {
      const origin = new MemoryDisk();
      const prepared = new SessionUser(await (await open(origin)).open('plant', textCodec, undefined));
      await prepared.append(message('a'), message('b'));
      await prepared.checkpoint(1);
      await prepared.append(message('c'));
      await prepared.session.close();

      for (let failAt = 1; ; failAt++) {
        const disk = origin.clone(1);
        const { fileSystem, open: openFiles, hasFailed } = failingOnce(disk, failAt, code);
        const errors: string[] = [];
        const note = (error: Error) => void errors.push(error.message);
        let user: SessionUser | undefined;
        let appended = false;
        try {
          user = new SessionUser(await (await open(fileSystem)).open('plant', textCodec, undefined));
          appended = await user.append(message('d')).then(
            () => true,
            () => false,
          );
          await user.checkpoint(1).catch(note);
          await user.session.read(0, 1_000_000).catch(note);
        } catch (error) {
          note(error as Error);
        }
        await user?.session.close().catch(note);
        const situation = `call ${failAt}: ${errors.join('; ')}`;
        assert.deepEqual([...openFiles], [], situation);

        disk.onCall = undefined;
        const again = await (await open(disk)).open('plant', textCodec, undefined);
        const stored = texts(await again.read(0, 1_000_000));
        assert.deepEqual(stored.slice(0, 3), ['a', 'b', 'c'], situation);
        if (appended) assert.equal(stored[3], 'd', situation);
        assert.deepEqual(
          again.recovered.notices.filter(({ level }) => level === 'error'),
          [],
          situation,
        );
        await again.close();
        if (hasFailed()) continue;
        assert.ok(failAt > 80, `only ${failAt} calls`);
        assert.deepEqual(errors, []);
        return;
      }
    }).timeout(20_000);
  }
});

/** All by one process, so that a lock it left behind is its own. */
function open(fileSystem: FileSystem) {
  return openSessionStore({
    path: '/sessions',
    fileSystem,
    // Waiting takes no time here.
    scheduler: {
      now: () => 0,
      after: (_, task) => {
        const timer = setImmediate(task);
        return () => clearImmediate(timer);
      },
    },
    syncLimiter: new SyncLimiter(2),
    holderFacts: factsOf(machine, { [machine.pid]: machine.processStart }),
    closeWaitMs: 0,
    onNotice: () => undefined,
  });
}
