import * as assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { openJournal } from '../../../src/store/journal/open-journal';
import { nodeFileSystem } from '../../../src/store/node-file-system';
import { systemScheduler } from '../../../src/store/scheduler';
import { SyncLimiter } from '../../../src/store/sync-limiter';
import { MemoryDisk } from '../../support/memory-disk';
import { MESSAGE, STATE, type TestRecord, TestStore, testCodec } from './support';

describe('a journal that is closed and opened again', () => {
  for (const durability of ['always', 'interval', 'os'] as const) {
    it(`gives back every record in order (${durability})`, async () => {
      const disk = new MemoryDisk();
      const store = await TestStore.open(disk, { durability, segmentBytes: 1000 });
      for (let i = 0; i < 100; i++) {
        store.append(10 + (i % 50), i % 3 === 0 ? STATE : MESSAGE);
        if (i % 7 === 0) await store.committed();
      }
      await store.journal.close();
      assert.equal(store.durable, 100);
      const again = await TestStore.open(disk, { durability, segmentBytes: 1000 }, store);
      assert.equal(again.records.length, 100);
      assert.deepEqual(again.notices, []);
      const messages = await again.readAll();
      assert.deepEqual(
        messages.map((message) => message.sequence),
        again.records.filter(({ record }) => record.kind === MESSAGE).map((record) => record.sequence),
      );
      await again.journal.close();
    });
  }

  it('gives back only what is above the snapshot, and reads the queue below it', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk, { segmentBytes: 1000 });
    for (let i = 0; i < 60; i++) store.append(40);
    await store.committed();
    await store.checkpoint(1, 50);
    await store.journal.close();
    const again = await TestStore.open(disk, { segmentBytes: 1000 }, store);
    assert.deepEqual(
      again.records.map((record) => record.sequence),
      [51, 52, 53, 54, 55, 56, 57, 58, 59, 60],
    );
    assert.equal((await again.readAll()).length, 60);
    await again.journal.close();
  });

  it('works on real files', async () => {
    const directory = await fs.mkdtemp(path.join(os.tmpdir(), 'journal-'));
    try {
      const options = {
        fileSystem: nodeFileSystem,
        scheduler: systemScheduler,
        directory,
        codec: testCodec,
        uid: randomBytes(16),
        durability: 'always' as const,
        syncLimiter: new SyncLimiter(2),
        verifyHolder: async () => undefined,
        quarantine: async () => undefined,
        notice: () => undefined,
        segmentBytes: 2000,
        stateSequence: 0,
      };
      const { journal } = await openJournal<TestRecord>({ ...options, epoch: 1, position: undefined });
      await new Promise<void>((resolve, reject) => {
        journal.events = {
          durable: (sequence) => sequence === 200 && resolve(),
          failed: reject,
          lost: reject,
          checkpointDue: () => undefined,
        };
        for (let sequence = 1; sequence <= 200; sequence++)
          journal.append(sequence, { kind: MESSAGE, text: `m${sequence}` });
      });
      const position = journal.position();
      await journal.close();
      const again = await openJournal<TestRecord>({ ...options, epoch: 2, position });
      again.journal.events = journal.events;
      assert.equal(again.records.length, 200);
      const read = await again.journal.read(150, 1e6);
      assert.deepEqual(
        read.map(({ record }) => record.text),
        Array.from({ length: 50 }, (_, index) => `m${151 + index}`),
      );
      await again.journal.close();
    } finally {
      await fs.rm(directory, { recursive: true });
    }
  });
});
