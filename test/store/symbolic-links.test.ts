import * as assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore } from '../../src/store/session-store';
import { SessionUser } from './session-user';
import { temporaryDirectory } from './support';
import { message, textCodec } from './text-codec';

describe('a symbolic link below the storage path', () => {
  const directory = temporaryDirectory();
  const storagePath = () => path.join(directory(), 'sessions');
  const outside = () => path.join(directory(), 'outside');
  const sessionPath = () => path.join(storagePath(), sessionDirectoryName('plant'));
  before(function () {
    if (process.platform === 'win32') this.skip();
  });

  it('in the place of a session is refused and nothing is written where it leads', async () => {
    await mkdir(outside());
    await mkdir(storagePath());
    await symlink(outside(), sessionPath());
    const store = await openSessionStore({ path: storagePath() });
    await assert.rejects(store.open('plant', textCodec, undefined), { code: 'ERR_STORE_PATH' });
    assert.equal(await store.delete('plant'), false);
    assert.deepEqual(await readdir(outside()), []);
  });

  for (const name of ['reserve', 'lock', 'session.1.mcps', '1-00000001.mcpj']) {
    it(`in the place of ${name} is refused and what it leads to is left as it is`, async () => {
      const store = await openSessionStore({ path: storagePath() });
      const user = new SessionUser(await store.open('plant', textCodec, undefined));
      await user.append(message('a'));
      await user.session.close();
      await writeFile(outside(), 'precious');
      const file = path.join(sessionPath(), name);
      const kept = path.join(directory(), 'kept');
      await rename(file, kept).catch(() => undefined);
      await symlink(outside(), file);
      const opened = await store.open('plant', textCodec, undefined).catch((error: Error & { code: string }) => error);
      if (opened instanceof Error) assert.equal(opened.code, 'ERR_STORE_PATH', opened.message);
      else await opened.close();
      assert.equal(await readFile(outside(), 'utf8'), 'precious');

      await rm(file, { force: true });
      await rename(kept, file).catch(() => undefined);
      const again = await store.open('plant', textCodec, undefined);
      assert.equal((await again.read(0, 1000)).length, 1);
      await again.close();
    });
  }
});
