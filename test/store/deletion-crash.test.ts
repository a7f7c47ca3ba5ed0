import * as assert from 'node:assert/strict';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { SyncLimiter } from '../../src/store/sync-limiter';
import { MemoryDisk } from '../support/memory-disk';
import { MountedDisk } from '../support/mounted-disk';
import { TestClock } from './dead-letters/support';
import { SessionUser, texts } from './session-user';
import { factsOf, machine } from './support';
import { message, textCodec } from './text-codec';

const TEXTS = ['a', 'b', 'c'];
let processes = 0;

/** As the next process sees the disk. */
function openStore(disk: MemoryDisk): Promise<SessionStore> {
  const pid = ++processes;
  const mountPoint = `/process-${pid}`;
  return openSessionStore({
    path: `${mountPoint}/store`,
    fileSystem: new MountedDisk(disk, mountPoint),
    scheduler: new TestClock(),
    syncLimiter: new SyncLimiter(2),
    closeWaitMs: 0,
    onNotice: () => undefined,
    holderFacts: factsOf({ ...machine, bootId: `boot ${pid}`, pid }, { [pid]: machine.processStart }),
  });
}

describe('a session that is being deleted when the power goes', function () {
  this.timeout(60_000);

  it('is whole or gone, and gone for good once that was said', async () => {
    const prepared = new MemoryDisk();
    const first = await openStore(prepared);
    const user = new SessionUser(await first.open('plant', textCodec, undefined));
    for (const text of TEXTS) await user.append(message(text));
    await user.session.close();
    await first.close();

    for (let call = 1; ; call++) {
      let isSaid = false;
      for (const seed of [1, 2, 3, 4]) {
        const disk = prepared.clone(seed);
        const stopped = disk.stopAt(call);
        const work = async (): Promise<boolean> => {
          const store = await openStore(disk);
          return store.delete('plant');
        };
        isSaid = (await Promise.race([stopped.then(() => false), work()])) === true;
        const situation = `call ${call}, seed ${seed}`;
        const store = await openStore(disk.crash('power', seed));
        const summaries = await store.list();
        if (isSaid) assert.deepEqual(summaries, [], situation);
        if (summaries.length === 0) continue;
        const session = await store.open('plant', textCodec, undefined);
        assert.deepEqual(texts(await session.read(0, 10_000)), TEXTS, situation);
        assert.deepEqual(
          session.recovered.notices.filter(({ level }) => level === 'error'),
          [],
          situation,
        );
        await session.close();
      }
      if (!isSaid) continue;
      assert.ok(call > 20, `only ${call} calls`);
      return;
    }
  });

  it('loses no file before its directory has its new name on the disk', async () => {
    // The simulated disk has names of directories at once; a real one has not.
    const disk = new MemoryDisk();
    const store = await openStore(disk);
    await (await store.open('plant', textCodec, undefined)).close();
    const calls: string[] = [];
    disk.onCall = (_, operation, file) => {
      if (operation === 'rename' && !file.endsWith('.tmp')) calls.push('rename');
      if (operation === 'syncDirectory' && file === '/store') calls.push('sync');
      if (operation === 'remove' && file.startsWith('/store/.deleted-')) calls.push('remove');
    };
    await store.delete('plant');
    assert.deepEqual(calls.slice(0, 3), ['rename', 'sync', 'remove']);
  });
});
