import * as assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import type { FileSystem } from '../../src/store/file-system';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { adoptSession } from '../../src/transfer/adopt';
import { importMcpsV1 } from '../../src/transfer/mcps-v1-import';
import { fixtures } from '../mcps/fixtures';
import { payloadsOf, publishAll, withClient } from '../transfer/support';
import { temporaryDirectory } from './support';
import { message, textCodec } from './text-codec';

/** What Windows refuses: to rename a directory in which a file is open, or anything over a file that is open. */
function refusingLikeWindows(): FileSystem {
  // Handles follow their file.
  const open = new Set<{ name: string }>();
  return {
    ...nodeFileSystem,
    open: async (name, access) => {
      const handle = await nodeFileSystem.open(name, access);
      const file = { name };
      open.add(file);
      return {
        ...handle,
        close: async () => {
          await handle.close();
          open.delete(file);
        },
      };
    },
    rename: async (from, to) => {
      for (const { name } of open) {
        if (name === to || name.startsWith(from + path.sep)) {
          throw Object.assign(new Error(`EPERM: operation not permitted, rename '${from}' -> '${to}'`), {
            code: 'EPERM',
          });
        }
      }
      await nodeFileSystem.rename(from, to);
      for (const file of open) if (file.name === from) file.name = to;
    },
  };
}

describe('where open files are not replaced, nor their directories renamed', () => {
  const directory = temporaryDirectory();
  let store: SessionStore;
  let time = Date.now();

  beforeEach(async () => {
    store = await openSessionStore({
      path: directory(),
      closeWaitMs: 0,
      onNotice: () => undefined,
      fileSystem: refusingLikeWindows(),
      scheduler: {
        now: () => time,
        after: (delayMs, task) => {
          const timer = setTimeout(task, delayMs);
          return () => clearTimeout(timer);
        },
      },
    });
  });

  afterEach(() => store.close());

  it('dead letters are kept, and their file is made anew', async () => {
    const session = await store.open('plant', textCodec, undefined);
    await session.deadLetters.keep('a', message('a'.repeat(100_000)));
    await session.deadLetters.keep('b', message('b'));
    const [first] = await session.deadLetters.list(0, 1);
    assert.equal(await session.deadLetters.remove([first!.id]), 1);
    assert.deepEqual(
      (await session.deadLetters.list(0, 10)).map(({ record }) => record.text),
      ['b'],
    );
    await session.close();
  });

  it('sessions are imported, adopted, deleted, and cleaned up', async () => {
    const { bytes, session } = fixtures().find(({ name }) => name === 'session_test_client_001.mcps')!;
    await importMcpsV1(store, bytes);
    await importMcpsV1(store, bytes, { replace: true });
    await withClient('heir', store, async (heir) => {
      assert.equal((await adoptSession(store, session.clientId, heir)).deleted, true);
      assert.equal((await payloadsOf(heir)).length, session.inflight.length);
    });
    assert.equal(await store.delete('heir'), true);
    await withClient('expired', store, (client) => publishAll(client, ['a']), { expiryInterval: 1 });
    time += 86_400_000;
    const { sessions, failed } = await store.cleanUp();
    assert.deepEqual([sessions.map(({ clientId }) => clientId), failed], [['expired'], []]);
    assert.deepEqual(await readdir(directory()), []);
  });

  it('a damaged snapshot goes to quarantine', async () => {
    await (await store.open('plant', textCodec, undefined)).close();
    const own = path.join(directory(), sessionDirectoryName('plant'));
    const [snapshot = ''] = (await readdir(own)).filter((name) => name.endsWith('.mcps'));
    await writeFile(path.join(own, snapshot), 'damaged');
    await (await store.open('plant', textCodec, undefined)).close();
    assert.ok(existsSync(path.join(directory(), 'quarantine')));
  });
});
