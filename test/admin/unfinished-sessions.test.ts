import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { previewCleanUp } from '../../src/admin/clean-up';
import { describeSession, listSessions } from '../../src/admin/sessions';
import { systemHolderFacts } from '../../src/store/holder-identity';
import { encodeLock } from '../../src/store/lock-taking';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { NOW } from '../formats/real-session';
import { temporaryDirectory } from '../store/support';
import {
  contentOf,
  filesOf,
  segmentsOf,
  sessionPath,
  storeDeadLetters,
  storeKilled,
  storeQueue,
} from './storage-fixture';

const DAY_MS = 86_400_000;

describe('sessions that were not closed in order', () => {
  const directory = temporaryDirectory();
  const storage = () => path.join(directory(), 'sessions');
  let store: SessionStore;
  afterEach(() => store?.close());

  const context = () => ({
    store,
    live: () => undefined,
    assigned: async () => new Set<string>(),
    maxBytes: 1024 ** 3,
    keepFailedDays: 30,
  });
  const listed = async () => (await listSessions(context()))[0];

  async function storeUnfinished(): Promise<void> {
    await storeKilled(storage(), 'killed', 3);
    store = await openSessionStore({ path: storage() });
  }

  it('may hold more than a list says, and are orphans; described they are counted, and nothing is changed', async () => {
    await storeUnfinished();
    const before = contentOf(storage());
    const { messages, asOf, orphaned, status } = (await listed()) ?? assert.fail();
    assert.deepEqual([messages, asOf, orphaned, status], [0, 'snapshot', true, 'stored']);
    const info = await describeSession(context(), 'killed');
    assert.deepEqual([info.messages, info.queued, info.asOf, info.orphaned], [3, 3, 'now', true]);
    assert.ok(info.messageBytes > 3 && info.queuedBytes === info.messageBytes);
    assert.equal(info.oldestEnqueuedAt, NOW);
    assert.deepEqual(contentOf(storage()), before);
  });

  it('are told by a segment that was written after the snapshot, too', async () => {
    await storeUnfinished();
    const folder = sessionPath(storage(), 'killed');
    fs.rmSync(path.join(folder, 'lock'));
    const [snapshot = ''] = filesOf(folder, '.mcps');
    const written = fs.statSync(snapshot).mtime;
    for (const file of [snapshot, ...segmentsOf(folder)]) fs.utimesSync(file, written, written);
    assert.equal((await listed())?.asOf, 'now');
    const later = new Date(written.getTime() + 1_000);
    for (const segment of segmentsOf(folder)) fs.utimesSync(segment, later, later);
    assert.equal((await listed())?.asOf, 'snapshot');
  });

  it('are as exact as they can be while another process has them', async () => {
    await storeUnfinished();
    const lock = path.join(sessionPath(storage(), 'killed'), 'lock');
    // Of a process that lives: this one.
    const holder = await systemHolderFacts.self();
    fs.writeFileSync(lock, encodeLock({ ...holder, nonce: '0'.repeat(32), beats: false, beat: 0 }));
    const { status, asOf, orphaned } = await describeSession(context(), 'killed');
    assert.deepEqual([status, asOf, orphaned], ['locked', 'snapshot', false]);
  });

  it('are others than those that were closed, whose list is exact', async () => {
    await storeQueue(storage(), 'closed', 5);
    store = await openSessionStore({ path: storage() });
    const { asOf, messages, messageBytes, queuedBytes } = (await listed()) ?? assert.fail();
    assert.deepEqual([asOf, messages, queuedBytes], ['now', 5, messageBytes]);
    const described = await describeSession(context(), 'closed');
    assert.deepEqual(described, await listed());
  });

  it('are counted before clean-up deletes them, with old dead letters and what is in quarantine', async () => {
    await storeUnfinished();
    await storeDeadLetters(storage(), 'given-up', 2);
    fs.mkdirSync(
      path.join(storage(), 'quarantine', `${path.basename(sessionPath(storage(), 'killed'))}-20260101T000000Z`),
      {
        recursive: true,
      },
    );
    const none = { sessions: 0, messages: 0, messageBytes: 0, deadLetters: 0, quarantined: 0, uncounted: 0 };
    assert.deepEqual(await previewCleanUp(context(), Date.UTC(2026, 0, 2)), none);
    const before = contentOf(storage());
    const { messageBytes } = await describeSession(context(), 'killed');
    assert.deepEqual(await previewCleanUp(context(), Date.now() + 400 * DAY_MS), {
      sessions: 1,
      messages: 3,
      messageBytes,
      deadLetters: 2,
      quarantined: 1,
      uncounted: 0,
    });
    assert.deepEqual(contentOf(storage()), before);
  });
});
