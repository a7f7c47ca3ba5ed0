import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { discardDeadLetters, listDeadLetters } from '../../src/admin/dead-letters';
import type { SessionInfo } from '../../src/admin/session-info';
import { describeSession, listSessions } from '../../src/admin/sessions';
import { FAILED_NAME } from '../../src/store/dead-letters/failed-file';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { temporaryDirectory } from '../store/support';
import { contentOf, sessionPath, storeDeadLetters, storeQueue } from './storage-fixture';

describe('dead letters of sessions that nobody has open', () => {
  const directory = temporaryDirectory();
  const storage = () => path.join(directory(), 'sessions');
  let store: SessionStore;
  beforeEach(async () => {
    await storeDeadLetters(storage(), 'given-up', 2);
    await storeQueue(storage(), 'queue', 3);
    store = await openSessionStore({ path: storage() });
  });
  afterEach(() => store.close());

  const context = () => ({
    store,
    live: () => undefined,
    assigned: async () => new Set<string>(),
    maxBytes: 1024 ** 3,
    keepFailedDays: 30,
  });
  const failedFile = () => path.join(sessionPath(storage(), 'given-up'), FAILED_NAME);

  async function listed(clientId = 'given-up'): Promise<SessionInfo> {
    const found = (await listSessions(context())).find((session) => session.clientId === clientId);
    assert.ok(found);
    return found;
  }

  it('are in the list, with their number and size, and make a session an orphan', async () => {
    const { deadLetters, orphaned, messages } = await listed();
    assert.equal(deadLetters.count, 2);
    assert.ok(deadLetters.bytes > 100 && deadLetters.bytes < fs.statSync(failedFile()).size);
    assert.deepEqual([orphaned, messages], [true, 0]);
    assert.deepEqual((await listed('queue')).deadLetters, { count: 0, bytes: 0 });
  });

  it('are gone from the list when they were discarded, or their file is gone', async () => {
    fs.renameSync(failedFile(), `${failedFile()}.away`);
    assert.deepEqual((await listed()).deadLetters, { count: 0, bytes: 0 });
    fs.renameSync(`${failedFile()}.away`, failedFile());
    await discardDeadLetters(context(), 'given-up');
    const { deadLetters, orphaned } = await listed();
    assert.deepEqual(deadLetters, { count: 0, bytes: 0 });
    assert.equal(orphaned, false);
  });

  it('that came after the last snapshot are there, and not counted', async () => {
    const letters = fs.readFileSync(failedFile());
    await discardDeadLetters(context(), 'given-up');
    // As a process leaves it that was killed before it made a snapshot.
    fs.writeFileSync(failedFile(), letters);
    const { deadLetters, orphaned } = await listed();
    assert.deepEqual(Object.keys(deadLetters), ['bytes']);
    assert.ok(deadLetters.bytes > 0);
    assert.equal(orphaned, true);
  });

  it('are not counted when their file was changed after the snapshot, by age for example; details count them', async () => {
    const later = new Date(Date.now() + 60_000);
    fs.utimesSync(failedFile(), later, later);
    assert.deepEqual(Object.keys((await listed()).deadLetters), ['bytes']);
    assert.equal((await describeSession(context(), 'given-up')).deadLetters.count, 2);
  });

  it('are listed page by page, and nothing is changed by it', async () => {
    const before = contentOf(storage());
    const first = await listDeadLetters(context(), 'given-up', { limit: 1 });
    assert.deepEqual([first.deadLetters.length, first.total.count], [1, 2]);
    const second = await listDeadLetters(context(), 'given-up', { after: first.next ?? 0, limit: 1 });
    const [one, other] = [...first.deadLetters, ...second.deadLetters];
    assert.deepEqual(
      [one, other].map((letter) => letter?.message.payload.toString()),
      ['dead letter 1', 'dead letter 2'],
    );
    assert.equal(second.next, undefined);
    assert.deepEqual(contentOf(storage()), before);
    assert.deepEqual((await listDeadLetters(context(), 'queue')).deadLetters, []);
  });

  it('are told without a look into their file', async () => {
    const { size, mtimeMs } = fs.statSync(failedFile());
    fs.writeFileSync(failedFile(), Buffer.alloc(size));
    // Rounded up it could be later than the snapshot.
    const modified = new Date(Math.floor(mtimeMs));
    fs.utimesSync(failedFile(), modified, modified);
    assert.equal((await listed()).deadLetters.count, 2, 'as of the snapshot');
  });
});
