import * as assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import * as path from 'node:path';
import { decodeMcps, encodeMcpsV1, type McpsV1Session } from '../../src';
import { RecordKind } from '../../src/session/records';
import { sessionCodec } from '../../src/session/session-codec';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { exportMcpsV1 } from '../../src/transfer/mcps-v1-export';
import { importMcpsV1 } from '../../src/transfer/mcps-v1-import';
import { fixtures } from '../mcps/fixtures';
import { temporaryDirectory } from '../store/support';
import { message, payloadsOf, publishAll, withClient } from './support';

const fixture = fixtures().find(({ name }) => name === 'session_test_client_001.mcps')!;
const { clientId } = fixture.session;

describe('MCPS version 1, in and out of a store', () => {
  const directory = temporaryDirectory();
  let store: SessionStore;

  beforeEach(async () => {
    store = await openSessionStore({ path: directory(), closeWaitMs: 0, onNotice: () => undefined });
  });

  afterEach(() => store.close());

  const exported = async (allowLoss?: boolean): Promise<McpsV1Session> =>
    withClient(clientId, store, async (client) => {
      const { file } = await exportMcpsV1(client.copy(), allowLoss === undefined ? {} : { allowLoss });
      const session = decodeMcps(file);
      assert.ok(session.version === 1);
      return session;
    });

  for (const { name, bytes, session } of fixtures()) {
    it(`gives ${name} back as it came`, async () => {
      assert.deepEqual(await importMcpsV1(store, bytes), {
        clientId: session.clientId,
        subscriptions: session.subscriptions.length,
        messages: session.inflight.length,
        leftOut: [],
      });
      const { file, lost } = await withClient(session.clientId, store, (client) => exportMcpsV1(client.copy()));
      const again = decodeMcps(file);
      const { lastPacketId, lastAccessTime, ...rest } = session;
      assert.ok(again.version === 1);
      assert.ok(again.lastAccessTime >= lastAccessTime);
      assert.deepEqual({ ...again, lastPacketId, lastAccessTime }, { ...rest, lastPacketId, lastAccessTime });
      assert.ok(Object.values(lost).every((count) => count === 0));
      assert.deepEqual(
        (await readdir(directory())).filter((entry) => entry.startsWith('import')),
        [],
      );
    });
  }

  it('puts what is in flight first, then the queue, each with an identifier of its own', async () => {
    await importMcpsV1(store, fixture.bytes);
    await withClient(clientId, store, (client) => publishAll(client, ['a', 'b', 'c']));
    const { inflight, lastPacketId } = await exported();
    assert.deepEqual(
      inflight.slice(0, 3).map(({ packetId, retryCount }) => [packetId, retryCount]),
      fixture.session.inflight.map(({ packetId, retryCount }) => [packetId, retryCount]),
    );
    assert.deepEqual(
      inflight.slice(3).map(({ payload }) => payload.toString()),
      ['a', 'b', 'c'],
    );
    const identifiers = inflight.map(({ packetId }) => packetId);
    assert.equal(new Set(identifiers).size, identifiers.length);
    assert.equal(lastPacketId, identifiers.at(-1));
  });

  it('refuses what version 1 cannot hold, naming JSONL, unless loss is asked for', async () => {
    await withClient(clientId, store, async (client) => {
      await client.publish(message('plain'));
      await client.publish(message('with', { properties: { contentType: 'x' } }));
      client.restoreSubscription({
        filter: 'a',
        qos: 1,
        noLocal: true,
        retainAsPublished: true,
        retainHandling: 0,
      });
    });
    await assert.rejects(exported(), {
      code: 'ERR_EXPORT_LOSS',
      message: /1 messages with MQTT 5 properties, 1 subscriptions with MQTT 5 options.*JSONL/,
    });
    const { inflight, subscriptions } = await exported(true);
    assert.deepEqual(
      inflight.map(({ payload }) => payload.toString()),
      ['plain', 'with'],
    );
    assert.deepEqual(subscriptions, [{ topic: 'a', qos: 1 }]);
  });

  it('refuses to leave out dead letters, unless loss is asked for', async () => {
    await withClient(clientId, store, async (client) => {
      await publishAll(client, ['kept']);
      for (const key of ['1', '2']) {
        await client.keepDeadLetter(key, {
          kind: RecordKind.Failed,
          sequence: Number(key),
          message: message('dead'),
          enqueuedAt: 1,
          reason: 'refused',
          failedAt: 2,
        });
      }
    });
    await assert.rejects(exported(), {
      code: 'ERR_EXPORT_LOSS',
      message: /cannot hold all .*: 2 dead letters\..*JSONL/,
    });
    const { lost } = await withClient(clientId, store, (client) => exportMcpsV1(client.copy(), { allowLoss: true }));
    assert.equal(lost.deadLetters, 2);
    assert.equal((await exported(true)).inflight.length, 1);
  });

  it('holds 65,535 messages; of more, the oldest when loss is asked for, never a cut file', async function () {
    this.timeout(60_000);
    await withClient(clientId, store, async (client) => {
      await publishAll(
        client,
        Array.from({ length: 65_535 }, (_, index) => String(index)),
      );
    });
    const { inflight } = await exported();
    assert.equal(inflight.length, 65_535);
    assert.equal(new Set(inflight.map(({ packetId }) => packetId)).size, 65_535);
    await withClient(clientId, store, (client) => publishAll(client, ['one more']));
    await assert.rejects(exported(), { code: 'ERR_EXPORT_LOSS', message: /1 messages beyond 65,535.*JSONL/ });
    const lossy = await exported(true);
    assert.deepEqual([lossy.inflight.length, lossy.inflight.at(-1)?.payload.toString()], [65_535, '65534']);
  });

  it('comes in only where there is nothing, unless it is to replace', async () => {
    await importMcpsV1(store, fixture.bytes);
    await assert.rejects(importMcpsV1(store, fixture.bytes), {
      code: 'ERR_SESSION_NOT_EMPTY',
      message: /3 messages, 3 subscriptions/,
    });
    const smaller = { ...fixture.session, inflight: fixture.session.inflight.slice(0, 1), subscriptions: [] };
    await importMcpsV1(store, encodeMcpsV1(smaller), { replace: true });
    await withClient(clientId, store, async (client) => {
      assert.equal(client.stored.count, 1);
      assert.deepEqual(client.subscriptions(), []);
      await assert.rejects(importMcpsV1(store, fixture.bytes, { replace: true }), { code: 'ERR_SESSION_LOCKED' });
    });
    // An empty one is no obstacle.
    await store.delete(clientId);
    await withClient(clientId, store, async () => undefined);
    await importMcpsV1(store, fixture.bytes);
    await withClient(clientId, store, async (client) => assert.equal((await payloadsOf(client)).length, 3));
  });

  it('comes in nowhere where there are only dead letters, or only received identifiers', async () => {
    await withClient(clientId, store, (client) =>
      client.keepDeadLetter('1', {
        kind: RecordKind.Failed,
        sequence: 1,
        message: message('dead'),
        enqueuedAt: 1,
        reason: 'refused',
        failedAt: 2,
      }),
    );
    await assert.rejects(importMcpsV1(store, fixture.bytes), {
      code: 'ERR_SESSION_NOT_EMPTY',
      message: /dead letters/,
    });
    await store.delete(clientId);

    const journal = await store.open(clientId, sessionCodec, undefined);
    await new Promise<void>((resolve, reject) => {
      journal.events = {
        durable: () => resolve(),
        failed: reject,
        checkpointDue: () => undefined,
        lost: reject,
      };
      journal.append(1, { kind: RecordKind.Received, identifiers: [7] });
    });
    await journal.close();
    await assert.rejects(importMcpsV1(store, fixture.bytes), {
      code: 'ERR_SESSION_NOT_EMPTY',
      message: /1 received identifiers/,
    });
  });

  it('goes before an older file of the same client id that lies in the storage path', async () => {
    const other = { ...fixture.session, lastAccessTime: fixture.session.lastAccessTime + 1000, inflight: [] };
    const { writeFile } = await import('node:fs/promises');
    await writeFile(path.join(directory(), '.mcp_old'), encodeMcpsV1(other));
    assert.equal((await importMcpsV1(store, fixture.bytes)).messages, 3);
    const summary = await store.inspect(clientId);
    const kept = (await readdir(summary!.directory)).filter((name) => name.startsWith('original'));
    const contents = await Promise.all(kept.map((name) => readFile(path.join(summary!.directory, name))));
    assert.ok(contents.some((content) => content.equals(fixture.bytes)));
  });

  it('goes before one whose import was killed before its session was made', async () => {
    const [inflight] = fixture.session.inflight;
    for (let attempt = 0; attempt < 8; attempt++) {
      const killed = encodeMcpsV1({ ...fixture.session, inflight: [{ ...inflight!, payload: Buffer.from('killed') }] });
      await (await store.prepareImport(killed, clientId)).place();
      const payload = `attempt ${attempt}`;
      const file = encodeMcpsV1({ ...fixture.session, inflight: [{ ...inflight!, payload: Buffer.from(payload) }] });
      assert.equal((await importMcpsV1(store, file)).messages, 1);
      assert.deepEqual(await withClient(clientId, store, payloadsOf), [payload]);
      await store.delete(clientId);
    }
  });

  it('says so when somebody else made the session meanwhile', async () => {
    const other = encodeMcpsV1({ ...fixture.session, inflight: [...fixture.session.inflight].reverse() });
    const open = async (...parameters: Parameters<typeof store.open>) => {
      await (await store.prepareImport(other, clientId)).place();
      return store.open(...parameters);
    };
    const busy = new Proxy(store, {
      get(target, name) {
        if (name === 'open') return open;
        const member: unknown = Reflect.get(target, name);
        return typeof member === 'function' ? member.bind(target) : member;
      },
    });
    await assert.rejects(importMcpsV1(busy, fixture.bytes), { code: 'ERR_SESSION_NOT_EMPTY' });
  });

  it('that is damaged changes nothing', async () => {
    await importMcpsV1(store, fixture.bytes);
    await assert.rejects(importMcpsV1(store, fixture.bytes.subarray(0, -1), { replace: true }), {
      code: 'ERR_MCPS_TRUNCATED',
    });
    await withClient(clientId, store, async (client) => assert.equal(client.stored.count, 3));
  });
});
