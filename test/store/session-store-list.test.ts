import * as assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore } from '../../src/store/session-store';
import { SessionUser } from './session-user';
import { temporaryDirectory } from './support';
import { message, textCodec } from './text-codec';

describe('stored sessions', () => {
  const directory = temporaryDirectory();

  it('are listed whether open or not, as of their last snapshot', async () => {
    const store = await openSessionStore({ path: directory() });
    const user = new SessionUser(await store.open('open', textCodec, 60));
    await user.append(message('a'));
    await user.checkpoint(1);
    await user.append(message('b'));
    await (await store.open('closed', textCodec, 0)).close();

    const byId = new Map((await store.list()).map((summary) => [summary.metadata?.clientId, summary]));
    assert.deepEqual([...byId.keys()].sort(), ['closed', 'open']);
    const open = byId.get('open')!;
    assert.equal(open.isOpen, true);
    assert.equal(open.holder?.pid, process.pid);
    assert.equal(open.state?.sequence, 1);
    assert.equal(open.metadata?.expiryInterval, 60);
    assert.ok(open.bytes > 0);
    const closed = byId.get('closed')!;
    assert.deepEqual([closed.isOpen, closed.holder], [false, undefined]);
    assert.deepEqual(await store.inspect('closed'), closed);
    assert.equal(await store.inspect('unknown'), undefined);
    assert.deepEqual([await store.exists('open'), await store.exists('unknown')], [true, false]);
    await user.session.close();
  });

  it('are there also while somebody opens them, and gone while somebody deletes them', async () => {
    const other = await openSessionStore({ path: directory() });
    await (await other.open('plant', textCodec, undefined)).close();
    let beforeOpen: (() => Promise<unknown>) | undefined;
    let afterNextList: (() => Promise<unknown>) | undefined;
    const store = await openSessionStore({
      path: directory(),
      fileSystem: {
        ...nodeFileSystem,
        open: async (file, access) => {
          const work = beforeOpen;
          beforeOpen = undefined;
          await work?.();
          return nodeFileSystem.open(file, access);
        },
        list: async (name) => {
          const names = await nodeFileSystem.list(name);
          const work = name === directory() ? undefined : afterNextList;
          if (work !== undefined) afterNextList = undefined;
          await work?.();
          return names;
        },
      },
    });
    const open = async () => (await other.open('plant', textCodec, undefined)).close();
    beforeOpen = open;
    assert.equal(await store.exists('plant'), true);
    beforeOpen = open;
    assert.equal((await store.list()).length, 1);
    afterNextList = open;
    assert.equal((await store.list())[0]?.metadata?.clientId, 'plant');
    afterNextList = () => other.delete('plant');
    assert.deepEqual(await store.list(), []);
    assert.equal(await store.exists('plant'), false);
  });

  it('are not deleted while open, and are new after it', async () => {
    const store = await openSessionStore({ path: directory(), closeWaitMs: 0 });
    const user = new SessionUser(await store.open('plant', textCodec, undefined));
    await user.append(message('a'));
    await assert.rejects(store.delete('plant'), { code: 'ERR_SESSION_LOCKED' });
    await user.append(message('b'));
    await user.session.close();
    assert.equal(await store.delete('plant'), true);
    assert.equal(await store.delete('plant'), false);
    assert.deepEqual(await readdir(directory()), []);
    const again = await store.open('plant', textCodec, undefined);
    assert.deepEqual([again.recovered.isNew, again.recovered.records], [true, []]);
    await again.close();
  });

  it('leave files that are not ours in quarantine when they are deleted', async () => {
    const store = await openSessionStore({ path: directory() });
    await (await store.open('plant', textCodec, undefined)).close();
    await writeFile(path.join(directory(), sessionDirectoryName('plant'), 'notes.txt'), 'mine');
    await store.delete('plant');
    assert.deepEqual(await readdir(directory()), ['quarantine']);
    const [kept] = await readdir(path.join(directory(), 'quarantine'));
    assert.ok((await readdir(path.join(directory(), 'quarantine', kept!))).includes('notes.txt'));
  });
});
