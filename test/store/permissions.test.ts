import * as assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { openSessionStore } from '../../src/store/session-store';
import { SessionUser } from './session-user';
import { temporaryDirectory } from './support';
import { message, textCodec } from './text-codec';

describe('the permissions of files', () => {
  const directory = temporaryDirectory();
  let umask = 0;
  beforeEach(() => {
    umask = process.umask();
  });
  afterEach(() => {
    process.umask(umask);
  });

  for (const mask of [0, 0o022, 0o077]) {
    it(`are the owner's alone with a umask of ${mask.toString(8)}`, async function () {
      if (process.platform === 'win32') this.skip();
      process.umask(mask);
      const storagePath = path.join(directory(), 'parent/sessions');
      const store = await openSessionStore({ path: storagePath });
      await store.generateClientId('node');
      const user = new SessionUser(await store.open('plant', textCodec, undefined));
      await user.append(message('secret'));
      await user.checkpoint(1);
      const mode = async (file: string) => (await stat(file)).mode & 0o777;
      const files = await readdir(directory(), { recursive: true, withFileTypes: true });
      assert.ok(files.length >= 7, `${files.length} files`);
      for (const entry of files) {
        const file = path.join(entry.parentPath, entry.name);
        assert.equal(await mode(file), entry.isDirectory() ? 0o700 : 0o600, file);
      }
      await user.session.close();
      await store.close();
    });
  }

  for (const code of ['EROFS', 'EACCES', 'EPERM']) {
    it(`that do not allow to write are ERR_STORE_PATH, naming path and reason (${code})`, async () => {
      const readOnly = {
        ...nodeFileSystem,
        open: async (...args: Parameters<typeof nodeFileSystem.open>) => {
          if (args[1] === 'read') return nodeFileSystem.open(...args);
          throw Object.assign(new Error(`${code}: not to be written`), { code });
        },
      };
      await assert.rejects(
        openSessionStore({ path: directory(), fileSystem: readOnly }),
        (error: Error & { code: string; details: { path: string; reason: string } }) => {
          assert.equal(error.code, 'ERR_STORE_PATH');
          assert.deepEqual(error.details, { path: directory(), reason: code });
          assert.ok(error.message.includes(directory()) && error.message.includes(code));
          return true;
        },
      );
      assert.deepEqual(await readdir(directory()), []);
    });
  }
});
