import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { isDamaged, verdictOf, verifyStorage } from '../../src/admin/verification/storage';
import { errorCode } from '../../src/errors';
import { recordCodec } from '../../src/session/record-codec';
import { systemHolderFacts } from '../../src/store/holder-identity';
import { encodeLock } from '../../src/store/lock-taking';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { openSessionStore } from '../../src/store/session-store';
import { RealSession } from '../formats/real-session';
import { fillSession } from '../formats/scenario';
import { temporaryDirectory } from '../store/support';
import {
  CLIENT_ID,
  complaints,
  contentOf,
  filesOf,
  flipBit,
  forgeSnapshot,
  makeNewer,
  segmentsOf,
  sessionPath,
  storeDeadLetters,
  storeQueue,
  storeSession,
} from './storage-fixture';

/** As a killed process of this machine leaves it. */
async function lockOfDeadProcess(): Promise<Buffer> {
  const holder = { ...(await systemHolderFacts.self()), processStart: '1' };
  return encodeLock({ ...holder, nonce: '0'.repeat(32), beats: false, beat: 0 });
}

describe('verification of stored sessions', () => {
  const directory = temporaryDirectory();
  const storage = () => path.join(directory(), 'sessions');
  const verify = (clientId?: string) => verifyStorage(nodeFileSystem, storage(), { clientId });

  it('finds a session in order, with as many messages as were stored, and changes nothing', async () => {
    const count = await storeSession(storage(), 'journal');
    const before = contentOf(storage());
    const verification = await verify();
    assert.deepEqual(complaints(verification), []);
    const [session] = verification.sessions;
    assert.equal(verification.sessions.length, 1);
    assert.equal(session?.clientId, CLIENT_ID);
    assert.equal(session?.messages.count, count);
    assert.ok((session?.segments ?? 0) > 2, 'a backlog of segments');
    assert.ok((session?.records ?? 0) > count);
    assert.deepEqual(contentOf(storage()), before);
  });

  it('finds what a killed process left in order', async () => {
    const session = await fillSession(storage());
    const copy = path.join(directory(), 'copy');
    fs.cpSync(storage(), copy, { recursive: true });
    const { count } = session.session.stored;
    await session.close();
    fs.rmSync(path.join(sessionPath(copy), 'lock'));
    const verification = await verifyStorage(nodeFileSystem, copy);
    assert.deepEqual(complaints(verification), []);
    assert.equal(verification.sessions[0]?.messages.count, count);
  });

  it('tells an interrupted write from damage', async () => {
    await storeSession(storage(), 'journal');
    const file = segmentsOf(sessionPath(storage())).at(-1) ?? '';
    fs.truncateSync(file, fs.statSync(file).size - 3);
    const verification = await verify();
    assert.equal(isDamaged(verification), false);
    assert.match(JSON.stringify(verification.sessions[0]?.findings), /interrupted write/);
  });

  it('finds flipped bits, wherever they are in snapshot and journal', async () => {
    await storeSession(storage(), 'snapshot');
    const undetected: string[] = [];
    const sound = sessionPath(storage());
    for (const file of [...filesOf(sound, '.mcps'), ...segmentsOf(sound)]) {
      const { size } = fs.statSync(file);
      for (let at = 0; at < size; at += 9 + (at % 131)) {
        flipBit(file, at);
        if (!isDamaged(await verify())) undetected.push(`${file} at ${at} of ${size}`);
        flipBit(file, at);
      }
    }
    assert.deepEqual(undetected, []);
    assert.deepEqual(complaints(await verify()), []);
  }).timeout(60_000);

  it('finds cut and missing files', async () => {
    await storeSession(storage(), 'snapshot');
    const sound = sessionPath(storage());
    for (const file of [...filesOf(sound, '.mcps'), ...segmentsOf(sound)]) {
      const bytes = fs.readFileSync(file);
      for (const size of [0, 1, 40, 100, bytes.length - 1]) {
        fs.truncateSync(file, Math.min(size, bytes.length - 1));
        assert.ok(isDamaged(await verify()), `${file} cut to ${size} of ${bytes.length}`);
        fs.writeFileSync(file, bytes);
      }
      fs.rmSync(file);
      assert.ok(isDamaged(await verify()), `${file} is missing`);
      fs.writeFileSync(file, bytes);
    }
  });

  const forgeries: [string, Parameters<typeof forgeSnapshot>[1], RegExp][] = [
    ['a wrong count', ({ state }) => (state.stored.count += 1), /messages \(\d+ bytes\) are counted, \d+/],
    ['wrong bytes', ({ state }) => (state.stored.bytes -= 1), /are counted/],
    [
      'an identifier of two messages',
      ({ state: { open } }) => {
        for (const entry of open.slice(0, 2)) Object.assign(entry, { phase: 'published', packetId: 77 });
      },
      /packet identifier 77 belongs to two/i,
    ],
    ['the identifier 0', ({ state: { open } }) => Object.assign(open[0] ?? {}, { packetId: 0 }), /identifier 0/],
    ['a received identifier twice', ({ state }) => (state.received = [5, 5]), /received identifier 5/],
    [
      'a subscription twice',
      ({ state }) => (state.subscriptions = state.subscriptions.concat(state.subscriptions)),
      /is listed twice/,
    ],
    ['open messages out of order', ({ state }) => state.open.reverse(), /follows/],
    ['a queue behind the last record', ({ state }) => (state.queueAfter = state.sequence + 9), /begins behind/],
    ['another client id', ({ metadata }) => (metadata.clientId = 'somebody'), /belongs into/],
  ];
  for (const [what, change, text] of forgeries) {
    it(`finds ${what} behind sound checksums`, async () => {
      await storeSession(storage(), 'snapshot');
      forgeSnapshot(sessionPath(storage()), change);
      const found = complaints(await verify());
      assert.ok(
        found.some((complaint) => text.test(complaint)),
        found.join('\n'),
      );
    });
  }

  it('checks dead letters, and tells an interrupted write of one from damage', async () => {
    await storeQueue(storage(), 'plant', 2);
    await storeDeadLetters(storage(), 'plant', 4);
    const verification = await verify();
    assert.deepEqual(complaints(verification), []);
    assert.equal(verification.sessions[0]?.deadLetters, 4);
    const file = path.join(sessionPath(storage(), 'plant'), 'failed.mcpj');
    const bytes = fs.readFileSync(file);
    const content = bytes.indexOf('dead letter 2');
    flipBit(file, content);
    assert.match(complaints(await verify()).join(), /failed\.mcpj is damaged/);
    fs.writeFileSync(file, bytes.subarray(0, -3));
    assert.match(complaints(await verify()).join(), /failed\.mcpj is damaged/, 'whoever closed it had written it all');
    const lock = path.join(sessionPath(storage(), 'plant'), 'lock');
    fs.writeFileSync(lock, await lockOfDeadProcess());
    assert.match(complaints(await verify()).join(), /dead letters 4 to 4 may be lost/, 'the snapshot knew of it');
    const snapshots = new Map(
      filesOf(sessionPath(storage(), 'plant'), '.mcps').map((name) => [name, fs.readFileSync(name)]),
    );
    forgeSnapshot(sessionPath(storage(), 'plant'), (snapshot) => {
      snapshot.deadLetters = { nextId: 4, count: 3 };
    });
    const cut = await verify();
    assert.deepEqual(complaints(cut), []);
    assert.equal(cut.sessions[0]?.deadLetters, 3);
    for (const [name, content] of snapshots) fs.writeFileSync(name, content);
    fs.rmSync(lock);
    flipBit(file, 10);
    assert.match(complaints(await verify()).join(), /failed\.mcpj/);
  });

  it('finds flipped bits wherever they are among dead letters', async () => {
    await storeQueue(storage(), 'plant', 1);
    await storeDeadLetters(storage(), 'plant', 3);
    const file = path.join(sessionPath(storage(), 'plant'), 'failed.mcpj');
    const { size } = fs.statSync(file);
    const undetected: number[] = [];
    for (let at = 0; at < size; at++) {
      flipBit(file, at);
      if (!isDamaged(await verify())) undetected.push(at);
      flipBit(file, at);
    }
    assert.deepEqual(undetected, []);
    assert.deepEqual(complaints(await verify()), []);
  });

  it('checks one session when it is asked for one', async () => {
    await storeSession(storage(), 'snapshot');
    await storeQueue(storage(), 'other', 3);
    flipBit(segmentsOf(sessionPath(storage()))[0] ?? '', 200);
    assert.equal(isDamaged(await verify('other')), false);
    assert.equal(isDamaged(await verify(CLIENT_ID)), true);
    const all = await verify();
    assert.equal(all.sessions.filter(({ findings }) => findings.length > 0).length, 1);
    await assert.rejects(verify('nobody'), (error) => errorCode(error) === 'ERR_SESSION_UNKNOWN');
  });

  it('checks the files beside the sessions', async () => {
    await storeQueue(storage(), 'other', 1);
    const ids = path.join(storage(), 'client-ids.json');
    fs.writeFileSync(ids, '{"node":"nr0a1b"}');
    fs.writeFileSync(path.join(storage(), 'letter.txt'), 'not ours');
    const original = path.join(storage(), '.mcp_legacy');
    const fixtures = path.join(__dirname, '..', 'fixtures', 'mcps-v1');
    const [name = ''] = fs.readdirSync(fixtures).filter((file) => !file.endsWith('.json') && !file.endsWith('.md'));
    fs.copyFileSync(path.join(fixtures, name), original);
    assert.deepEqual(complaints(await verify()), []);
    fs.truncateSync(original, fs.statSync(original).size - 1);
    fs.writeFileSync(ids, '{"node":');
    const found = complaints(await verify());
    assert.equal(found.length, 2, found.join('\n'));
  });

  it('refuses a session that is in use, in this process too, naming the holder', async () => {
    const store = await openSessionStore({ path: storage() });
    const session = await store.open('in-use', recordCodec, undefined);
    await assert.rejects(verify(), (error: Error) => {
      assert.equal(errorCode(error), 'ERR_SESSION_LOCKED');
      assert.match(error.message, new RegExp(String(process.pid)));
      return true;
    });
    await session.close();
    await store.close();
    assert.deepEqual(complaints(await verify()), []);
  });

  it('goes on with the others when one was written by a newer version', async () => {
    await storeQueue(storage(), 'newer', 1);
    await storeQueue(storage(), 'other', 2);
    makeNewer(sessionPath(storage(), 'newer'));
    const verification = await verify();
    assert.equal(verification.sessions.length, 2);
    assert.match(complaints(verification).join(), /newer version/);
    assert.deepEqual(verification.sessions.map(verdictOf), ['unchecked', 'in order']);
    assert.equal(verification.sessions.find(({ clientId }) => clientId === 'other')?.messages.count, 2);
  });

  it('holds for what random use leaves behind, also after failed syncs', async () => {
    const session = await RealSession.open(storage(), 'walker');
    for (let round = 0; round < 8; round++) {
      for (let number = 0; number < 5; number++) session.publish({ qos: 2, payload: Buffer.alloc(100 * number) });
      session.failNextSync = round % 3 === 1;
      await session.settle();
      if (round % 2 === 0) await session.checkpoint(round % 4 === 0);
      const copy = path.join(directory(), `copy-${round}`);
      fs.cpSync(storage(), copy, { recursive: true });
      fs.rmSync(path.join(sessionPath(copy, 'walker'), 'lock'));
      const verification = await verifyStorage(nodeFileSystem, copy);
      assert.deepEqual(complaints(verification), [], `round ${round}`);
      assert.equal(verification.sessions[0]?.messages.count, session.session.stored.count);
    }
    await session.close();
  });
});
