import * as assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { temporaryDirectory } from './support';

describe('the file system of this machine', () => {
  const directory = temporaryDirectory();
  const file = (name: string) => path.join(directory(), name);

  it('makes files with mode 0600 and directories with mode 0700, parents included', async function () {
    if (process.platform === 'win32') this.skip();
    await nodeFileSystem.makeDirectory(file('a/b'));
    await (await nodeFileSystem.open(file('a/b/c'), 'create')).close();
    const mode = async (name: string) => (await fs.stat(file(name))).mode & 0o777;
    assert.deepEqual([await mode('a'), await mode('a/b'), await mode('a/b/c')], [0o700, 0o700, 0o600]);
  });

  it('opens only what is there, and creates only what is not', async () => {
    await assert.rejects(nodeFileSystem.open(file('x'), 'read'), { code: 'ENOENT' });
    await assert.rejects(nodeFileSystem.open(file('x'), 'write'), { code: 'ENOENT' });
    await (await nodeFileSystem.open(file('x'), 'create')).close();
    await assert.rejects(nodeFileSystem.open(file('x'), 'create'), { code: 'EEXIST' });
  });

  it('reads and writes at explicit positions', async () => {
    const open = await nodeFileSystem.open(file('x'), 'create');
    assert.equal(await open.write(Buffer.from('..abc..'), 2, 3, 4), 3);
    assert.equal(await open.size(), 7);
    await open.sync();
    await open.truncate(6);
    const target = Buffer.alloc(8, '-');
    assert.equal(await open.read(target, 1, 7, 4), 2);
    assert.equal(target.toString(), '-ab-----');
    assert.equal(await open.read(target, 0, 8, 6), 0);
    await open.close();
  });

  it('tells a replaced file from the one before', async () => {
    await fs.writeFile(file('a'), '1');
    await fs.writeFile(file('b'), '1');
    const before = await nodeFileSystem.status(file('a'));
    await nodeFileSystem.rename(file('b'), file('a'));
    const after = await nodeFileSystem.status(file('a'));
    assert.notEqual(before.inode, after.inode);
    assert.deepEqual([after.kind, after.size], ['file', 1]);
    await fs.symlink(file('a'), file('link'));
    assert.equal((await nodeFileSystem.status(file('link'))).kind, 'other');
  });

  it('links without replacing', async () => {
    await fs.writeFile(file('a'), '1');
    await nodeFileSystem.link(file('a'), file('b'));
    await assert.rejects(nodeFileSystem.link(file('a'), file('b')), { code: 'EEXIST' });
  });

  it('syncs directories, and does not take a missing one for a synced one', async () => {
    await nodeFileSystem.syncDirectory(directory());
    await assert.rejects(nodeFileSystem.syncDirectory(file('missing')), { code: 'ENOENT' });
  });

  it('knows the space around a path', async () => {
    const space = await nodeFileSystem.space(directory());
    assert.ok(space && space.total > 0 && space.free <= space.total);
    await assert.rejects(nodeFileSystem.space(file('missing')), { code: 'ENOENT' });
  });
});
