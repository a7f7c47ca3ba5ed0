import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { repairStorage } from '../../src/admin/repair/storage';
import { isDamaged, verifyStorage } from '../../src/admin/verification/storage';
import { errorCode } from '../../src/errors';
import { recordCodec } from '../../src/session/record-codec';
import { RecordKind } from '../../src/session/records';
import type { FileSystem } from '../../src/store/file-system';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { openSessionStore } from '../../src/store/session-store';
import { RealSession } from '../formats/real-session';
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

describe('repair of stored sessions', () => {
  const directory = temporaryDirectory();
  const storage = () => path.join(directory(), 'sessions');
  const repaired = () => path.join(directory(), 'repaired');
  const repair = (clientId?: string) => repairStorage(nodeFileSystem, storage(), { clientId, output: repaired() });

  /** The repaired storage path is in order; resolves to the number of messages of a session. */
  async function messagesIn(clientId: string): Promise<number | undefined> {
    const verification = await verifyStorage(nodeFileSystem, repaired());
    assert.deepEqual(complaints(verification), []);
    return verification.sessions.find((session) => session.clientId === clientId)?.messages.count;
  }

  it('writes nothing when nothing is damaged', async () => {
    await storeSession(storage(), 'journal');
    const before = contentOf(directory());
    const { output } = await repair();
    assert.equal(output, undefined);
    assert.deepEqual(contentOf(directory()), before);
  });

  it('keeps all that is not in the damaged place, and leaves the damaged path as it was', async () => {
    const count = await storeSession(storage(), 'snapshot');
    await storeQueue(storage(), 'sound', 4);
    const segment = segmentsOf(sessionPath(storage()))[2] ?? '';
    flipBit(segment, 200);
    const before = contentOf(storage());
    const { sessions, output, verification } = await repair();
    assert.equal(output, repaired());
    assert.ok(isDamaged(verification));
    assert.deepEqual(contentOf(storage()), before);
    const outcome = sessions.find(({ clientId }) => clientId === CLIENT_ID);
    assert.equal(outcome?.outcome, 'rewritten');
    assert.equal(sessions.find(({ clientId }) => clientId === 'sound')?.outcome, 'copied');
    const kept = await messagesIn(CLIENT_ID);
    assert.ok(kept !== undefined && kept < count && kept >= count - 8, `${kept} of ${count}`);
    assert.equal(await messagesIn('sound'), 4);
  });

  it('keeps order, content, in-flight messages with their identifiers, and subscriptions', async () => {
    await storeSession(storage(), 'snapshot');
    const original = await RealSession.open(storage(), CLIENT_ID);
    const open = original.session.openMessages();
    const subscriptions = original.session.subscriptions();
    const { stored } = original.session;
    const { createdAt } = original.journal.recovered.metadata;
    await original.close();
    forgeSnapshot(sessionPath(storage()), ({ state }) => (state.stored.count += 5));
    const [outcome] = (await repair()).sessions;
    assert.ok(outcome?.outcome === 'rewritten');
    // One was given up, and had no time to become a dead letter.
    assert.deepEqual([outcome.kept.messages.count, outcome.kept.deadLetters], [stored.count - 1, 1]);
    assert.equal(await messagesIn(CLIENT_ID), stored.count - 1);
    const copy = await RealSession.open(repaired(), CLIENT_ID);
    assert.deepEqual(copy.session.stored, outcome.kept.messages);
    assert.equal(copy.journal.recovered.metadata.createdAt, createdAt);
    assert.equal(copy.journal.recovered.metadata.expiryInterval, 3600);
    assert.deepEqual(copy.session.subscriptions(), subscriptions);
    const essence = (messages: typeof open) =>
      messages
        .filter(({ phase }) => phase !== 'waiting')
        .map(({ packetId, phase, message }) => [packetId, phase, message.topic, message.payload.toString('hex')]);
    assert.deepEqual(essence(copy.session.openMessages()), essence(open));
    await copy.close();
  });

  it('finds messages again when all snapshots are lost, and whose they are', async () => {
    await storeQueue(storage(), 'plant-1', 25);
    await storeQueue(storage(), 'nr0123456789', 3);
    await storeQueue(storage(), 'a/b', 2);
    fs.writeFileSync(path.join(storage(), 'client-ids.json'), '{"node":"nr0123456789"}');
    // By the readable part of the name, by the damaged snapshot's beginning, and not at all.
    fs.rmSync(filesOf(sessionPath(storage(), 'plant-1'), '.mcps')[0] ?? '');
    fs.rmSync(filesOf(sessionPath(storage(), 'a/b'), '.mcps')[0] ?? '');
    const { sessions } = await repair();
    assert.equal(sessions.find(({ clientId }) => clientId === 'plant-1')?.outcome, 'rewritten');
    const lost = sessions.find(({ outcome }) => outcome === 'left out');
    assert.match(lost?.outcome === 'left out' ? lost.why : '', /name that behind the path/);
    assert.equal(await messagesIn('plant-1'), 25);
    assert.equal(await messagesIn('nr0123456789'), 3);
    assert.ok(fs.existsSync(path.join(repaired(), 'client-ids.json')));
    fs.rmSync(repaired(), { recursive: true });
    await repair('a/b');
    assert.equal(await messagesIn('a/b'), 2);
  });

  it('copies what a newer version wrote, and repairs nothing because of it', async () => {
    await storeQueue(storage(), 'newer', 2);
    await storeQueue(storage(), 'plant', 3);
    makeNewer(sessionPath(storage(), 'newer'));
    assert.equal((await repair()).output, undefined);
    flipBit(segmentsOf(sessionPath(storage(), 'plant'))[0] ?? '', 100);
    const { sessions } = await repair();
    assert.deepEqual(
      sessions.map(({ outcome }) => outcome),
      ['copied', 'rewritten'],
    );
    const before = contentOf(sessionPath(storage(), 'newer'));
    before.delete('lock');
    assert.deepEqual(contentOf(path.join(repaired(), path.basename(sessionPath(storage(), 'newer')))), before);
  });

  it('writes into no part of the damaged path, and gives its name only to what is complete', async () => {
    await storeQueue(storage(), 'one', 3);
    await storeQueue(storage(), 'two', 3);
    for (const clientId of ['one', 'two']) flipBit(segmentsOf(sessionPath(storage(), clientId))[0] ?? '', 100);
    const before = contentOf(storage());
    for (const output of [storage(), path.join(storage(), 'repaired'), path.join(sessionPath(storage(), 'one'), 'x')]) {
      await assert.rejects(repairStorage(nodeFileSystem, storage(), { output }), (error: Error) => {
        return errorCode(error) === 'ERR_STORE_PATH' && error.message.includes(output);
      });
    }
    assert.deepEqual(contentOf(storage()), before);

    let sessions = 0;
    const failing: FileSystem = {
      ...nodeFileSystem,
      makeDirectory: async (name) => {
        if (name.includes('unfinished-') && name.includes('~') && ++sessions === 2) {
          throw Object.assign(new Error('EIO: the disk'), { code: 'EIO' });
        }
        return nodeFileSystem.makeDirectory(name);
      },
    };
    await assert.rejects(repairStorage(failing, storage(), { output: repaired() }), /EIO/);
    assert.equal(fs.existsSync(repaired()), false, 'what is not complete has another name');
    fs.mkdirSync(repaired());
    await repair();
    const { sessions: written } = await verifyStorage(nodeFileSystem, repaired());
    assert.equal(written.length, 2);
  });

  it('keeps all dead letters, more than a session takes by default as well', async () => {
    await storeQueue(storage(), 'plant', 3);
    const store = await openSessionStore({ path: storage() });
    const limits = { deadLetterBytes: Number.POSITIVE_INFINITY };
    const session = await store.open('plant', recordCodec, undefined, limits);
    const payload = Buffer.alloc(20 * 1024 * 1024);
    for (let number = 1; number <= 6; number++) {
      await session.deadLetters.keep(`key ${number}`, {
        kind: RecordKind.Failed,
        sequence: number,
        message: { topic: 'refused', payload, qos: 1, retain: false },
        enqueuedAt: Date.UTC(2026, 0, 1),
        failedAt: Date.UTC(2026, 0, 2),
        reason: 'refused',
        reasonCode: 0x87,
      });
    }
    await session.close();
    await store.close();
    flipBit(segmentsOf(sessionPath(storage(), 'plant'))[0] ?? '', 100);
    await repair();
    const { sessions } = await verifyStorage(nodeFileSystem, repaired());
    assert.equal(sessions[0]?.deadLetters, 6);
  }).timeout(30_000);

  it('tells the client id by what is left of a damaged snapshot', async () => {
    await storeQueue(storage(), 'a/b:c', 2);
    const [snapshot = ''] = filesOf(sessionPath(storage(), 'a/b:c'), '.mcps');
    fs.truncateSync(snapshot, 60);
    const { sessions } = await repair();
    assert.deepEqual(
      sessions.map(({ clientId, outcome }) => [clientId, outcome]),
      [['a/b:c', 'rewritten']],
    );
    assert.equal(await messagesIn('a/b:c'), 2);
  });

  it('makes a session that opens and is in order of whatever is left, wherever a bit was flipped', async () => {
    const count = await storeSession(storage(), 'snapshot');
    const sound = sessionPath(storage());
    let seed = 7;
    for (const file of [...filesOf(sound, '.mcps'), ...segmentsOf(sound)]) {
      for (let round = 0; round < 3; round++) {
        seed = (seed * 48271) % 0x7fffffff;
        const at = seed % fs.statSync(file).size;
        flipBit(file, at);
        const { output, sessions } = await repair(CLIENT_ID);
        assert.equal(output, repaired(), `${file} at ${at}`);
        assert.equal(sessions[0]?.outcome, 'rewritten', `${file} at ${at}`);
        const kept = (await messagesIn(CLIENT_ID)) ?? 0;
        assert.ok(kept <= count && kept > 0, `${file} at ${at}: ${kept} of ${count}`);
        fs.rmSync(repaired(), { recursive: true });
        flipBit(file, at);
      }
    }
  }).timeout(30_000);

  it('keeps dead letters but the damaged one', async () => {
    await storeQueue(storage(), 'plant', 2);
    await storeDeadLetters(storage(), 'plant', 4);
    const file = path.join(sessionPath(storage(), 'plant'), 'failed.mcpj');
    flipBit(file, fs.readFileSync(file).indexOf('dead letter 2'));
    const { sessions } = await repair();
    const [outcome] = sessions;
    assert.ok(outcome?.outcome === 'rewritten');
    assert.deepEqual([outcome.kept.messages.count, outcome.kept.deadLetters], [2, 3]);
    const verification = await verifyStorage(nodeFileSystem, repaired());
    assert.deepEqual(complaints(verification), []);
    assert.equal(verification.sessions[0]?.deadLetters, 3);
  });

  it('does not write over anything', async () => {
    await storeSession(storage(), 'snapshot');
    flipBit(segmentsOf(sessionPath(storage()))[0] ?? '', 200);
    fs.mkdirSync(repaired());
    fs.writeFileSync(path.join(repaired(), 'mine'), '');
    await assert.rejects(repair(), (error) => errorCode(error) === 'ERR_STORE_PATH');
    assert.deepEqual(fs.readdirSync(repaired()), ['mine']);
  });
});
