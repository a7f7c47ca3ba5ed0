import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { RecordKind, type SessionRecord } from '../../src/session/records';
import { sessionCodec } from '../../src/session/session-codec';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore } from '../../src/store/session-store';
import { temporaryDirectory } from '../store/support';
import { recording } from './recording';

/** How a message is kept in a journal, or as a dead letter. */
function record(number: number): SessionRecord {
  const message = { topic: 't', payload: Buffer.alloc(200, number), qos: 1, retain: false } as const;
  return { kind: RecordKind.Enqueued, message, enqueuedAt: 1 };
}
const failure = { kind: RecordKind.Failed, sequence: 1, reason: 'refused', failedAt: 1 } as const;

describe('every file that is ever made in a storage path', () => {
  const directory = temporaryDirectory();
  const umask = process.umask();
  afterEach(() => {
    process.umask(umask);
  });

  it("is the owner's alone from the moment at which it is there, temporary ones included", async function () {
    if (process.platform === 'win32') this.skip();
    process.umask(0);
    const made = new Map<string, string>();
    const { fileSystem } = recording(nodeFileSystem, ({ operation, path: file, access }) => {
      const isDirectory = operation === 'makeDirectory';
      if (!isDirectory && !(operation === 'open' && access === 'create')) return;
      const mode = fs.lstatSync(file).mode & 0o777;
      assert.equal(mode.toString(8), isDirectory ? '700' : '600', file);
      made.set(
        path
          .relative(directory(), file)
          .replace(/[0-9a-f]{8,}/g, '#')
          .replace(/\d+/g, '#'),
        file,
      );
    });
    const store = await openSessionStore({
      path: path.join(directory(), 'a/b/sessions'),
      fileSystem,
      segmentBytes: 1_000,
      onNotice: () => undefined,
    });
    await store.generateClientId('node');
    const session = await store.open('plant', sessionCodec, undefined);
    let durable: (sequence: number) => void = () => undefined;
    session.events = {
      durable: (sequence) => durable(sequence),
      failed: () => undefined,
      checkpointDue: () => undefined,
      lost: () => undefined,
    };
    for (let sequence = 1; sequence <= 20; sequence++) {
      const stored = new Promise<void>((resolve) => {
        durable = (upTo) => upTo >= sequence && resolve();
      });
      session.append(sequence, record(sequence));
      await stored;
    }
    await session.checkpoint({ ...session.recovered.state, sequence: 20 }, session.recovered.metadata, 1);
    for (const key of ['1', '2']) await session.deadLetters.keep(key, { ...record(1), ...failure } as SessionRecord);
    await session.deadLetters.remove([1, 2]);
    await session.close();
    const place = path.join(store.path, sessionDirectoryName('plant'));
    const [snapshot = ''] = fs.readdirSync(place).filter((name) => name.endsWith('.mcps'));
    fs.writeFileSync(path.join(place, snapshot), 'no snapshot');
    await (await store.open('plant', sessionCodec, undefined)).close();
    fs.writeFileSync(path.join(place, 'foreign'), 'foreign');
    await store.delete('plant');
    await store.cleanUp();
    await store.close();
    const kinds = [...made.keys()].join('\n');
    for (const part of [
      'quarantine',
      'lock',
      'reserve',
      'client-ids.json',
      'failed.mcpj',
      '.mcpj',
      '.mcps',
      '.probe-',
    ]) {
      assert.ok(kinds.includes(part), `${part} was not made:\n${kinds}`);
    }
  });
});
