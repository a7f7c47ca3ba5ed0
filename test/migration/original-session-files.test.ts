import * as assert from 'node:assert/strict';
import { copyFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SessionClient } from '../../src/client/session-client';
import { decodeMcpsV1, encodeMcpsV1 } from '../../src/mcps/v1';
import { Recovery } from '../../src/session/recovery';
import { Session } from '../../src/session/session';
import { sessionCodec } from '../../src/session/session-codec';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { fixtures as fixtureList } from '../mcps/fixtures';
import { Harness, limits } from '../session/harness';
import { Mosquitto } from '../support/mosquitto';
import { Observer } from '../support/observer';
import { waitFor } from '../support/wait';

const fixtures = join(__dirname, '..', 'fixtures', 'mcps-v1');
const clientId = 'plant/line:1*"é"';
const fixtureFiles = fixtureList();

describe('session files of the original implementation', () => {
  let path: string;
  let store: SessionStore;

  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), 'original-'));
    store = await openSessionStore({ path });
  });

  afterEach(async () => {
    await store.close();
    await rm(path, { recursive: true, force: true });
  });

  it('are found by their content, migrated when opened, and then kept beside the session', async () => {
    await copyFile(join(fixtures, 'plant-line.mcps'), join(path, '.mcp_any name at all'));
    const journal = await store.open(clientId, sessionCodec, undefined);
    const { state, metadata, isNew, notices } = journal.recovered;
    assert.equal(isNew, false);
    assert.equal(metadata.createdAt, 1764000000001);
    assert.equal(metadata.lastAccessAt, 1764000002000);
    assert.equal(metadata.expiryInterval, 86400);
    assert.deepEqual(
      state.open.map(({ packetId, message }) => [packetId, message?.topic, message?.qos, message?.retain]),
      [
        [65535, 'gebäude/etage-1/zähler/7', 2, false],
        [1, '日本/東京/気温', 1, true],
      ],
    );
    assert.deepEqual(
      state.open.map(({ sentAt, retries, message }) => [sentAt, retries, message?.enqueuedAt]),
      [
        [1764000000999, 3, 1764000000999],
        [1764000001000, 0, 1764000001000],
      ],
    );
    assert.deepEqual(
      state.open.map(({ message }) => message?.payload),
      fixtureFiles.find(({ name }) => name === 'plant-line.mcps')?.session.inflight.map(({ payload }) => payload),
    );
    assert.deepEqual(
      state.subscriptions.map(({ filter, qos }) => [filter, qos]),
      [
        ['gebäude/etage-1/zähler/+', 1],
        ['日本/東京/#', 2],
      ],
    );
    assert.match(notices.map(({ text }) => text).join(), /migrated from .*2 subscriptions, 2 messages/);
    await journal.close();

    assert.equal((await readdir(path)).includes('.mcp_any name at all'), false);
    const [summary] = await store.list();
    const kept = await readFile(join(summary?.directory ?? '', 'original.mcps'));
    assert.deepEqual(kept, await readFile(join(fixtures, 'plant-line.mcps')));
    const again = await store.open(clientId, sessionCodec, undefined);
    assert.equal(again.recovered.state.open.length, 2, 'the migrated session, not the file, is read again');
    await again.close();
  });

  it('whatever their names: of several the one used last is migrated, all are kept beside the session', async () => {
    const newest = fixtureFiles.find(({ name }) => name === 'session_test_client_001.mcps')!.session;
    const older = { ...newest, lastAccessTime: newest.lastAccessTime - 1, inflight: [] };
    await writeFile(join(path, '.mcp_session_test_client_00'), encodeMcpsV1(older));
    await writeFile(join(path, 'backup of monday'), encodeMcpsV1(newest));
    await writeFile(join(path, 'unrelated.txt'), 'SPCM is how this begins');
    const journal = await store.open(newest.clientId, sessionCodec, undefined);
    assert.equal(journal.recovered.state.open.length, 3);
    assert.ok(journal.recovered.notices.some(({ text }) => /client_00 is now .* It was not read/.test(text)));
    await journal.close();
    const [summary] = await store.list();
    const kept = (await readdir(summary?.directory ?? '')).filter((name) => name.startsWith('original'));
    assert.deepEqual(kept.sort(), ['original-2.mcps', 'original.mcps']);
    assert.deepEqual(
      (await readdir(path)).filter((name) => !name.includes('~')),
      ['unrelated.txt'],
    );
  });

  it('are not read again once the session exists, nor when it is deleted', async () => {
    await (await store.open(clientId, sessionCodec, undefined)).close();
    await copyFile(join(fixtures, 'plant-line.mcps'), join(path, 'late'));
    const journal = await store.open(clientId, sessionCodec, undefined);
    assert.deepEqual(journal.recovered.state.open, []);
    assert.ok(journal.recovered.notices.some(({ level, text }) => level === 'warn' && /It was not read/.test(text)));
    await journal.close();
    await copyFile(join(fixtures, 'plant-line.mcps'), join(path, 'later'));
    assert.equal(await store.delete(clientId), true);
    const anew = await store.open(clientId, sessionCodec, undefined);
    assert.equal(anew.recovered.isNew, true);
    await anew.close();
    const [quarantined] = await readdir(join(path, 'quarantine'));
    assert.ok(
      (await readdir(join(path, 'quarantine', quarantined ?? ''))).includes('later'),
      'nothing unread is destroyed',
    );
  });

  for (const [lastPacketId, next] of [
    [7, 8],
    [300, 301],
    [1, 2],
    [65_471, 1],
    [65_535, 1],
    [0, 4],
  ] as const) {
    it(`hand out identifier ${next} next when the last one was ${lastPacketId}`, () => {
      const original = fixtureFiles.find(({ name }) => name === 'session_test_client_001.mcps')!.session;
      const state = sessionCodec.migrate?.({ ...original, lastPacketId }).state;
      assert.ok(state);
      const harness = new Harness({}, { state, records: [] });
      harness.publish(1);
      harness.connect(limits({ sessionPresent: true }));
      const published = harness.takePackets().flatMap((packet) => (packet.cmd === 'publish' ? [packet.messageId] : []));
      assert.deepEqual(published, [5, 6, 7, next]);
      assert.deepEqual(
        harness
          .restart()
          .session.openMessages()
          .map(({ packetId }) => packetId),
        [5, 6, 7, next],
      );
    });
  }

  it('leave nothing half done: a damaged one stays where it is, and an error says so', async () => {
    const whole = await readFile(join(fixtures, 'plant-line.mcps'));
    await writeFile(join(path, '.mcp_plant'), whole.subarray(0, whole.length - 1));
    const journal = await store.open(clientId, sessionCodec, undefined);
    assert.equal(journal.recovered.isNew, true);
    assert.deepEqual(
      journal.recovered.notices.map(({ level }) => level),
      ['error'],
    );
    assert.match(journal.recovered.notices[0]?.text ?? '', /\.mcp_plant cannot be migrated/);
    await journal.close();
    assert.deepEqual(await readFile(join(path, '.mcp_plant')), whole.subarray(0, whole.length - 1));
  });

  it('give up what no broker would take, which is named and stays in the kept file, and all else works', async () => {
    const original = decodeMcpsV1(await readFile(join(fixtures, 'plant-line.mcps')));
    const file = encodeMcpsV1({
      ...original,
      subscriptions: [{ topic: 'a/#/b', qos: 1 }, ...original.subscriptions],
      inflight: original.inflight.map((message, index) => ({
        ...message,
        topic: index === 0 ? 'a/+' : message.topic,
        sendTime: 2 ** 52,
      })),
    });
    await writeFile(join(path, '.mcp_plant'), file);
    const journal = await store.open(clientId, sessionCodec, undefined);
    const { state, notices } = journal.recovered;
    assert.deepEqual(
      state.subscriptions.map(({ filter }) => filter),
      original.subscriptions.map(({ topic }) => topic),
    );
    assert.deepEqual(
      state.open.map(({ packetId, sentAt }) => [packetId, sentAt]),
      [[1, 2 ** 48 - 1]],
    );
    const warnings = notices.filter(({ level }) => level === 'warn').map(({ text }) => text);
    assert.match(
      warnings[0] ?? '',
      /^Subscription 1 is left out: # may only be its last level .*\.mcp_plant, which is kept/,
    );
    assert.match(warnings[1] ?? '', /^The message with packet identifier 65535 is left out: it contains the wildcard/);
    assert.equal(warnings.length, 2);
    await journal.close();
    const [summary] = await store.list();
    assert.deepEqual(await readFile(join(summary?.directory ?? '', 'original.mcps')), file);
  });

  it('larger than any can be are not read, but named', async () => {
    const file = join(path, '.mcp_large');
    await copyFile(join(fixtures, 'plant-line.mcps'), file);
    await truncate(file, 5 * 1024 ** 3);
    const journal = await store.open(clientId, sessionCodec, undefined);
    assert.match(journal.recovered.notices[0]?.text ?? '', /\.mcp_large cannot be migrated \(it has 5368709120 bytes/);
    await journal.close();
    assert.ok((await readdir(path)).includes('.mcp_large'));
  });

  it('that cannot be read keep their session from being made, and nothing else from being used', async () => {
    await (await store.open('there', sessionCodec, undefined)).close();
    await store.close();
    const file = join(path, '.mcp_of somebody else');
    await copyFile(join(fixtures, 'plant-line.mcps'), file);
    let isReadable = false;
    store = await openSessionStore({
      path,
      fileSystem: {
        ...nodeFileSystem,
        open: async (name, access) => {
          if (name === file && !isReadable) throw Object.assign(new Error('EACCES: open'), { code: 'EACCES' });
          return nodeFileSystem.open(name, access);
        },
      },
    });
    await assert.rejects(store.open(clientId, sessionCodec, undefined), {
      code: 'ERR_STORE_PATH',
      message: /\.mcp_of somebody else.*EACCES.*Make it readable/,
    });
    await (await store.open('there', sessionCodec, undefined)).close();
    assert.equal(await store.delete('there'), true);
    isReadable = true;
    const journal = await store.open(clientId, sessionCodec, undefined);
    assert.equal(journal.recovered.state.open.length, 2);
    await journal.close();
  });

  it('of another client are left alone', async () => {
    await copyFile(join(fixtures, 'plant-line.mcps'), join(path, '.mcp_plant'));
    const journal = await store.open('somebody else', sessionCodec, undefined);
    assert.deepEqual(journal.recovered.state.open, []);
    await journal.close();
    assert.equal((await readdir(path)).includes('.mcp_plant'), true);
  });

  it('are delivered: as new messages when the broker does not have the session', async () => {
    await copyFile(join(fixtures, 'plant-line.mcps'), join(path, '.mcp_plant'));
    const broker = await Mosquitto.start();
    const observer = await Observer.start({ port: broker.port });
    const connection = { url: broker.url, protocolVersion: 4, clean: false, keepalive: 60 } as const;
    const client = new SessionClient({ clientId, store, connection });
    try {
      await client.open();
      client.connect();
      await waitFor(() => observer.messages.length >= 2, { what: 'both messages' });
      assert.deepEqual(observer.messages.map(({ topic, qos, dup }) => [topic, qos, dup]).sort(), [
        ['gebäude/etage-1/zähler/7', 2, false],
        ['日本/東京/気温', 1, false],
      ]);
      assert.deepEqual(observer.doubled(), []);
    } finally {
      await client.close();
      await observer.stop();
      await broker.remove();
    }
  });

  it('are sent again with their identifiers and DUP when the broker still has the session', async () => {
    const original = decodeMcpsV1(await readFile(join(fixtures, 'plant-line.mcps')));
    const state = sessionCodec.migrate?.(original).state;
    assert.ok(state);
    const options = { maxInflight: 100, maxBytes: 1e9, whenFull: 'reject', onSessionLost: 'republish' } as const;
    const session = new Session(
      new Recovery(state, []),
      { ...options, receiveMaximum: 100, handshakesMax: 20, keepFailed: true, maxSendRate: 0 },
      0,
    );
    session.connected(
      {
        address: 'mqtt://broker',
        limits: limits({ sessionPresent: true }),
      },
      0,
    );
    const sent = session.takeEffects(0).flatMap((effect) => (effect.type === 'send' ? [effect.packet] : []));
    const published = sent.flatMap((packet) => (packet.cmd === 'publish' ? [[packet.messageId, packet.dup]] : []));
    assert.deepEqual(published, [
      [65535, true],
      [1, true],
    ]);
  });
});
