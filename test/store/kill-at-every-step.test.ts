import * as assert from 'node:assert/strict';
import { cp, readdir, rm } from 'node:fs/promises';
import * as path from 'node:path';
import type { FileSystem } from '../../src/store/file-system';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { SyncLimiter } from '../../src/store/sync-limiter';
import { crashingFileSystem } from './crashing-file-system';
import { SessionUser, texts } from './session-user';
import { factsOf, machine, temporaryDirectory } from './support';
import { message, note, textCodec } from './text-codec';

const LETTERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
const body = (letter: string) => letter.repeat(600);

/** A process at each change to the disk is replaced by its being killed; another one then opens what it left. */
describe('a process killed', function () {
  this.timeout(60_000);
  const directory = temporaryDirectory();
  const origin = () => path.join(directory(), 'origin');
  const copy = () => path.join(directory(), 'copy');

  const store = (storagePath: string, fileSystem: FileSystem, pid: number): Promise<SessionStore> =>
    openSessionStore({
      path: storagePath,
      fileSystem,
      segmentBytes: 2000,
      closeWaitMs: 0,
      syncLimiter: new SyncLimiter(2),
      // No other process runs: whoever held a lock is dead.
      holderFacts: factsOf({ ...machine, pid }, { [pid]: machine.processStart }),
    });

  /** Several segments, a snapshot in their middle, and an end that was not closed. */
  async function prepare(): Promise<void> {
    const opened = await store(origin(), nodeFileSystem, 1);
    const user = new SessionUser(await opened.open('plant', textCodec, 60));
    for (const letter of LETTERS.slice(0, 4)) await user.append(message(body(letter)), note(`note ${letter}`));
    await user.checkpoint(1);
    for (const letter of LETTERS.slice(4)) await user.append(message(body(letter)), note(`note ${letter}`));
    await user.session.close();
  }

  async function assertWhole(by: SessionStore, situation: string): Promise<void> {
    const { session } = new SessionUser(await by.open('plant', textCodec, undefined));
    const { state, records, metadata, isNew } = session.recovered;
    const above = LETTERS.flatMap((letter) => [body(letter), `note ${letter}`]).slice(state.sequence);
    assert.deepEqual(texts(records), above, situation);
    assert.ok(state.sequence === 8 || state.sequence === 16, `${situation}: snapshot of ${state.sequence}`);
    assert.equal(state.broker, `after ${state.sequence}`, situation);
    assert.deepEqual([metadata.clientId, metadata.expiryInterval, isNew], ['plant', 60, false], situation);
    assert.deepEqual(texts(await session.read(0, 1_000_000)), LETTERS.map(body), situation);
    assert.equal(session.recovered.notices.filter(({ level }) => level === 'error').length, 0, situation);
    await session.close();
  }

  async function killAtEveryStep(
    act: (store: SessionStore) => Promise<void>,
    check: (store: SessionStore, situation: string) => Promise<void>,
  ): Promise<void> {
    await prepare();
    for (let killAt = 1; ; killAt++) {
      await rm(copy(), { recursive: true, force: true });
      await cp(origin(), copy(), { recursive: true });
      const fileSystem = crashingFileSystem(killAt);
      // The act of a killed process ends with all kinds of errors; what counts is what it leaves.
      await store(copy(), fileSystem, 2)
        .then(act)
        .catch(() => {});
      const situation = `killed at change ${killAt}`;
      await check(await store(copy(), nodeFileSystem, 3), situation);
      if (fileSystem.changes() < killAt) {
        assert.ok(killAt > 10, `only ${killAt} changes`);
        return;
      }
    }
  }

  it('while it opens a session leaves all of it', () =>
    killAtEveryStep(async (opened) => {
      await (await opened.open('plant', textCodec, undefined)).close();
    }, assertWhole));

  it('while it makes a snapshot leaves the old one or the new one', () =>
    killAtEveryStep(async (opened) => {
      const user = new SessionUser(await opened.open('plant', textCodec, undefined));
      // A killed process would not close, but in this one somebody has to leave the session.
      await user.checkpoint(1).finally(() => user.session.close());
    }, assertWhole));

  it('while it deletes a session leaves all of it or nothing', () =>
    killAtEveryStep(
      async (opened) => {
        await opened.delete('plant');
      },
      async (opened, situation) => {
        if (await opened.exists('plant')) await assertWhole(opened, situation);
        else assert.deepEqual(await readdir(copy()), [], situation);
      },
    ));
});
