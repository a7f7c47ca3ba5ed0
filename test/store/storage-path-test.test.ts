import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { testStoragePath } from '../../src/store/storage-path-test';

describe('a storage path that is only tested', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await fs.realpath(await fs.mkdtemp(path.join(os.tmpdir(), 'path-test-')));
  });
  afterEach(() => fs.rm(directory, { recursive: true, force: true }));

  it('is written to where it exists, and left as it was', async () => {
    const test = await testStoragePath(directory);
    assert.equal(test.exists, true);
    assert.equal(test.problem, undefined);
    assert.equal(test.syncsDirectories, true);
    assert.deepEqual(await fs.readdir(directory), []);
  });

  it('is not made where it is missing, but tried in the nearest directory that exists', async () => {
    const test = await testStoragePath(path.join(directory, 'a', 'b'));
    assert.equal(test.path, path.join(directory, 'a', 'b'));
    assert.equal(test.exists, false);
    assert.equal(test.problem, undefined);
    assert.deepEqual(await fs.readdir(directory), []);
  });

  it('says how much is free, and what is kept free', async () => {
    const { freeBytes = 0, floorBytes = 0 } = await testStoragePath(directory);
    const { bsize, blocks } = await fs.statfs(directory);
    assert.ok(freeBytes > 0);
    assert.equal(floorBytes, Math.min(200 * 1024 * 1024, bsize * blocks * 0.05));
  });

  it('is refused where something else is in the way', async () => {
    const file = path.join(directory, 'file');
    await fs.writeFile(file, '');
    assert.equal((await testStoragePath(file)).problem, 'ENOTDIR');
    assert.equal((await testStoragePath(path.join(file, 'below'))).problem, 'ENOTDIR');
    const link = path.join(directory, 'link');
    await fs.symlink(path.join(directory, 'nowhere'), link);
    assert.equal((await testStoragePath(link)).problem, 'ENOENT');
  });

  it('is refused where this user may not write', async function () {
    // /proc takes no files, not even from the superuser.
    if (process.platform !== 'linux') this.skip();
    assert.notEqual((await testStoragePath('/proc')).problem, undefined);
    assert.notEqual((await testStoragePath('/proc/sessions')).problem, undefined);
  });
});
