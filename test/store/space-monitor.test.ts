import * as assert from 'node:assert/strict';
import type { FileSystem } from '../../src/store/file-system';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { SpaceMonitor } from '../../src/store/space-monitor';
import { ManualScheduler } from './support';

const MEBIBYTE = 1024 * 1024;
const GIBIBYTE = 1024 * MEBIBYTE;

describe('the free-space floor', () => {
  let space: { free: number; total: number; network: boolean } | undefined;
  let asked = 0;
  let failing = false;
  const scheduler = new ManualScheduler();
  const fileSystem: FileSystem = {
    ...nodeFileSystem,
    space: async () => {
      asked++;
      if (failing) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      return space;
    },
  };
  const monitor = new SpaceMonitor(fileSystem, scheduler, '/data/sessions');

  async function check(free: number, total: number) {
    space = { free, total, network: false };
    await monitor.refresh();
    return monitor.check();
  }

  it('is 200 MiB on a large file system', async () => {
    assert.equal(await check(200 * MEBIBYTE, 100 * GIBIBYTE), undefined);
    const error = await check(200 * MEBIBYTE - 1, 100 * GIBIBYTE);
    assert.equal(error?.code, 'ERR_STORE_FULL');
    assert.match(error?.message ?? '', /\/data\/sessions has 200\.0 MiB free, less than the 200\.0 MiB/);
    assert.deepEqual(error?.details, { path: '/data/sessions', free: 200 * MEBIBYTE - 1, floor: 200 * MEBIBYTE });
  });

  it('is 5 % of a small file system', async () => {
    assert.equal(await check(50 * MEBIBYTE, 1000 * MEBIBYTE), undefined);
    assert.equal((await check(49 * MEBIBYTE, 1000 * MEBIBYTE))?.code, 'ERR_STORE_FULL');
  });

  it('is looked at once a second at most, and answers at once from the last look', async () => {
    await check(0, GIBIBYTE);
    const before = asked;
    space = { free: GIBIBYTE, total: GIBIBYTE, network: false };
    scheduler.advance(999);
    for (let i = 0; i < 100; i++) assert.equal(monitor.check()?.code, 'ERR_STORE_FULL');
    assert.equal(asked, before);
    scheduler.advance(1);
    for (let i = 0; i < 100; i++) assert.equal(monitor.check()?.code, 'ERR_STORE_FULL');
    assert.equal(asked, before + 1);
    await new Promise(setImmediate);
    assert.equal(monitor.check(), undefined);
  });

  it('keeps the last answer when the disk gives none, and no limit where space is unknown', async () => {
    await check(0, GIBIBYTE);
    failing = true;
    await monitor.refresh();
    assert.equal(monitor.check()?.code, 'ERR_STORE_FULL');
    failing = false;
    space = undefined;
    await monitor.refresh();
    assert.equal(monitor.check(), undefined);
  });
});
