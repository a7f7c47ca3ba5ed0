import * as assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import type { Message } from '../../src/session/message';
import { RecordKind } from '../../src/session/records';
import { sessionCodec } from '../../src/session/session-codec';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { adoptSession } from '../../src/transfer/adopt';
import type { TransferTarget } from '../../src/transfer/target';
import { temporaryDirectory } from '../store/support';
import { Mosquitto } from '../support/mosquitto';
import { Observer } from '../support/observer';
import { waitFor } from '../support/wait';
import {
  deadLettersOf,
  entriesOf,
  message,
  messagesIn,
  offlineClient,
  payloadsOf,
  publishAll,
  withClient,
} from './support';

describe('adopting an orphaned session', () => {
  const directory = temporaryDirectory();
  let store: SessionStore;

  beforeEach(async () => {
    store = await openSessionStore({ path: directory(), closeWaitMs: 0, onNotice: () => undefined });
  });

  afterEach(() => store.close());

  const orphan = (payloads: readonly string[]): Promise<void> =>
    withClient('orphan', store, (client) => publishAll(client, payloads));

  it('appends its queue in order, with properties, origin and the time of the first queueing, and deletes it', async () => {
    const full = message('full', {
      qos: 2,
      retain: true,
      topic: 'größe',
      properties: { contentType: 'text/plain', userProperties: { a: ['1', '2'] }, messageExpiryInterval: 3600 },
    });
    const origin = { node: 'n1', messageId: 'm1' };
    const before = await withClient('orphan', store, async (client) => {
      await client.publish(full, { origin });
      await publishAll(client, ['b', 'c']);
      return messagesIn(await entriesOf(client.copy()));
    });
    await withClient('heir', store, async (heir) => {
      await publishAll(heir, ['own']);
      assert.deepEqual(await adoptSession(store, 'orphan', heir), {
        messages: 3,
        duplicates: 0,
        deadLetters: 0,
        deleted: true,
        notices: [],
      });
      assert.deepEqual(await payloadsOf(heir), ['own', 'full', 'b', 'c']);
      const after = messagesIn(await entriesOf(heir.copy()));
      const plain = ({ message: content, enqueuedAt, origin: by }: (typeof after)[number]) => [content, enqueuedAt, by];
      assert.deepEqual(after.slice(1).map(plain), before.map(plain));
      assert.deepEqual(after[1]?.origin, origin);
      assert.equal(await store.exists('orphan'), false);
      assert.deepEqual(heir.transferSources(), []);
      await assert.rejects(adoptSession(store, 'orphan', heir), { code: 'ERR_SESSION_UNKNOWN' });
    });
  });

  it('moves its dead letters', async () => {
    await withClient('orphan', store, async (client) => {
      for (const key of ['1', '2']) {
        await client.keepDeadLetter(key, {
          kind: RecordKind.Failed,
          sequence: Number(key),
          message: message(`dead ${key}`),
          enqueuedAt: 1,
          reason: 'refused',
          reasonCode: 0x87,
          failedAt: 2,
        });
      }
    });
    await withClient('heir', store, async (heir) => {
      assert.equal((await adoptSession(store, 'orphan', heir)).deadLetters, 2);
      assert.deepEqual(await deadLettersOf(heir), ['dead 1', 'dead 2']);
      assert.equal((await heir.deadLetters())[0]?.reasonCode, 0x87);
    });
  });

  it('stops where the target is full, drops nothing there, and goes on when there is room', async () => {
    const payloads = Array.from({ length: 20 }, (_, index) => `${index} ${'x'.repeat(100)}`);
    await orphan(payloads);
    const options = { maxBytes: 1000, whenFull: 'dropOldest' } as const;
    await withClient(
      'heir',
      store,
      async (heir) => {
        await publishAll(heir, ['own']);
        const error: unknown = await adoptSession(store, 'orphan', heir).catch((reason: unknown) => reason);
        const { code, moved } = error as { code?: string; moved?: number };
        assert.equal(code, 'ERR_QUEUE_FULL');
        assert.equal(moved, heir.stored.count - 1);
        assert.ok(moved > 3 && moved < 12, `${moved}`);
        assert.deepEqual(await payloadsOf(heir), ['own', ...payloads.slice(0, moved)]);
        // What was taken is gone from the source: whoever uses that now sends none of it again.
        assert.deepEqual(await withClient('orphan', store, payloadsOf), payloads.slice(moved));
      },
      options,
    );
    await withClient('heir', store, async (heir) => {
      const before = heir.stored.count;
      const { messages, duplicates } = await adoptSession(store, 'orphan', heir);
      assert.deepEqual([messages, duplicates], [payloads.length + 1 - before, 0]);
      assert.deepEqual(await payloadsOf(heir), ['own', ...payloads]);
    });
  });

  it('stores nothing behind a message for which there is no room: it would overtake it', async () => {
    const large = 'x'.repeat(2000);
    await orphan(['a', 'b', large, 'c', 'd']);
    await withClient(
      'heir',
      store,
      async (heir) => {
        await assert.rejects(adoptSession(store, 'orphan', heir), { code: 'ERR_QUEUE_FULL', moved: 2 });
        assert.deepEqual(await payloadsOf(heir), ['a', 'b']);
        assert.deepEqual(await withClient('orphan', store, payloadsOf), [large, 'c', 'd']);
      },
      { maxBytes: 1000 },
    );
  });

  it('takes nothing from the session of which nobody knows whether the target has it on the disk', async () => {
    await orphan(['a', 'b', 'c']);
    await withClient('heir', store, async (heir) => {
      const transferred: string[] = [];
      const target = {
        clientId: heir.clientId,
        transferSources: () => [],
        transfer: async (one: Message) => {
          if (transferred.length === 2) throw new Error('no more');
          transferred.push(one.payload.toString());
          return 'stored' as const;
        },
        save: () => Promise.reject(new Error('EIO')),
      } satisfies Partial<TransferTarget>;
      await assert.rejects(adoptSession(store, 'orphan', target as unknown as TransferTarget), { message: 'no more' });
      assert.deepEqual(transferred, ['a', 'b']);
      assert.deepEqual(await withClient('orphan', store, payloadsOf), ['a', 'b', 'c']);
    });
  });

  it('refuses one in use, itself, an unknown one, and one of a newer version, which stays as it is', async () => {
    await withClient('heir', store, async (heir) => {
      await assert.rejects(adoptSession(store, 'heir', heir), { code: 'ERR_SESSION_SAME' });
      await assert.rejects(adoptSession(store, 'nobody', heir), { code: 'ERR_SESSION_UNKNOWN' });
      await orphan(['a']);
      await withClient('orphan', store, async () => {
        await assert.rejects(adoptSession(store, 'orphan', heir), { code: 'ERR_SESSION_LOCKED' });
      });
      const summary = await store.inspect('orphan');
      const snapshot = path.join(
        summary!.directory,
        (await readdir(summary!.directory)).find((name) => /^session\.\d+\.mcps$/.test(name))!,
      );
      const newer = await readFile(snapshot);
      newer.writeUInt16LE(3, 4);
      // With a checksum that does not hold for version 2 either: a newer version wrote it.
      newer[newer.length - 1]! ^= 1;
      newer.writeUInt32LE(0, 28 + newer.readUInt16LE(26));
      await writeFile(snapshot, newer);
      await assert.rejects(adoptSession(store, 'orphan', heir), { code: 'ERR_SESSION_VERSION' });
      assert.deepEqual(await readFile(snapshot), newer);
      assert.equal(heir.stored.count, 0);
    });
  });

  it('leaves the session to whoever used it before it could be deleted', async () => {
    const patient = await openSessionStore({ path: directory(), onNotice: () => undefined });
    await orphan(['a', 'b']);
    await withClient('heir', patient, async (heir) => {
      let used: Promise<unknown> | undefined;
      // It waits in this process until the adoption has closed the session.
      const use = () => withClient('orphan', patient, (client) => publishAll(client, ['new']));
      const transfer: typeof heir.transfer = (...message) => {
        used ??= use();
        return heir.transfer(...message);
      };
      const target: TransferTarget = {
        clientId: heir.clientId,
        transfer,
        transferSources: () => heir.transferSources(),
        endTransfer: (source) => heir.endTransfer(source),
        restoreSubscription: (request) => heir.restoreSubscription(request),
        keepDeadLetter: (key, record) => heir.keepDeadLetter(key, record),
        save: () => heir.save(),
      };
      assert.equal((await adoptSession(patient, 'orphan', target)).deleted, false);
      await used;
      assert.deepEqual(await payloadsOf(heir), ['a', 'b']);
      assert.deepEqual(await withClient('orphan', patient, payloadsOf), ['new']);
      assert.deepEqual((await adoptSession(patient, 'orphan', heir)).deleted, true);
      assert.deepEqual(await payloadsOf(heir), ['a', 'b', 'new']);
    });
    await patient.close();
  });

  it('takes messages off the totals of the session once, also when its dead letters cannot be removed', async () => {
    let isFailing = false;
    const failing = await openSessionStore({
      path: directory(),
      closeWaitMs: 0,
      onNotice: () => undefined,
      fileSystem: {
        ...nodeFileSystem,
        open: async (file, access) => {
          if (isFailing && path.basename(file).startsWith('failed.mcpj.') && path.dirname(file).includes('orphan')) {
            throw Object.assign(new Error('EIO'), { code: 'EIO' });
          }
          return nodeFileSystem.open(file, access);
        },
      },
    });
    await withClient('orphan', failing, async (client) => {
      await publishAll(client, ['a', 'b']);
      await client.keepDeadLetter('1', {
        kind: RecordKind.Failed,
        sequence: 1,
        message: message('dead'),
        enqueuedAt: 1,
        reason: 'refused',
        failedAt: 2,
      });
    });
    await withClient('heir', failing, async (heir) => {
      isFailing = true;
      await assert.rejects(adoptSession(failing, 'orphan', heir), { code: 'EIO', moved: 2 });
      isFailing = false;
    });
    const journal = await failing.open('orphan', sessionCodec, undefined);
    const removals = journal.recovered.records.filter(({ record }) => record.kind === RecordKind.Completed);
    assert.equal(removals.length, 1);
    await journal.close();
    await failing.close();
  });

  it('delivers all of it, in order, to the broker of the target', async () => {
    const payloads = Array.from({ length: 300 }, (_, index) => String(index));
    await orphan(payloads);
    const broker = await Mosquitto.start();
    const observer = await Observer.start({ port: broker.port });
    const connection = { url: broker.url, protocolVersion: 5, clean: false, keepalive: 60 } as const;
    const heir = offlineClient('heir', store, { connection });
    try {
      await heir.open();
      heir.connect();
      await adoptSession(store, 'orphan', heir);
      await waitFor(() => observer.messages.length >= payloads.length, { what: 'all messages' });
      assert.deepEqual(
        observer.messages.map(({ payload }) => payload.toString()),
        payloads,
      );
    } finally {
      await heir.close();
      await observer.stop();
      await broker.remove();
    }
  });
});
