import * as assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore, type StoreNotice } from '../../src/store/session-store';
import { SessionUser } from './session-user';
import { temporaryDirectory } from './support';
import { message, textCodec } from './text-codec';

describe('a storage path', () => {
  const directory = temporaryDirectory();

  it('that is missing is made, for its owner only, and so are all files in it', async () => {
    const storagePath = path.join(directory(), 'new/sessions');
    const store = await openSessionStore({ path: storagePath });
    const user = new SessionUser(await store.open('plant', textCodec, undefined));
    await user.append(message('secret'));
    await user.checkpoint(1);
    await user.session.close();
    await store.generateClientId('node');
    if (process.platform === 'win32') return;
    const mode = async (file: string) => (await stat(file)).mode & 0o777;
    assert.equal(await mode(storagePath), 0o700);
    for (const entry of await readdir(storagePath, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name);
      assert.equal(await mode(file), entry.isDirectory() ? 0o700 : 0o600, file);
    }
  });

  it('is used although a deleted session cannot be removed from it; that is said, and clean-up does it later', async () => {
    const session = sessionDirectoryName('gone');
    const deleted = path.join(directory(), `.deleted-01234567-${session}`);
    await mkdir(deleted);
    await writeFile(path.join(deleted, 'session.1.mcps'), 'x');
    let isBusy = true;
    const notices: StoreNotice[] = [];
    const store = await openSessionStore({
      path: directory(),
      onNotice: (notice) => notices.push(notice),
      fileSystem: {
        ...nodeFileSystem,
        remove: async (file) => {
          if (isBusy && file.startsWith(deleted)) throw Object.assign(new Error('EBUSY: unlink'), { code: 'EBUSY' });
          await nodeFileSystem.remove(file);
        },
      },
    });
    assert.deepEqual(
      notices.map(({ clientId, level }) => [clientId, level]),
      [[session, 'warn']],
    );
    assert.match(notices[0]?.text ?? '', /EBUSY: unlink/);
    assert.equal((await store.cleanUp()).failed.length, 1);
    isBusy = false;
    assert.deepEqual((await store.cleanUp()).failed, []);
    assert.deepEqual(await readdir(directory()), []);
    await store.close();
  });

  it('that is a file, or below one, is ERR_STORE_PATH with reason and path', async () => {
    const file = path.join(directory(), 'file');
    await writeFile(file, 'x');
    for (const storagePath of [file, path.join(file, 'sessions')]) {
      await assert.rejects(openSessionStore({ path: storagePath }), (error: Error & { code: string }) => {
        assert.equal(error.code, 'ERR_STORE_PATH');
        assert.ok(error.message.includes(storagePath));
        assert.match(error.message, /EEXIST|ENOTDIR/);
        return true;
      });
    }
    assert.equal(await readFile(file, 'utf8'), 'x');
  });

  it('that is not writable is ERR_STORE_PATH', async function () {
    const storagePath = '/proc/mqtt-sessions';
    if (process.platform !== 'linux') return;
    this.timeout(5000);
    await assert.rejects(openSessionStore({ path: storagePath }), { code: 'ERR_STORE_PATH' });
    if (process.getuid?.() === 0) return;
    await chmod(directory(), 0o500);
    await assert.rejects(openSessionStore({ path: directory() }), { code: 'ERR_STORE_PATH' });
    await chmod(directory(), 0o700);
  });

  it('may be a symbolic link', async () => {
    await mkdir(path.join(directory(), 'real'));
    await symlink(path.join(directory(), 'real'), path.join(directory(), 'link'));
    const store = await openSessionStore({ path: path.join(directory(), 'link') });
    assert.equal(path.basename(store.path), 'real');
  });

  it('keeps foreign files and directories as they are', async () => {
    await writeFile(path.join(directory(), 'notes.txt'), 'mine');
    await mkdir(path.join(directory(), 'folder~x'));
    await writeFile(path.join(directory(), 'folder~x', 'session.1.mcps'), 'mine');
    const store = await openSessionStore({ path: directory() });
    await (await store.open('plant', textCodec, undefined)).close();
    assert.equal((await store.list()).length, 1);
    await store.delete('plant');
    assert.deepEqual((await readdir(directory())).sort(), ['folder~x', 'notes.txt']);
    assert.equal(await readFile(path.join(directory(), 'folder~x', 'session.1.mcps'), 'utf8'), 'mine');
  });

  it('and the session in it have durable names before anything is stored, also when who made them was killed', async () => {
    const storagePath = path.join(directory(), 'sessions');
    await mkdir(storagePath);
    await (await (await openSessionStore({ path: storagePath })).open('plant', textCodec, undefined)).close();
    const synced: string[] = [];
    const fileSystem = {
      ...nodeFileSystem,
      async syncDirectory(target: string) {
        await nodeFileSystem.syncDirectory(target);
        synced.push(target);
      },
    };
    const store = await openSessionStore({ path: storagePath, fileSystem });
    assert.deepEqual(synced, [directory()]);
    const session = await store.open('plant', textCodec, undefined);
    assert.ok(synced.includes(storagePath), synced.join());
    await session.close();
  });

  it('with a file that no opening can follow is refused, naming it, and can be used when that is gone', async () => {
    const store = await openSessionStore({ path: directory() });
    const user = new SessionUser(await store.open('plant', textCodec, undefined));
    await user.append(message('a'));
    await user.session.close();
    const planted = path.join(directory(), sessionDirectoryName('plant'), '999999999999999-00000009.mcpj');
    await writeFile(planted, '');
    await assert.rejects(store.open('plant', textCodec, undefined), {
      code: 'ERR_STORE_PATH',
      message: /epoch 999999999999999/,
    });
    await rm(planted);
    const again = await store.open('plant', textCodec, undefined);
    assert.equal((await again.read(0, 1000)).length, 1);
    await again.close();
  });
});
