import * as assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { crc32 } from 'node:zlib';
import type { DeadLetterLimits, SessionJournal } from '../../src/client/ports';
import type { CleanUpOptions, Removal } from '../../src/store/clean-up';
import type { FileSystem } from '../../src/store/file-system';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore, type SessionStore, type SessionStoreOptions } from '../../src/store/session-store';
import { crashingFileSystem } from './crashing-file-system';
import { SessionUser, texts } from './session-user';
import { factsOf, machine, temporaryDirectory } from './support';
import { message, type TextRecord, textCodec } from './text-codec';

const HOUR_S = 3600;
const DAY_MS = 86_400_000;

describe('clean-up', function () {
  this.timeout(60_000);
  const directory = temporaryDirectory();
  const storagePath = () => path.join(directory(), 'sessions');
  const sessionPath = (clientId: string) => path.join(storagePath(), sessionDirectoryName(clientId));
  let clock: { time: number };

  beforeEach(() => {
    clock = { time: Date.UTC(2026, 0, 1) };
  });

  const openStore = (options: Partial<SessionStoreOptions> = {}): Promise<SessionStore> =>
    openSessionStore({
      path: storagePath(),
      closeWaitMs: 0,
      onNotice: () => undefined,
      scheduler: {
        now: () => clock.time,
        after: (delayMs, task) => {
          const timer = setTimeout(task, delayMs);
          timer.unref();
          return () => clearTimeout(timer);
        },
      },
      ...options,
    });

  /** Makes a session, or uses it once more, with so many messages and dead letters. */
  async function useSession(
    store: SessionStore,
    clientId: string,
    expiry: number,
    { deadLetters = 0, limits }: { deadLetters?: number; limits?: DeadLetterLimits } = {},
  ): Promise<void> {
    const session = await store.open(clientId, textCodec, expiry, limits);
    await keepSome(session, deadLetters);
    await session.close();
  }

  async function keepSome(session: SessionJournal<TextRecord>, count: number): Promise<void> {
    for (let i = 0; i < count; i++) await session.deadLetters.keep(`${clock.time} ${i}`, message(`dead ${i}`));
  }

  async function cleanUp(store: SessionStore, options: CleanUpOptions = {}) {
    const removals: Removal[] = [];
    const result = await store.cleanUp({ ...options, onRemoved: (removal) => removals.push(removal) });
    return { ...result, removals, clientIds: result.sessions.map(({ clientId }) => clientId).sort() };
  }

  it('deletes sessions that have expired, and says what went with them', async () => {
    const store = await openStore();
    const user = new SessionUser(await store.open('expired', textCodec, HOUR_S));
    await user.append(message('a'), message('b'));
    const { state, metadata } = user.session.recovered;
    await user.session.checkpoint({ ...state, sequence: 2, stored: { count: 2, bytes: 77 } }, metadata, 1);
    await keepSome(user.session, 3);
    await user.session.close();
    await useSession(store, 'never', 0);
    await useSession(store, 'long', 10 * HOUR_S);
    clock.time += 2 * HOUR_S * 1000;
    await useSession(store, 'just used', HOUR_S);

    const { sessions, failed, removals } = await cleanUp(store);
    const gone = { clientId: 'expired', messages: 2, messageBytes: 77, deadLetters: 3 };
    assert.deepEqual([sessions, failed, removals], [[gone], [], [{ kind: 'session', ...gone }]]);
    assert.ok(!existsSync(sessionPath('expired')));
    const left = (await store.list()).map(({ metadata: { clientId } = { clientId: '' } }) => clientId).sort();
    assert.deepEqual(left, ['just used', 'long', 'never']);
  });

  it('expires at the second after the interval', async () => {
    const store = await openStore();
    await useSession(store, 'plant', HOUR_S);
    clock.time += HOUR_S * 1000;
    assert.deepEqual((await cleanUp(store)).clientIds, []);
    clock.time += 1;
    assert.deepEqual((await cleanUp(store)).clientIds, ['plant']);
  });

  it('never deletes a session that is open here or anywhere, or used by a node', async () => {
    const store = await openStore();
    await useSession(store, 'used', 1);
    const open = await store.open('open', textCodec, 1);
    // Another process to the lock; another name of the path to the registry.
    await symlink(storagePath(), path.join(directory(), 'alias'));
    const other = await openStore({ path: path.join(directory(), 'alias'), fileSystem: { ...nodeFileSystem } });
    const elsewhere = await other.open('elsewhere', textCodec, 1);
    clock.time += DAY_MS;
    const { sessions, failed } = await cleanUp(store, { isInUse: (clientId) => clientId === 'used' });
    assert.deepEqual([sessions, failed], [[], []]);
    for (const session of [open, elsewhere]) {
      const user = new SessionUser(session);
      await user.append(message('still mine'));
      await session.close();
    }
    clock.time += DAY_MS;
    assert.deepEqual((await cleanUp(store)).clientIds, ['elsewhere', 'open', 'used']);
  });

  it('believes no clock that was not set, nor one that went back', async () => {
    const store = await openStore();
    clock.time = Date.UTC(1970, 0, 2);
    await useSession(store, 'booted without a clock', 1);
    clock.time = Date.UTC(2026, 0, 1);
    await useSession(store, 'from the future', 1);
    clock.time = Date.UTC(2025, 0, 1);
    assert.deepEqual((await cleanUp(store)).clientIds, []);
    clock.time = Date.UTC(1970, 0, 3);
    assert.deepEqual((await cleanUp(store)).clientIds, []);
  });

  it('does not count the time since an older access for a session that was used before the clock was set', async () => {
    const store = await openStore();
    await useSession(store, 'gateway', HOUR_S);
    const day = clock.time + 20 * DAY_MS;
    clock.time = Date.UTC(1970, 0, 2);
    await useSession(store, 'gateway', HOUR_S);
    clock.time = day;
    assert.deepEqual((await cleanUp(store)).clientIds, []);
    await useSession(store, 'gateway', HOUR_S);
    clock.time += DAY_MS;
    assert.deepEqual((await cleanUp(store)).clientIds, ['gateway']);
  });

  it('looks again when it has the lock: what was opened meanwhile stays', async () => {
    const other = await openStore();
    await useSession(other, 'plant', HOUR_S);
    clock.time += DAY_MS;
    let opened = false;
    const store = await openStore({
      fileSystem: {
        ...nodeFileSystem,
        async open(file, access) {
          const handle = await nodeFileSystem.open(file, access);
          if (!file.endsWith('.mcps') || opened) return handle;
          opened = true;
          return {
            ...handle,
            close: async () => {
              await handle.close();
              await useSession(other, 'plant', HOUR_S);
            },
          };
        },
      },
    });
    const { sessions, failed } = await cleanUp(store);
    assert.ok(opened);
    assert.deepEqual([sessions, failed], [[], []]);
    await useSession(other, 'plant', HOUR_S);
  });

  it('leaves alone what is not ours, damaged, or of a newer version', async () => {
    const store = await openStore();
    for (const clientId of ['newer', 'damaged', 'copied']) await useSession(store, clientId, 1);
    const snapshot = (clientId: string) => path.join(sessionPath(clientId), 'session.1.mcps');
    const bytes = await readFile(snapshot('newer'));
    bytes.writeUInt16LE(3, 4);
    const headerEnd = 28 + Buffer.byteLength('newer');
    bytes.writeUInt32LE(crc32(bytes.subarray(0, headerEnd)), headerEnd);
    await writeFile(snapshot('newer'), bytes);
    const damaged = await readFile(snapshot('damaged'));
    damaged.writeUInt8(0xff, 10);
    await writeFile(snapshot('damaged'), damaged);
    const stranger = path.join(storagePath(), sessionDirectoryName('somebody else'));
    await cp(sessionPath('copied'), stranger, { recursive: true });
    await mkdir(path.join(storagePath(), 'mine'));
    await writeFile(path.join(storagePath(), 'notes.txt'), 'mine');
    await writeFile(path.join(storagePath(), sessionDirectoryName('a file')), 'mine');
    await mkdir(path.join(storagePath(), 'quarantine'));
    await mkdir(path.join(storagePath(), 'quarantine', 'mine-20260101T000000Z'));
    for (const name of ['notes.tmp', 'client-ids.json.bak', 'session.9.mcps.01234567.tmp']) {
      const file = path.join(storagePath(), name);
      await writeFile(file, 'mine');
      await utimes(file, clock.time / 1000, clock.time / 1000);
    }
    await mkdir(path.join(directory(), 'outside'));
    await cp(sessionPath('copied'), path.join(directory(), 'outside', 'linked'), { recursive: true });
    await symlink(path.join(directory(), 'outside', 'linked'), sessionPath('linked'));
    const temporary = path.join(directory(), 'outside', 'linked', 'session.9.mcps.01234567.tmp');
    await writeFile(temporary, 'not of this store');
    await utimes(temporary, clock.time / 1000, clock.time / 1000);
    const before = (await readdir(storagePath(), { recursive: true })).sort();

    clock.time += 1000 * DAY_MS;
    const { clientIds, failed, quarantined } = await cleanUp(store);
    assert.deepEqual([clientIds, failed, quarantined], [['copied'], [], 0]);
    const after = (await readdir(storagePath(), { recursive: true })).sort();
    const copied = sessionDirectoryName('copied');
    assert.deepEqual(
      after,
      before.filter((name) => !name.startsWith(copied)),
    );
    assert.ok(existsSync(temporary));
  });

  it('goes on when something cannot be removed, and says what', async () => {
    const makers = await openStore();
    for (const clientId of ['a', 'b', 'c']) await useSession(makers, clientId, 1);
    clock.time += DAY_MS;
    const store = await openStore({
      fileSystem: {
        ...nodeFileSystem,
        rename: async (from, to) => {
          if (from === sessionPath('b')) throw Object.assign(new Error('EIO: rename'), { code: 'EIO' });
          await nodeFileSystem.rename(from, to);
        },
      },
    });
    const { clientIds, failed } = await cleanUp(store);
    assert.deepEqual(clientIds, ['a', 'c']);
    assert.deepEqual(
      failed.map(({ path: failedPath, error }) => [failedPath, (error as NodeJS.ErrnoException).code]),
      [[sessionPath('b'), 'EIO']],
    );
    assert.deepEqual((await cleanUp(makers)).clientIds, ['b']);
  });

  it('removes what has been in quarantine for long enough', async () => {
    const store = await openStore();
    await useSession(store, 'plant', 0);
    const damage = async () => {
      const [name] = (await readdir(sessionPath('plant'))).filter((file) => file.endsWith('.mcps'));
      await writeFile(path.join(sessionPath('plant'), name ?? ''), 'damaged');
      await useSession(store, 'plant', 0);
    };
    await damage();
    clock.time += 20 * DAY_MS;
    await damage();
    const quarantine = path.join(storagePath(), 'quarantine');
    const entries = (await readdir(quarantine)).sort();
    assert.equal(entries.length, 2);
    clock.time += 11 * DAY_MS;
    const { quarantined, removals } = await cleanUp(store, { keepFailedDays: 30 });
    assert.equal(quarantined, 1);
    assert.deepEqual(removals, [{ kind: 'quarantine', path: path.join(quarantine, entries[0] ?? '') }]);
    assert.deepEqual(await readdir(quarantine), entries.slice(1));
    clock.time += 1000 * DAY_MS;
    assert.equal((await cleanUp(store, { keepFailedDays: Number.POSITIVE_INFINITY })).quarantined, 0);
    assert.equal((await cleanUp(store)).quarantined, 1);
  });

  it('removes old dead letters of sessions, open or not', async () => {
    const store = await openStore();
    await useSession(store, 'closed', 0, { deadLetters: 2 });
    const open = await store.open('open', textCodec, 0);
    await keepSome(open, 3);
    clock.time += 20 * DAY_MS;
    await useSession(store, 'closed', 0, { deadLetters: 1 });
    await keepSome(open, 1);
    assert.equal((await cleanUp(store)).deadLetters, 0);
    clock.time += 11 * DAY_MS;
    const { deadLetters, failed } = await cleanUp(store);
    assert.deepEqual([deadLetters, failed], [5, []]);
    assert.equal((await open.deadLetters.list(0, 10)).length, 1);
    await open.close();
    assert.equal((await cleanUp(store)).deadLetters, 0);
    const closed = await store.open('closed', textCodec, 0);
    assert.equal((await closed.deadLetters.list(0, 10)).length, 1);
    await closed.close();
  });

  it('removes what interrupted work left behind, once it is certainly old', async () => {
    const store = await openStore();
    await useSession(store, 'plant', 0);
    const leftovers = [
      path.join(storagePath(), '.probe-0123456789abcdef'),
      path.join(storagePath(), 'client-ids.json.01234567.tmp'),
      path.join(storagePath(), 'import-01234567.mcps.tmp'),
      path.join(storagePath(), 'import-01234567.jsonl.tmp'),
      path.join(sessionPath('plant'), 'session.1.mcps.01234567.tmp'),
      path.join(sessionPath('plant'), 'failed.mcpj.01234567.tmp'),
    ];
    for (const file of leftovers) {
      await writeFile(file, 'unfinished');
      await utimes(file, clock.time / 1000, clock.time / 1000);
    }
    await mkdir(sessionPath('never opened'));
    await mkdir(path.join(storagePath(), `.deleted-01234567-${sessionDirectoryName('gone')}`));
    clock.time += 60_000;
    const first = await cleanUp(store);
    assert.equal(first.removals.length, 2);
    for (const file of leftovers) assert.ok(existsSync(file), file);
    clock.time += HOUR_S * 1000;
    const second = await cleanUp(store);
    assert.deepEqual(second.removals.map((removal) => (removal as { path: string }).path).sort(), leftovers.sort());
    assert.deepEqual(await readdir(storagePath()), [sessionDirectoryName('plant')]);
    await useSession(store, 'plant', 0);
  });

  it('killed at whichever step leaves each session whole or gone', async () => {
    const origin = await openStore({ path: path.join(directory(), 'origin') });
    for (const clientId of ['expired 1', 'expired 2', 'kept']) {
      const user = new SessionUser(await origin.open(clientId, textCodec, clientId === 'kept' ? 0 : 1));
      await user.append(message(clientId));
      await keepSome(user.session, 1);
      await user.session.close();
    }
    clock.time += DAY_MS;
    const asProcess = (pid: number, fileSystem: FileSystem) =>
      openStore({ fileSystem, holderFacts: factsOf({ ...machine, pid }, { [pid]: machine.processStart }) });
    for (let killAt = 1; ; killAt++) {
      await rm(storagePath(), { recursive: true, force: true });
      await cp(path.join(directory(), 'origin'), storagePath(), { recursive: true });
      const fileSystem = crashingFileSystem(killAt);
      await asProcess(1, fileSystem)
        .then((store) => store.cleanUp())
        .catch(() => undefined);
      const situation = `killed at change ${killAt}`;
      const after = await asProcess(2, nodeFileSystem);
      const left = await after.list();
      for (const { metadata, error } of left) {
        assert.equal(error, undefined, situation);
        const session = await after.open(metadata?.clientId ?? '', textCodec, undefined);
        assert.deepEqual(texts(await session.read(0, 1000)), [metadata?.clientId], situation);
        assert.equal((await session.deadLetters.list(0, 10)).length, 1, situation);
        await session.close();
      }
      assert.ok(
        left.some(({ metadata }) => metadata?.clientId === 'kept'),
        situation,
      );
      if (fileSystem.changes() >= killAt) continue;
      assert.equal(left.length, 1);
      assert.ok(killAt > 20, `only ${killAt} changes`);
      return;
    }
  });

  it('is refused by a store that is closed', async () => {
    const store = await openStore();
    await store.close();
    await assert.rejects(store.cleanUp(), { code: 'ERR_STORE_CLOSED' });
  });

  it('looks at 10,000 sessions without reading their journals', async () => {
    const opened: string[] = [];
    let looks = 0;
    const store = await openStore({
      fileSystem: {
        ...nodeFileSystem,
        open: (file, access) => {
          opened.push(path.extname(file));
          return nodeFileSystem.open(file, access);
        },
        list: (file) => {
          looks++;
          return nodeFileSystem.list(file);
        },
        status: (file) => {
          looks++;
          return nodeFileSystem.status(file);
        },
      },
    });
    await useSession(store, 'plant', HOUR_S);
    const [name = ''] = (await readdir(sessionPath('plant'))).filter((file) => file.endsWith('.mcps'));
    const snapshot = await readFile(path.join(sessionPath('plant'), name));
    await rm(sessionPath('plant'), { recursive: true });
    for (let i = 0; i < 10_000; i++) {
      const clientId = `c${i}`.padEnd('plant'.length, '-');
      const bytes = Buffer.from(snapshot);
      bytes.write(clientId, 28);
      bytes.writeUInt32LE(crc32(bytes.subarray(0, 33)), 33);
      await mkdir(sessionPath(clientId));
      await Promise.all([
        writeFile(path.join(sessionPath(clientId), 'session.1.mcps'), bytes),
        writeFile(path.join(sessionPath(clientId), '1-00000001.mcpj'), ''),
      ]);
    }
    opened.length = 0;
    looks = 0;
    clock.time += 60_000;
    const { sessions, failed } = await cleanUp(store);
    assert.deepEqual([sessions, failed], [[], []]);
    assert.deepEqual([new Set(opened), opened.length], [new Set(['.mcps']), 10_000]);
    assert.ok(looks < 10_010, `${looks} looks at directories`);
  });
});
