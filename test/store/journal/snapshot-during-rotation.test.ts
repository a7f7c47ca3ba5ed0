import * as assert from 'node:assert/strict';
import { MemoryDisk } from '../../support/memory-disk';
import { DIRECTORY, TestStore } from './support';

describe('a segment that ends while a snapshot is written', () => {
  it('is kept, because the snapshot lists it', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk, { segmentBytes: 500 });
    for (let i = 0; i < 8; i++) store.append(40);
    await store.committed();
    const remove = disk.remove.bind(disk);
    const removed: string[] = [];
    disk.remove = async (file) => {
      removed.push(file);
      await remove(file);
    };
    let listed: number[] = [];
    await store.journal.checkpoint(8, 9, async (position) => {
      listed = position.segments.map(({ number }) => number);
      for (let i = 0; i < 30; i++) store.append(40);
      await store.committed();
    });
    assert.ok(store.journal.position().segments.length > listed.length, 'segments ended meanwhile');
    assert.ok(removed.length > 0);
    for (const number of listed) assert.ok(!removed.includes(`${DIRECTORY}/1-0000000${number}.mcpj`));
    await store.journal.close();
  });
});
