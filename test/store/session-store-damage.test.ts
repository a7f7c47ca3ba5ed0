import * as assert from 'node:assert/strict';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { SessionUser, texts } from './session-user';
import { temporaryDirectory } from './support';
import { message, note, textCodec } from './text-codec';

describe('a damaged snapshot', () => {
  const directory = temporaryDirectory();
  const session = () => path.join(directory(), sessionDirectoryName('plant'));
  let store: SessionStore;

  beforeEach(async () => {
    store = await openSessionStore({ path: directory() });
    const user = new SessionUser(await store.open('plant', textCodec, 60));
    await user.append(message('a'), note('b'));
    await user.checkpoint(1);
    await user.append(message('c'));
    await user.session.close();
  });

  async function snapshotFile(): Promise<string> {
    const names = (await readdir(session())).filter((name) => name.endsWith('.mcps'));
    assert.equal(names.length, 1);
    return path.join(session(), names[0]!);
  }

  async function damage(file: string): Promise<Buffer> {
    const bytes = await readFile(file);
    bytes[bytes.length - 20]! ^= 0x10;
    await writeFile(file, bytes);
    return bytes;
  }

  it('goes to quarantine, and the journal alone gives every record', async () => {
    const file = await snapshotFile();
    const damaged = await damage(file);
    const user = new SessionUser(await store.open('plant', textCodec, undefined));
    const { records, state, isNew, notices } = user.session.recovered;
    assert.deepEqual(texts(records), ['a', 'b', 'c']);
    assert.deepEqual([state.sequence, isNew], [0, false]);
    const [notice] = notices.filter(({ level }) => level === 'error');
    assert.ok(notice?.text.includes(file), notice?.text);
    const [kept] = await readdir(path.join(directory(), 'quarantine'));
    const quarantined = path.join(directory(), 'quarantine', kept!);
    assert.ok(kept!.startsWith(sessionDirectoryName('plant')));
    assert.deepEqual(await readFile(path.join(quarantined, path.basename(file))), damaged);
    assert.match(await readFile(path.join(quarantined, 'reason-1.txt'), 'utf8'), /checksum/);

    await user.append(message('d'));
    await user.session.close();
    const again = await store.open('plant', textCodec, undefined);
    assert.deepEqual(texts(again.recovered.records), ['a', 'b', 'c', 'd']);
    assert.deepEqual(again.recovered.notices, []);
    await again.close();
  });

  it('of a higher epoch gives way to an older one that is whole', async () => {
    const file = await snapshotFile();
    const newer = path.join(session(), 'session.7.mcps');
    await cp(file, newer);
    await damage(newer);
    const opened = await store.open('plant', textCodec, undefined);
    assert.equal(opened.recovered.state.sequence, 2);
    assert.deepEqual(texts(opened.recovered.records), ['c']);
    assert.equal(opened.recovered.metadata.expiryInterval, 60);
    assert.equal(opened.recovered.notices.length, 1);
    await opened.close();
    assert.deepEqual(path.basename(await snapshotFile()), 'session.8.mcps');
  });

  it('of another session is set aside', async () => {
    const other = await store.open('other', textCodec, undefined);
    await other.close();
    const otherSession = path.join(directory(), sessionDirectoryName('other'));
    const [name] = (await readdir(otherSession)).filter((entry) => entry.endsWith('.mcps'));
    await cp(path.join(otherSession, name!), path.join(session(), 'session.9.mcps'));
    const opened = await store.open('plant', textCodec, undefined);
    assert.deepEqual(texts(opened.recovered.records), ['c']);
    assert.match(opened.recovered.notices[0]!.text, /belongs to client id "other"/);
    await opened.close();
  });

  it('is listed with its error, and can be deleted', async () => {
    await damage(await snapshotFile());
    const [summary] = await store.list();
    assert.equal(summary?.error?.code, 'ERR_MCPS_CHECKSUM');
    assert.equal(summary?.metadata, undefined);
    assert.ok(await store.exists('plant'));
    assert.equal(await store.delete('plant'), true);
    assert.deepEqual(await store.list(), []);
  });
});

describe('a session of a newer version', () => {
  const directory = temporaryDirectory();

  it('is refused for opening and deleting, listed with its error, and left as it is', async () => {
    const store = await openSessionStore({ path: directory() });
    await (await store.open('plant', textCodec, undefined)).close();
    const session = path.join(directory(), sessionDirectoryName('plant'));
    const [name] = (await readdir(session)).filter((entry) => entry.endsWith('.mcps'));
    const file = path.join(session, name!);
    const bytes = await readFile(file);
    bytes.writeUInt16LE(3, 4);
    bytes.writeUInt32LE(0, 28 + 'plant'.length);
    await writeFile(file, bytes);
    const before = await contents(session);

    await assert.rejects(store.open('plant', textCodec, undefined), (error: Error & { code: string }) => {
      assert.equal(error.code, 'ERR_SESSION_VERSION');
      assert.ok(error.message.includes(file));
      return true;
    });
    await assert.rejects(store.delete('plant'), { code: 'ERR_SESSION_VERSION' });
    assert.equal((await store.list())[0]?.error?.code, 'ERR_SESSION_VERSION');
    assert.deepEqual(await contents(session), before);
  });

  async function contents(session: string): Promise<[string, Buffer][]> {
    const names = (await readdir(session)).sort();
    return Promise.all(
      names.map(async (name): Promise<[string, Buffer]> => [name, await readFile(path.join(session, name))]),
    );
  }
});
