import * as assert from 'node:assert/strict';
import type { FileSystem } from '../../../src/store/file-system';
import { MemoryDisk } from '../../support/memory-disk';
import { message, type TextRecord } from '../text-codec';
import { FAILED, idsOf, keep, listed, openPlant } from './support';

/** A member of `disk` as it is, but for `open`. */
function member(disk: MemoryDisk, name: string | symbol, open: FileSystem['open']): unknown {
  if (name === 'open') return open;
  const value: unknown = Reflect.get(disk, name, disk);
  return typeof value === 'function' ? value.bind(disk) : value;
}

describe('dead letters on a failing disk', function () {
  this.timeout(60_000);

  for (const code of ['EIO', 'ENOSPC', 'EMFILE', 'EROFS']) {
    it(`lose nothing by one call that fails, whichever, and work again (${code})`, async () => {
      const origin = new MemoryDisk();
      const { session: first } = await openPlant(origin);
      await keep(first, 'a', 'b');
      await first.close();
      for (let failAt = 1; ; failAt++) {
        const disk = origin.clone(failAt);
        const { session, notices } = await openPlant(disk);
        let calls = 0;
        disk.onCall = (_, operation, file) => {
          if (file.includes('failed.mcpj') || operation === 'syncDirectory') calls++;
          else return;
          if (calls === failAt) throw Object.assign(new Error(`${code}: ${operation} ${file}`), { code });
        };
        const expected = new Set(['a', 'b']);
        let failed = 0;
        const attempt = async (work: () => Promise<void>) => {
          await work().catch((error: Error & { code: string }) => {
            assert.equal(error.code, code);
            failed++;
            return work();
          });
        };
        await attempt(() => keep(session, 'c', 'd'));
        expected.add('c').add('d');
        const [a = 0] = await idsOf(session, 'a').catch(() => idsOf(session, 'a'));
        await attempt(async () => void (await session.deadLetters.remove([a])));
        expected.delete('a');
        // Larger than all that is left, so that removing it rewrites the file.
        const large = 'e'.repeat(100_000);
        await attempt(() => keep(session, large));
        const [e = 0] = await idsOf(session, large).catch(() => idsOf(session, large));
        await attempt(async () => void (await session.deadLetters.remove([e])));
        await attempt(() => keep(session, 'f'));
        expected.add('f');
        const situation = `call ${failAt}`;
        assert.deepEqual(await listed(session).catch(() => listed(session)), [...expected], situation);
        assert.ok(failed <= 1, situation);
        disk.onCall = undefined;
        await session.close();

        const after = disk.crash('power', failAt);
        const again = await openPlant(after, { pid: 2 });
        assert.deepEqual(await listed(again.session), [...expected], situation);
        await again.session.close();
        const errors = [...notices, ...again.notices].filter(({ text }) => text.includes('damaged'));
        assert.deepEqual(errors, [], situation);
        if (calls >= failAt) continue;
        assert.ok(failAt > 15, `only ${failAt} calls`);
        return;
      }
    });
  }

  it('go to a new file after a sync that failed: what the old one holds is not trusted', async () => {
    const disk = new MemoryDisk();
    const { session } = await openPlant(disk);
    await keep(session, 'a');
    const old = (await disk.status(FAILED)).inode;
    let isFailing = true;
    disk.onCall = (_, operation, file) => {
      if (operation !== 'sync' || !file.includes('failed.mcpj') || !isFailing) return;
      isFailing = false;
      throw Object.assign(new Error('EIO: sync'), { code: 'EIO' });
    };
    await assert.rejects(keep(session, 'b'), { code: 'EIO' });
    await keep(session, 'b');
    assert.notEqual((await disk.status(FAILED)).inode, old);
    assert.deepEqual(await listed(session), ['a', 'b']);
    await session.close();
  });

  it('go to a new file when the name of the last one may not be durable, also when closing that one fails', async () => {
    const disk = new MemoryDisk();
    let isArmed = false;
    let isRenamed = false;
    const failed: string[] = [];
    const failOnce = (call: string) => {
      if (!isRenamed || failed.includes(call)) return;
      failed.push(call);
      throw Object.assign(new Error(`EIO: ${call}`), { code: 'EIO' });
    };
    disk.onCall = (_, operation, file) => {
      if (isArmed && operation === 'rename' && file.includes('failed.mcpj')) isRenamed = true;
      if (operation === 'syncDirectory') failOnce(operation);
    };
    const open: FileSystem['open'] = async (name, access) => {
      const file = await disk.open(name, access);
      if (!name.includes('failed.mcpj')) return file;
      const close = file.close.bind(file);
      file.close = async () => {
        await close();
        failOnce('close');
      };
      return file;
    };
    const { session } = await openPlant(new Proxy(disk, { get: (target, name) => member(target, name, open) }));
    const large = 'a'.repeat(200_000);
    await keep(session, large, 'b');
    const ids = await idsOf(session, large);
    isArmed = true;
    // Told is why it could not be done, not what failed on the way out.
    await assert.rejects(session.deadLetters.remove(ids), /EIO: syncDirectory/);
    assert.deepEqual(failed, ['syncDirectory', 'close']);
    const unsure = (await disk.status(FAILED)).inode;
    await keep(session, 'c');
    assert.notEqual((await disk.status(FAILED)).inode, unsure);
    await session.close();
  });

  it('are kept although one beside them cannot be written at all', async () => {
    const { session } = await openPlant(new MemoryDisk());
    const unwritable = { ...message('bad'), text: undefined } as unknown as TextRecord;
    const [, refused] = await Promise.allSettled([
      keep(session, 'a'),
      session.deadLetters.keep('bad', unwritable),
      keep(session, 'b'),
    ]);
    assert.equal(refused?.status, 'rejected');
    assert.deepEqual(await listed(session), ['a', 'b']);
    await session.close();
  });

  it('are not kept where there is no room, and are when there is', async () => {
    const disk = new MemoryDisk();
    const { session } = await openPlant(disk);
    await keep(session, 'a');
    const before = Buffer.from(disk.contents(FAILED));
    disk.capacity = disk.used + 100;
    await assert.rejects(keep(session, 'b'.repeat(500)), { code: 'ENOSPC' });
    assert.deepEqual(disk.contents(FAILED), before);
    assert.deepEqual(await listed(session), ['a']);
    assert.equal(session.deadLetters.statistics().count, 1);
    disk.capacity = Number.POSITIVE_INFINITY;
    await keep(session, 'b'.repeat(500));
    assert.deepEqual(await listed(session), ['a', 'b'.repeat(500)]);
    await session.close();
  });

  it('can be removed on a disk that is nearly full', async () => {
    const disk = new MemoryDisk();
    const { session } = await openPlant(disk);
    const large = 'a'.repeat(200_000);
    await keep(session, large, 'b'.repeat(50_000));
    disk.capacity = disk.used + 200;
    assert.equal(await session.deadLetters.remove(await idsOf(session, large)), 1);
    await session.close();
    disk.capacity = Number.POSITIVE_INFINITY;
    const again = await openPlant(disk.crash('power'), { pid: 2 });
    assert.deepEqual(await listed(again.session), ['b'.repeat(50_000)]);
    await again.session.close();
  });
});
