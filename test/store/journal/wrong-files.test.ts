import * as assert from 'node:assert/strict';
import { MemoryDisk } from '../../support/memory-disk';
import { DIRECTORY, TestStore } from './support';

const OPTIONS = { segmentBytes: 500 };

async function usedJournal(checkpoint: boolean): Promise<{ disk: MemoryDisk; store: TestStore; segments: string[] }> {
  const disk = new MemoryDisk();
  const store = await TestStore.open(disk, OPTIONS);
  for (let i = 0; i < 40; i++) {
    store.append(30);
    if (i % 4 === 0) await store.committed();
  }
  await store.committed();
  if (checkpoint) await store.checkpoint(1);
  const segments = store.journal.position().segments.map(({ number }) => `${DIRECTORY}/1-0000000${number}.mcpj`);
  assert.ok(segments.length > 4);
  return { disk: disk.crash('process'), store, segments };
}

describe('a segment that is missing', () => {
  for (const inBacklog of [true, false]) {
    it(`costs its records, is reported, and the rest is kept (${inBacklog ? 'backlog' : 'above the snapshot'})`, async () => {
      const { disk, store, segments } = await usedJournal(inBacklog);
      await disk.remove(segments[2] ?? '');
      const again = await TestStore.open(disk, OPTIONS, store);
      const read = await again.readAll();
      assert.equal(again.durable, 40);
      assert.ok(read.length >= 25 && read.length < 40);
      assert.equal(new Set(read.map((message) => message.sequence)).size, read.length);
      assert.ok(again.notices.some((notice) => notice.level === 'error' && /\d+ to \d+/.test(notice.text)));
      again.append();
      await again.committed();
      await again.journal.close();
    });
  }

  it('at the end is noticed by the snapshot', async () => {
    const { disk, store, segments } = await usedJournal(true);
    await disk.remove(segments.at(-1) ?? '');
    const again = await TestStore.open(disk, OPTIONS, store);
    assert.ok(again.notices.some((notice) => notice.level === 'error'));
    assert.equal(again.next, 41);
    again.append();
    await again.committed();
    await again.journal.close();
  });
});

describe('a file of another session in the place of a segment', () => {
  it('is set aside and never read', async () => {
    const { disk, store, segments } = await usedJournal(false);
    const other = await usedJournal(false);
    disk.place(segments[1] ?? '', other.disk.contents(other.segments[1] ?? ''));
    const again = await TestStore.open(disk, OPTIONS, store);
    for (const { sequence, record } of again.records) assert.ok(store.appended.get(sequence)?.has(record.text));
    assert.ok(again.records.length >= 25 && again.records.length < 40);
    assert.deepEqual(
      again.quarantined.map(({ path }) => path),
      [segments[1]],
    );
    await again.checkpoint();
    await again.journal.close();
  });
});

describe("two segments with each other's name", () => {
  it('are told apart by their headers', async () => {
    const { disk, store, segments } = await usedJournal(false);
    const [first, second] = [
      Buffer.from(disk.contents(segments[1] ?? '')),
      Buffer.from(disk.contents(segments[2] ?? '')),
    ];
    disk.place(segments[1] ?? '', second);
    disk.place(segments[2] ?? '', first);
    const again = await TestStore.open(disk, OPTIONS, store);
    assert.equal(again.records.length, 40);
    assert.equal((await again.readAll()).length, 40);
    await again.checkpoint();
    const third = await TestStore.open(disk.crash('process'), OPTIONS, again);
    await third.assertHolds(40);
    await third.journal.close();
  });
});

describe('an older copy of a segment', () => {
  it('costs what it lacks, and is reported', async () => {
    const { disk, store, segments } = await usedJournal(false);
    const stale = disk.contents(segments[2] ?? '');
    disk.place(segments[2] ?? '', stale.subarray(0, stale.length - 100));
    const again = await TestStore.open(disk, OPTIONS, store);
    assert.ok(again.records.length < 40 && again.records.length > 36);
    assert.ok(again.notices.some((notice) => notice.level === 'error'));
    await again.journal.close();
  });
});

describe('a journal of a newer version', () => {
  it('is refused and left untouched', async () => {
    const { crc32 } = await import('node:zlib');
    const { disk, store, segments } = await usedJournal(false);
    const bytes = disk.contents(segments[2] ?? '');
    bytes.writeUInt16LE(2, 4);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
    const before = (await disk.list(DIRECTORY)).sort();
    await assert.rejects(TestStore.open(disk, OPTIONS, store), { code: 'ERR_SESSION_VERSION' });
    assert.deepEqual((await disk.list(DIRECTORY)).sort(), before);
  });
});

describe('files that are no segments', () => {
  it('are never touched', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk, OPTIONS);
    for (const name of ['failed.mcpj', '1-1.mcpj', '01-00000001.mcpj', 'notes.txt']) {
      disk.place(`${DIRECTORY}/${name}`, Buffer.from('mine'));
    }
    store.append();
    await store.committed();
    await store.journal.close();
    const again = await TestStore.open(disk, OPTIONS, store);
    await again.checkpoint();
    await again.journal.close();
    for (const name of ['failed.mcpj', '1-1.mcpj', '01-00000001.mcpj', 'notes.txt']) {
      assert.equal(disk.contents(`${DIRECTORY}/${name}`).toString(), 'mine');
    }
  });
});
