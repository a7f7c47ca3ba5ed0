import * as assert from 'node:assert/strict';
import { promises } from 'node:fs';
import * as path from 'node:path';
import * as sinon from 'sinon';
import type { FileSystem } from '../../src/store/file-system';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { openSessionStore } from '../../src/store/session-store';
import { MemoryDisk } from '../support/memory-disk';
import { SessionUser, texts } from './session-user';
import { temporaryDirectory } from './support';
import { message, textCodec } from './text-codec';

const failure = (code: string) => Object.assign(new Error(`${code}: as a file server says it`), { code });

/** Stored, closed, opened again, read, deleted. */
async function wholeLife(storagePath: string, fileSystem: FileSystem): Promise<void> {
  const store = await openSessionStore({ path: storagePath, fileSystem });
  const user = new SessionUser(await store.open('plant', textCodec, undefined));
  await user.append(message('1'), message('2'));
  await user.checkpoint(1);
  const other = await openSessionStore({ path: storagePath, fileSystem, closeWaitMs: 0 });
  await assert.rejects(other.open('plant', textCodec, undefined), { code: 'ERR_SESSION_LOCKED' });
  await other.close();
  await user.session.close();
  const next = await store.open('plant', textCodec, undefined);
  assert.deepEqual(texts(await next.read(0, 1_000)), ['1', '2']);
  await next.close();
  await store.delete('plant');
  assert.deepEqual(await store.list(), []);
  await store.close();
}

describe('on a network file system', () => {
  const directory = temporaryDirectory();
  afterEach(() => sinon.restore());

  for (const code of ['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']) {
    it(`without hard links (${code}) a session can be locked, kept and deleted`, async () => {
      let refused = 0;
      await wholeLife(directory(), {
        ...nodeFileSystem,
        link: async () => {
          refused += 1;
          throw failure(code);
        },
      });
      assert.ok(refused > 0);
    });
  }

  for (const code of ['EINVAL', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP']) {
    it(`that cannot sync a directory (${code}) a session is kept all the same`, async () => {
      const open = promises.open.bind(promises);
      let refused = 0;
      sinon.stub(promises, 'open').callsFake(async (...args) => {
        const handle = await open(...args);
        if ((await handle.stat()).isDirectory()) {
          refused += 1;
          sinon.stub(handle, 'sync').rejects(failure(code));
        }
        return handle;
      });
      await wholeLife(directory(), nodeFileSystem);
      assert.ok(refused > 0);
    });
  }

  for (const operation of ['syncDirectory', 'sync', 'rename'] as const) {
    it(`a stale handle (ESTALE) at ${operation} is an error, and no missing file`, async () => {
      const disk = new MemoryDisk();
      const store = await openSessionStore({ path: '/sessions', fileSystem: disk });
      await (await store.open('plant', textCodec, undefined)).close();
      const end = disk.fail({ operation, code: 'ESTALE' });
      await assert.rejects(store.open('plant', textCodec, undefined), { code: 'ESTALE' });
      end();
      const user = new SessionUser(await store.open('plant', textCodec, undefined));
      await user.append(message('after'));
      await user.session.close();
      await store.close();
    });
  }

  it('a stale handle while a message is written is told; what was stored before stays, and storing works again', async () => {
    const disk = new MemoryDisk();
    const store = await openSessionStore({ path: '/sessions', fileSystem: disk });
    const user = new SessionUser(await store.open('plant', textCodec, undefined));
    await user.append(message('before'));
    const end = disk.fail({ operation: 'write', path: /\.mcpj$/, code: 'ESTALE' });
    await assert.rejects(user.append(message('refused')), { code: 'ESTALE' });
    end();
    user.next = user.durable + 1;
    await user.append(message('after'));
    await user.session.close();
    const next = await store.open('plant', textCodec, undefined);
    assert.deepEqual(texts(await next.read(0, 1_000)), ['before', 'after']);
    await next.close();
    await store.close();
  });

  it('is known by its type on Linux, where it is a signed number on small machines, and by its path on Windows', async () => {
    const statfs = sinon.stub(promises, 'statfs');
    const isNetwork = async (type: bigint, asked = '/mnt'): Promise<boolean | undefined> => {
      statfs.resolves({ type, bsize: 4096n, blocks: 10n, bfree: 5n, bavail: 5n, files: 1n, ffree: 1n } as never);
      return (await nodeFileSystem.space(asked))?.network;
    };
    const platform = sinon.stub(process, 'platform').value('linux');
    assert.equal(await isNetwork(0x6969n), true, 'NFS');
    assert.equal(await isNetwork(0xff534d42n), true, 'CIFS');
    assert.equal(await isNetwork(BigInt.asIntN(32, 0xff534d42n)), true, 'CIFS on a 32-bit machine');
    assert.equal(await isNetwork(0xef53n), false, 'ext4');
    platform.value('win32');
    assert.equal(await isNetwork(0n, '\\\\server\\share\\sessions'), true);
    assert.equal(await isNetwork(0n, 'C:\\sessions'), false);
  });

  it('that tells no free space there is no limit by it', async () => {
    sinon.stub(promises, 'statfs').rejects(failure('ENOSYS'));
    assert.equal(await nodeFileSystem.space(directory()), undefined);
    await wholeLife(directory(), nodeFileSystem);
  });
});

describe('on Windows', () => {
  const directory = temporaryDirectory();
  afterEach(() => sinon.restore());

  for (const code of ['EISDIR', 'EPERM', 'EACCES']) {
    it(`a directory that cannot be opened to be synced (${code}) is no error, as it is elsewhere`, async () => {
      const platform = sinon.stub(process, 'platform').value('win32');
      sinon.stub(promises, 'open').rejects(failure(code));
      await nodeFileSystem.syncDirectory(directory());
      platform.value('linux');
      await assert.rejects(nodeFileSystem.syncDirectory(directory()), { code });
    });
  }

  it('any other error at a directory is one', async () => {
    sinon.stub(process, 'platform').value('win32');
    sinon.stub(promises, 'open').rejects(failure('EIO'));
    await assert.rejects(nodeFileSystem.syncDirectory(directory()), { code: 'EIO' });
  });

  for (const code of ['EPERM', 'EBUSY', 'EACCES']) {
    it(`a file that a virus scanner holds (${code}) is renamed and removed a little later`, async () => {
      const [from, to] = [path.join(directory(), 'from'), path.join(directory(), 'to')];
      await promises.writeFile(from, '1');
      const rename = sinon.stub(promises, 'rename').callThrough();
      rename.onFirstCall().rejects(failure(code));
      await nodeFileSystem.rename(from, to);
      const unlink = sinon.stub(promises, 'unlink').callThrough();
      unlink.onFirstCall().rejects(failure(code));
      await nodeFileSystem.remove(to);
      assert.deepEqual([rename.callCount, unlink.callCount], [2, 2]);
      assert.deepEqual(await promises.readdir(directory()), []);
    });
  }

  it('one that is held for good is told after eight attempts', async () => {
    const rename = sinon.stub(promises, 'rename').rejects(failure('EBUSY'));
    await assert.rejects(nodeFileSystem.rename('/a', '/b'), { code: 'EBUSY' });
    assert.equal(rename.callCount, 8);
  });
});
