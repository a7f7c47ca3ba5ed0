import * as assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import { readdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { encodeMcpsV1 } from '../../src/mcps/v1';
import { sessionCodec } from '../../src/session/session-codec';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore } from '../../src/store/session-store';
import { SessionUser } from '../store/session-user';
import { temporaryDirectory } from '../store/support';
import { message, textCodec } from '../store/text-codec';

/** Below the storage path; links in the place of a session or its files are in test/store/symbolic-links.test.ts. */
describe('symbolic links that lead out of the storage path', () => {
  const directory = temporaryDirectory();
  const storagePath = () => path.join(directory(), 'sessions');
  const outside = () => path.join(directory(), 'outside');
  const session = () => path.join(storagePath(), sessionDirectoryName('plant'));
  before(function () {
    if (process.platform === 'win32') this.skip();
  });

  beforeEach(async () => {
    await fs.mkdir(outside());
    await writeFile(path.join(outside(), 'precious'), 'precious');
    const store = await openSessionStore({ path: storagePath() });
    const user = new SessionUser(await store.open('plant', textCodec, undefined));
    await user.append(message('a'), message('b'));
    await user.session.close();
    await store.close();
  });

  async function assertOutsideUntouched(): Promise<void> {
    assert.deepEqual(await readdir(outside()), ['precious']);
    assert.equal(await readFile(path.join(outside(), 'precious'), 'utf8'), 'precious');
  }

  async function damageSnapshot(): Promise<void> {
    const [name = ''] = (await readdir(session())).filter((entry) => entry.endsWith('.mcps'));
    await writeFile(path.join(session(), name), 'no snapshot');
  }

  it('as quarantine: nothing damaged is put where it leads, and the session is open all the same', async () => {
    await symlink(outside(), path.join(storagePath(), 'quarantine'));
    await damageSnapshot();
    const store = await openSessionStore({ path: storagePath() });
    const opened = await store.open('plant', textCodec, undefined);
    assert.equal(opened.recovered.records.length, 2);
    assert.match(JSON.stringify(opened.recovered.notices), /could not be moved to quarantine/);
    await opened.close();
    await store.close();
    await assertOutsideUntouched();
  });

  it('in quarantine, and as what is left of a deleted session: clean-up removes nothing where they lead', async () => {
    const quarantine = path.join(storagePath(), 'quarantine');
    await fs.mkdir(quarantine);
    const old = path.join(quarantine, `${sessionDirectoryName('plant')}-20250101T000000Z`);
    await symlink(outside(), old);
    await fs.mkdir(`${old}-2`);
    await symlink(outside(), path.join(`${old}-2`, 'inside'));
    await symlink(outside(), path.join(storagePath(), `.deleted-00000000-${sessionDirectoryName('gone')}`));
    await symlink(outside(), path.join(storagePath(), sessionDirectoryName('linked')));
    const probe = path.join(storagePath(), '.probe-0123456789abcdef');
    await symlink(path.join(outside(), 'precious'), probe);
    await utimes(path.join(outside(), 'precious'), 1, 1);
    const store = await openSessionStore({ path: storagePath() });
    const { failed } = await store.cleanUp({ keepFailedDays: 1 });
    assert.deepEqual(failed, []);
    await store.close();
    await assertOutsideUntouched();
    assert.equal(await stat(`${old}-2`).catch(() => 'gone'), 'gone');
  });

  it('as an original file or the client ids: they are not read', async () => {
    const base = { version: 1 as const, createdTime: 1, lastAccessTime: 1, expiryInterval: 0, lastPacketId: 0 };
    const original = encodeMcpsV1({
      ...base,
      clientId: 'other',
      subscriptions: [{ topic: 'x', qos: 0 }],
      inflight: [],
    });
    await writeFile(path.join(outside(), 'precious'), original);
    await symlink(path.join(outside(), 'precious'), path.join(storagePath(), '.mcp_othe'));
    await symlink(path.join(outside(), 'precious'), path.join(storagePath(), 'client-ids.json'));
    const store = await openSessionStore({ path: storagePath() });
    const opened = await store.open('other', sessionCodec, undefined);
    assert.deepEqual(opened.recovered.state.subscriptions, []);
    await opened.close();
    await assert.rejects(store.generateClientId('node'));
    await store.close();
    assert.deepEqual(await readFile(path.join(outside(), 'precious')), original);
  });
});
