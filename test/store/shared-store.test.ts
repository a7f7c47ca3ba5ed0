import * as assert from 'node:assert/strict';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { sharedSessionStore } from '../../src/store/shared-store';
import { temporaryDirectory } from './support';
import { textCodec } from './text-codec';

describe('a shared store', () => {
  const directory = temporaryDirectory();

  it('is one instance for all names of a path, until its last user releases it', async () => {
    const [real, link] = [path.join(directory(), 'real'), path.join(directory(), 'link')];
    await mkdir(real);
    await symlink(real, link);
    const stores = await Promise.all([real, link, `${link}/.`].map((name) => sharedSessionStore(name)));
    assert.equal(new Set(stores).size, 1);
    const [store] = stores as [(typeof stores)[0]];
    await store.release();
    await store.release();
    assert.equal(store.isClosed, false);
    await store.release();
    await assert.rejects(store.open('plant', textCodec, undefined), { code: 'ERR_STORE_CLOSED' });
    const next = await sharedSessionStore(real);
    assert.notEqual(next, store);
    await next.release();
  });

  it('closes after its last session, and the next instance waits for that session', async () => {
    const store = await sharedSessionStore(directory());
    const session = await store.open('plant', textCodec, undefined);
    const order: string[] = [];
    const released = store.release().then(() => order.push('store closed'));
    const next = await sharedSessionStore(directory());
    assert.notEqual(next, store);
    const reopened = next.open('plant', textCodec, undefined).then((opened) => {
      order.push('opened again');
      return opened;
    });
    await new Promise(setImmediate);
    assert.deepEqual(order, []);
    await session.close();
    await released;
    await (await reopened).close();
    assert.equal(order.length, 2);
    await next.release();
  });

  it('that could not be opened is tried anew', async () => {
    const blocker = path.join(directory(), 'blocked');
    await writeFile(blocker, '');
    await assert.rejects(sharedSessionStore(path.join(blocker, 'sessions')), { code: 'ERR_STORE_PATH' });
    await rm(blocker);
    const store = await sharedSessionStore(path.join(blocker, 'sessions'));
    await store.release();
  });
});
