import * as assert from 'node:assert/strict';
import { readdir, stat } from 'node:fs/promises';
import * as path from 'node:path';
import type { FileSystem } from '../../src/store/file-system';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { openSessionStore } from '../../src/store/session-store';
import { SessionUser, texts } from './session-user';
import { temporaryDirectory } from './support';
import { message, textCodec } from './text-codec';

async function usedBytes(root: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const status = await stat(path.join(entry.parentPath, entry.name)).catch(() => undefined);
    if (status?.isFile()) bytes += status.size / status.nlink;
  }
  return bytes;
}

/** Real files on a disk that holds `capacity()` bytes and is full to the byte, with blocks of one byte. */
function smallDisk(root: string, capacity: () => number): FileSystem {
  return {
    ...nodeFileSystem,
    async open(file, access) {
      const handle = await nodeFileSystem.open(file, access);
      return {
        read: (...args) => handle.read(...args),
        sync: () => handle.sync(),
        truncate: (length) => handle.truncate(length),
        size: () => handle.size(),
        close: () => handle.close(),
        async write(source, offset, length, position) {
          const growth = Math.max(0, position + length - (await handle.size()));
          const free = Math.max(0, capacity() - (await usedBytes(root)));
          if (growth > 0 && free === 0) throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' });
          return handle.write(source, offset, length - Math.max(0, growth - free), position);
        },
      };
    },
    space: async () => undefined,
  };
}

describe('a full disk', () => {
  const directory = temporaryDirectory();

  it('does not keep a stored session from being opened, checkpointed and closed', async () => {
    let capacity = 10_000_000;
    const store = await openSessionStore({ path: directory(), fileSystem: smallDisk(directory(), () => capacity) });
    const user = new SessionUser(await store.open('plant', textCodec, undefined));
    await user.append(message('a'));
    await user.session.close();

    capacity = await usedBytes(directory());
    const full = new SessionUser(await store.open('plant', textCodec, undefined));
    assert.deepEqual(texts(full.session.recovered.records), ['a']);
    await full.checkpoint(1);
    await full.session.close();

    const again = await store.open('plant', textCodec, undefined);
    assert.equal(again.recovered.state.sequence, 1);
    await again.close();
  });
});
