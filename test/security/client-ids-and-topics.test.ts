import * as assert from 'node:assert/strict';
import * as path from 'node:path';
import { RecordKind, type SessionRecord } from '../../src/session/records';
import { sessionCodec } from '../../src/session/session-codec';
import { isSessionDirectoryName, sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore } from '../../src/store/session-store';
import { MemoryDisk } from '../support/memory-disk';
import { Random } from './fuzz/random';
import { recording } from './recording';

const PARTS = [
  ...['..', '.', '/', '\\', ':', '*', '?', '"', '<', '>', '|', '%2e%2e', '~', '-', ' ', '\t', '\n', '\u0000', '\u007f'],
  ...[
    'CON',
    'con',
    'NUL',
    'COM1',
    'LPT9.txt',
    'aux.',
    'C:',
    '\\\\?\\',
    '$MFT',
    '__proto__',
    'constructor',
    'quarantine',
  ],
  ...[
    'é',
    'e\u0301',
    'Å',
    '\u212b',
    'ﬁ',
    'fi',
    'ß',
    'SS',
    'İ',
    'i\u0307',
    'ı',
    '日本',
    '𝄞',
    '😀',
    '👨\u200d👩',
    '\u202e',
    '\ufeff',
    '\uffff',
  ],
  ...['a', 'A', 'b', 'Z', '0', 'client-ids.json', 'lock', 'reserve', '.deleted-00000000-a'],
];
const BYTES_MAX = 65_535;

function clientIdOf(random: Random): string {
  let text = '';
  for (let count = 1 + random.below(6); count > 0; count--) text += random.pick(PARTS);
  if (random.chance(0.01)) text = text.repeat(Math.floor(BYTES_MAX / Buffer.byteLength(text)));
  return text;
}

/** Texts that a file system might take for the same name. */
function alike(text: string): string[] {
  return [
    text.toUpperCase(),
    text.toLowerCase(),
    ...(['NFC', 'NFD', 'NFKC', 'NFKD'] as const).map((form) => text.normalize(form)),
    ...[`${text}.`, `${text} `, ` ${text}`, `${text}/`, `./${text}`, `x/../${text}`, `${text}\u0000`],
  ].filter((other) => Buffer.byteLength(other) <= BYTES_MAX);
}

/** As the least distinguishing file system has it. */
function folded(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[. ]+$/, '');
}

describe('client ids and topics of any bytes', () => {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));

  it(`have directories that never meet, and are below the storage path (SEED=${seed})`, function () {
    this.timeout(30_000);
    const random = new Random(seed);
    const names = new Map<string, string>();
    for (let count = 0; count < 2_000; count++) {
      const clientId = clientIdOf(random);
      for (const one of [clientId, ...alike(clientId)]) {
        const name = sessionDirectoryName(one);
        assert.ok(isSessionDirectoryName(name) && name.length <= 73, JSON.stringify(one.slice(0, 50)));
        assert.match(name, /^[A-Za-z0-9_-]+~[0-9a-f]{32}$/);
        for (const { join, dirname } of [path.posix, path.win32]) assert.equal(dirname(join('/s', name)), join('/s'));
        const known = names.get(folded(name));
        assert.ok(known === undefined || known === one, `${JSON.stringify([known, one])} are both ${name}`);
        names.set(folded(name), one);
      }
    }
    assert.ok(names.size > 5_000, `${names.size} different ones`);
  });

  it(`are sessions of their own, for which no path outside is touched (SEED=${seed})`, async function () {
    this.timeout(30_000);
    const random = new Random(seed + 1);
    const disk = new MemoryDisk();
    const { fileSystem, calls } = recording(disk);
    const store = await openSessionStore({ path: '/store', fileSystem, onNotice: () => undefined });
    const clientIds = new Set<string>(['../../etc/passwd', '..', '/', 'a', 'A', '字'.repeat(21_845)]);
    while (clientIds.size < 60) clientIds.add(clientIdOf(random));
    for (const clientId of clientIds) {
      const session = await store.open(clientId, sessionCodec, undefined);
      const message = {
        topic: `${clientId}/x`.slice(0, 20_000),
        payload: Buffer.from(clientId),
        qos: 1,
        retain: false,
      };
      const record = { kind: RecordKind.Enqueued, message, enqueuedAt: 1 } as SessionRecord;
      await new Promise<void>((resolve, reject) => {
        session.events = { durable: () => resolve(), failed: reject, checkpointDue: () => undefined, lost: reject };
        session.append(1, record);
      });
      await session.deadLetters.keep('key', { ...record, ...failed } as SessionRecord);
      await session.close();
      await store.generateClientId(clientId);
    }
    for (const clientId of clientIds) {
      const session = await store.open(clientId, sessionCodec, undefined);
      const [stored] = await session.read(0, 10);
      const record = stored?.record;
      assert.ok(record !== undefined && 'message' in record);
      assert.equal(record.message.payload.toString(), clientId);
      assert.equal(record.message.topic, `${clientId}/x`.slice(0, 20_000));
      assert.equal((await session.deadLetters.list(0, 10)).length, 1);
      await session.close();
    }
    assert.equal((await store.list()).length, clientIds.size);
    assert.equal((await store.generatedClientIds()).size, clientIds.size);
    // A damaged one, and all deleted.
    for (const clientId of clientIds) {
      const directory = path.join('/store', sessionDirectoryName(clientId));
      if (random.chance(0.2)) disk.place(`${directory}/session.99.mcps`, Buffer.from('no snapshot'));
      await (await store.open(clientId, sessionCodec, undefined)).close();
      assert.equal(await store.delete(clientId), true);
    }
    await store.cleanUp();
    await store.close();
    assert.ok(calls.length > 3_000 && calls.some(({ path: one }) => one.startsWith('/store/quarantine/')));
    for (const { operation, path: one } of calls) {
      // The directory around the storage path is synced, so that the storage path itself is durable.
      if (operation === 'syncDirectory' && one === '/') continue;
      assert.equal(path.resolve(one), one);
      assert.ok(one === '/store' || one.startsWith('/store/'), `${operation} ${one}`);
    }
  });
});

const failed = { kind: RecordKind.Failed, sequence: 1, reason: 'refused', failedAt: 1 } as const;
