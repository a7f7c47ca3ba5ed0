import * as assert from 'node:assert/strict';
import { promises } from 'node:fs';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import * as sinon from 'sinon';
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

  describe('on file systems of all kinds', () => {
    afterEach(() => sinon.restore());

    /** From now on opening a directory gives a handle whose sync fails. */
    function directorySyncFails(code: string): void {
      const open = promises.open.bind(promises);
      sinon.stub(promises, 'open').callsFake(async (...args) => {
        const handle = await open(...args);
        sinon.stub(handle, 'sync').rejects(Object.assign(new Error(code), { code }));
        return handle;
      });
    }

    for (const code of ['EINVAL', 'EPERM', 'ENOTSUP']) {
      it(`takes ${code} at the sync of a directory for "not supported"`, async () => {
        directorySyncFails(code);
        await nodeFileSystem.syncDirectory(directory());
      });
    }

    for (const code of ['EIO', 'ENOSPC', 'EROFS']) {
      it(`takes ${code} at the sync of a directory for an error`, async () => {
        directorySyncFails(code);
        await assert.rejects(nodeFileSystem.syncDirectory(directory()), { code });
      });
    }

    for (const code of ['EPERM', 'EBUSY']) {
      it(`tries again when a rename fails with ${code}, and tells when it goes on failing`, async () => {
        const error = Object.assign(new Error(code), { code });
        const [from, to] = [path.join(directory(), 'from'), path.join(directory(), 'to')];
        await promises.writeFile(from, 'content');
        const rename = sinon.stub(promises, 'rename').callThrough();
        rename.onFirstCall().rejects(error).onSecondCall().rejects(error);
        await nodeFileSystem.rename(from, to);
        assert.equal(await promises.readFile(to, 'utf8'), 'content');
        assert.equal(rename.callCount, 3);
        rename.rejects(error);
        await assert.rejects(nodeFileSystem.rename(to, from), { code });
      });
    }

    it('does not try again when a rename fails for another reason', async () => {
      const rename = sinon.stub(promises, 'rename').rejects(Object.assign(new Error('EIO'), { code: 'EIO' }));
      await assert.rejects(nodeFileSystem.rename('/a', '/b'), { code: 'EIO' });
      assert.equal(rename.callCount, 1);
    });
  });
});
