import * as assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import * as path from 'node:path';
import { verifyStorage } from '../../src/admin/verification/storage';
import { sessionCodec } from '../../src/session/session-codec';
import type { FileSystem } from '../../src/store/file-system';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { SyncLimiter } from '../../src/store/sync-limiter';
import { fixtures } from '../mcps/fixtures';
import { crashingFileSystem } from '../store/crashing-file-system';
import { factsOf, machine, temporaryDirectory } from '../store/support';

const fixture = fixtures().find(({ name }) => name === 'plant-line.mcps')!;
const { clientId } = fixture.session;

/** A process is killed at each change that it makes to the disk; another one then uses what it left. */
describe('an original session file, and a process that is killed', function () {
  this.timeout(60_000);
  const directory = temporaryDirectory();
  const origin = () => path.join(directory(), 'origin');
  const copy = () => path.join(directory(), 'copy');

  const store = (storagePath: string, fileSystem: FileSystem, pid: number): Promise<SessionStore> =>
    openSessionStore({
      path: storagePath,
      fileSystem,
      closeWaitMs: 0,
      syncLimiter: new SyncLimiter(2),
      onNotice: () => {},
      holderFacts: factsOf({ ...machine, pid }, { [pid]: machine.processStart }),
    });

  const open = (by: SessionStore) => by.open(clientId, sessionCodec, undefined);

  /** All whole copies of the original below the storage path. */
  async function originals(): Promise<string[]> {
    const names = await readdir(copy(), { recursive: true, withFileTypes: true });
    const found: string[] = [];
    for (const entry of names.filter((one) => one.isFile())) {
      const file = path.join(entry.parentPath, entry.name);
      if ((await readFile(file)).equals(fixture.bytes)) found.push(path.relative(copy(), file));
    }
    return found;
  }

  /** What a killed process leaves is no damage. Its lock says that it is another machine's, which no check goes past. */
  async function requireInOrder(situation: string): Promise<void> {
    const bare = `${copy()}-bare`;
    await rm(bare, { recursive: true, force: true });
    await cp(copy(), bare, { recursive: true, filter: (source) => !/^lock/.test(path.basename(source)) });
    const verification = await verifyStorage(nodeFileSystem, bare);
    const found = [...verification.sessions, verification].flatMap(({ findings }) => findings);
    assert.deepEqual(
      found.filter(({ severity }) => severity === 'damage'),
      [],
      situation,
    );
  }

  async function killAtEveryStep(
    act: (store: SessionStore) => Promise<void>,
    check: (store: SessionStore, situation: string) => Promise<void>,
  ): Promise<number> {
    for (let killAt = 1; ; killAt++) {
      await rm(copy(), { recursive: true, force: true });
      await cp(origin(), copy(), { recursive: true });
      const fileSystem = crashingFileSystem(killAt);
      // What counts is what it leaves.
      await store(copy(), fileSystem, 2)
        .then(act)
        .catch(() => {});
      await requireInOrder(`killed at change ${killAt}`);
      await check(await store(copy(), nodeFileSystem, 3), `killed at change ${killAt}`);
      if (fileSystem.changes() < killAt) return killAt;
    }
  }

  beforeEach(async () => {
    await mkdir(origin(), { recursive: true });
    await cp(path.join(__dirname, '../fixtures/mcps-v1', fixture.name), path.join(origin(), '.mcp_plant_line'));
  });

  it('is migrated once, kept once, and not back after its session was deleted', async () => {
    const steps = await killAtEveryStep(
      async (by) => {
        await (await open(by)).close();
      },
      async (by, situation) => {
        const session = await open(by);
        const { state, metadata, isNew } = session.recovered;
        assert.equal(isNew, false, situation);
        assert.equal(state.open.length, fixture.session.inflight.length, situation);
        assert.equal(metadata.createdAt, fixture.session.createdTime, situation);
        await session.close();
        const kept = await originals();
        assert.deepEqual(
          kept.map((file) => path.basename(file)),
          ['original.mcps'],
          situation,
        );

        assert.equal(await by.delete(clientId), true, situation);
        const anew = await open(by);
        assert.equal(anew.recovered.isNew, true, situation);
        assert.deepEqual(anew.recovered.state.open, [], situation);
        await anew.close();
      },
    );
    assert.ok(steps > 10, `${steps} changes`);
  });

  it('whose migration was killed before it was moved is not back when the session is deleted at once', async () => {
    const steps = await killAtEveryStep(
      async (by) => {
        await (await open(by)).close();
      },
      async (by, situation) => {
        // Deleted without ever having been opened again. Before there was a session, there is nothing to delete.
        const deleted = await by.delete(clientId);
        const anew = await open(by);
        assert.equal(anew.recovered.state.open.length, deleted ? 0 : fixture.session.inflight.length, situation);
        assert.equal(anew.recovered.isNew, deleted, situation);
        await anew.close();
      },
    );
    assert.ok(steps > 10, `${steps} changes`);
  });

  it('is not back after a deletion that was killed: the session is whole, or gone for good', async () => {
    // As killed between the snapshot and the move: the session exists, and the file is still in its place.
    const before = await store(origin(), nodeFileSystem, 1);
    await (await open(before)).close();
    await cp(path.join(__dirname, '../fixtures/mcps-v1', fixture.name), path.join(origin(), '.mcp_plant_line'));
    const steps = await killAtEveryStep(
      async (by) => {
        await by.delete(clientId);
      },
      async (by, situation) => {
        const exists = await by.exists(clientId);
        const session = await open(by);
        assert.equal(session.recovered.isNew, !exists, situation);
        assert.equal(session.recovered.state.open.length, exists ? fixture.session.inflight.length : 0, situation);
        await session.close();
      },
    );
    assert.ok(steps > 5, `${steps} changes`);
  });
});
