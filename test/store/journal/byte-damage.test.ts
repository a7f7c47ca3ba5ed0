import * as assert from 'node:assert/strict';
import { MemoryDisk } from '../../support/memory-disk';
import { DIRECTORY, TestStore } from './support';

const OPTIONS = { segmentBytes: 400 };

/** Three segments or more, all records above the snapshot, batches of one to three records. */
async function smallJournal(): Promise<{ disk: MemoryDisk; store: TestStore; segments: string[] }> {
  const disk = new MemoryDisk();
  const store = await TestStore.open(disk, OPTIONS);
  for (let i = 0; i < 8; i++) {
    for (let j = 0; j <= i % 3; j++) store.append(24 + i);
    await store.committed();
  }
  const { segments } = store.journal.position();
  assert.ok(segments.length >= 3);
  const paths = segments.map(({ number }) => `${DIRECTORY}/1-0000000${number}.mcpj`);
  return { disk: disk.crash('process'), store, segments: paths };
}

describe('a flipped bit anywhere in a journal', () => {
  it('is detected, costs at most the record it hits, and is reported when it costs one', async () => {
    const { disk, store, segments } = await smallJournal();
    const lastBatch = store.durableCalls.at(-2) ?? 0;
    for (const segment of segments) {
      for (let offset = 0; offset < disk.contents(segment).length; offset++) {
        const copy = disk.clone(1);
        const bytes = copy.contents(segment);
        bytes[offset] = (bytes[offset] ?? 0) ^ (1 << (offset % 8));
        const where = `${segment} byte ${offset}`;
        let again: TestStore;
        try {
          again = await TestStore.open(copy, OPTIONS, store);
        } catch (error) {
          throw new Error(where, { cause: error });
        }
        for (const { sequence, record } of again.records) {
          assert.ok(store.appended.get(sequence)?.has(record.text), `${where}: ${sequence} is ${record.text}`);
        }
        const kept = again.records.filter(({ sequence }) => sequence <= lastBatch).length;
        assert.ok(kept >= lastBatch - 1, `${where}: kept ${kept} of ${lastBatch}`);
        const lost = again.notices.some((notice) => notice.level === 'error');
        assert.equal(lost, kept < lastBatch, `${where}: ${JSON.stringify(again.notices)}`);
        assert.equal(again.quarantined.length > 0, lost);
        await again.journal.close();
      }
    }
  }).timeout(60_000);

  it('is detected as well while the queue is read, which goes on behind it', async () => {
    const { disk, store, segments } = await smallJournal();
    for (const segment of segments) {
      for (let offset = 0; offset < disk.contents(segment).length; offset++) {
        const again = await TestStore.open(disk.clone(1), OPTIONS, store);
        const bytes = (again.fileSystem as MemoryDisk).contents(segment.replace('/1-', '/2-'));
        bytes[offset] = (bytes[offset] ?? 0) ^ (1 << (offset % 8));
        const read = await again.readAll(100);
        const where = `${segment} byte ${offset}`;
        for (const { sequence, record } of read) {
          assert.ok(store.appended.get(sequence)?.has(record.text), `${where}: ${sequence} is ${record.text}`);
        }
        assert.ok(read.length >= store.durable - 1, `${where}: read ${read.length} of ${store.durable}`);
        assert.equal(again.notices.length, store.durable - read.length, where);
        assert.equal(again.quarantined.length, store.durable - read.length, where);
        await again.journal.close();
      }
    }
  }).timeout(60_000);
});

describe('zeros', () => {
  it('at the end are cut off as a torn tail', async () => {
    const { disk, store, segments } = await smallJournal();
    const last = segments.at(-1) ?? '';
    disk.place(last, Buffer.concat([disk.contents(last), Buffer.alloc(5000)]));
    const again = await TestStore.open(disk, OPTIONS, store);
    assert.equal(again.records.length, store.durable);
    assert.deepEqual(
      again.notices.map((notice) => notice.level),
      ['info'],
    );
    await again.journal.close();
  });

  it('in the middle cost what they hide and nothing else', async () => {
    const { disk, store, segments } = await smallJournal();
    disk.contents(segments[1] ?? '').fill(0, 100, 200);
    const again = await TestStore.open(disk, OPTIONS, store);
    assert.ok(again.records.length >= store.durable - 5);
    assert.ok(again.records.length < store.durable);
    assert.equal(again.durable, store.durable);
    assert.equal(again.notices.filter((notice) => notice.level === 'error').length, 1);
    assert.equal(again.quarantined.length, 1);
    await again.journal.close();
  });
});
