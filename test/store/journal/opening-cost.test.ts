import * as assert from 'node:assert/strict';
import { MemoryDisk } from '../../support/memory-disk';
import { TestStore } from './support';

describe('opening a journal with 100,000 queued messages', () => {
  it('reads one segment, and one more for the first message', async () => {
    const disk = new MemoryDisk();
    const options = { segmentBytes: 256 * 1024 };
    const store = await TestStore.open(disk, options);
    for (let i = 0; i < 100_000; i++) {
      store.append(100);
      if (i % 2000 === 1999) await store.committed();
    }
    await store.checkpoint(1);
    await store.journal.close();
    const backlog = store.journal.statistics();
    assert.ok(backlog.segments > 40);
    const calls = disk.calls;
    disk.bytesRead = 0;
    const again = await TestStore.open(disk, options, store);
    assert.equal(again.records.length, 0);
    const [first] = await again.journal.read(1000, 1);
    assert.equal(first?.sequence, 1001);
    assert.ok(disk.bytesRead < 3 * 256 * 1024, `${disk.bytesRead} bytes were read`);
    const perSegment = (disk.calls - calls) / backlog.segments;
    // Of each its new name.
    assert.ok(perSegment < 2, `${perSegment} calls for each segment`);
    await again.journal.close();
  }).timeout(30_000);
});
