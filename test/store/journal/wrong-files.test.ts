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

describe('files in the backlog, whose headers opening does not read,', () => {
  async function swapped(): Promise<{ disk: MemoryDisk; store: TestStore; segments: string[] }> {
    const used = await usedJournal(true);
    const [path, other] = [used.segments[1] ?? '', used.segments[3] ?? ''];
    const [first, second] = [used.disk.contents(path), used.disk.contents(other)];
    used.disk.place(path, second);
    used.disk.place(other, first);
    return used;
  }

  it("are told apart when they are read, if they have each other's name", async () => {
    const { disk, store } = await swapped();
    const again = await TestStore.open(disk, OPTIONS, store);
    assert.equal((await again.readAll()).length, 40);
    await again.assertHoldsNow();
    assert.deepEqual(
      again.notices.map(({ level }) => level),
      ['warn'],
    );
    assert.deepEqual(again.quarantined, []);
    const third = await TestStore.open(disk.crash('process'), OPTIONS, again);
    await third.assertHolds(40);
    await third.journal.close();
  });

  it('are not removed for one with their name that is no longer needed', async () => {
    const { disk, store, segments } = await swapped();
    const again = await TestStore.open(disk, OPTIONS, store);
    const [, , third] = again.journal.position().segments;
    // The first two segments are dead; the file with the name of the second one holds the fourth.
    await again.checkpoint(third?.firstSequence);
    const names = await disk.list(DIRECTORY);
    assert.equal(names.filter((name) => name.endsWith('.mcpj')).length, segments.length - 2 + 1);
    await again.assertHoldsNow();
    const last = await TestStore.open(disk.crash('process'), OPTIONS, again);
    await last.assertHolds(40);
    assert.deepEqual(
      last.notices.filter(({ level }) => level === 'error'),
      [],
    );
    await last.journal.close();
  });

  it('of another session cost the records in their place, which is reported, and are set aside', async () => {
    const { disk, store, segments } = await usedJournal(true);
    const other = await usedJournal(true);
    const foreign = segments[1] ?? '';
    disk.place(foreign, other.disk.contents(other.segments[1] ?? ''));
    const again = await TestStore.open(disk, OPTIONS, store);
    const read = await again.readAll();
    assert.ok(read.length >= 25 && read.length < 40);
    for (const { sequence, record } of read) assert.ok(store.appended.get(sequence)?.has(record.text));
    const [notice, ...others] = again.notices.filter(({ level }) => level === 'error');
    assert.match(notice?.text ?? '', /records \d+ to \d+ are lost: it belongs to another session/);
    assert.deepEqual([others, again.quarantined.length], [[], 1]);
    await again.journal.close();
  });

  it('of another session are set aside before they are removed unread', async () => {
    const { disk, store, segments } = await usedJournal(true);
    const other = await usedJournal(true);
    disk.place(segments[1] ?? '', other.disk.contents(other.segments[1] ?? ''));
    const again = await TestStore.open(disk, OPTIONS, store);
    await again.checkpoint(41);
    assert.deepEqual(
      again.quarantined.map(({ reason }) => reason),
      ['it belongs to another session'],
    );
    await again.journal.close();
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
