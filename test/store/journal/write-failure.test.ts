import * as assert from 'node:assert/strict';
import { MemoryDisk } from '../../support/memory-disk';
import { STATE, TestStore } from './support';

describe('a write that fails', () => {
  for (const partial of [0, 1, 40, 100]) {
    it(`hands back what is not durable and goes on at the last good place (${partial} bytes written)`, async () => {
      const disk = new MemoryDisk();
      let store = await TestStore.open(disk);
      store.append();
      await store.committed();
      disk.fail({ operation: 'write', code: 'EIO', times: 1, partial });
      const texts = [store.append(), store.append(50)];
      await assert.rejects(store.committed(), { code: 'EIO' });
      assert.deepEqual(
        store.failures[0]?.records.map(({ sequence, record }) => [sequence, record.text]),
        [
          [2, texts[0]],
          [3, texts[1]],
        ],
      );
      assert.equal(store.journal.failure, store.failures[0]?.error);
      const again = store.append(30);
      store.scheduler.advance(1000);
      await store.committed();
      assert.equal(store.journal.failure, undefined);
      assert.deepEqual((await store.readAll()).map((message) => message.record.text).slice(1), [again]);
      store = await TestStore.open(disk.crash('power', 7), {}, store);
      await store.assertHolds(2);
      assert.deepEqual(store.notices, []);
      await store.journal.close();
    });
  }

  it('leaves the disk alone for a second, also when more is appended at once', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk);
    disk.fail({ operation: 'write', code: 'EIO', times: 1 });
    store.append();
    await assert.rejects(store.committed());
    const calls = disk.calls;
    store.append();
    store.scheduler.advance(999);
    await new Promise(setImmediate);
    assert.equal(disk.calls, calls);
    store.scheduler.advance(1);
    await store.committed();
    await store.journal.close();
  });

  it('never takes what it left behind for records, even where it could not be cut off', async () => {
    const disk = new MemoryDisk();
    let store = await TestStore.open(disk);
    store.append();
    await store.committed();
    // The first batch reaches the disk nearly whole; the second has records of the same size in the same place.
    disk.fail({ operation: 'write', code: 'EIO', times: 1, partial: 200 });
    disk.fail({ operation: 'truncate', code: 'EIO' });
    for (let i = 0; i < 5; i++) store.append(30);
    await assert.rejects(store.committed());
    store.append(30);
    store.scheduler.advance(1000);
    await store.committed();
    store = await TestStore.open(disk.crash('process'), {}, store);
    await store.assertHolds(2);
    assert.equal(store.durable, 2);
    assert.equal((await store.readAll()).length, 2);
    await store.journal.close();
  });

  it('reports what cannot be committed at close', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk);
    store.append();
    disk.fail({ operation: 'write', code: 'EIO' });
    await assert.rejects(store.journal.close(), { code: 'EIO' });
    assert.equal(store.failures[0]?.records.length, 1);
  });
});

describe('a full disk', () => {
  it('refuses messages and works again when there is room', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk);
    store.append(200);
    await store.committed();
    disk.capacity = disk.used + 150;
    store.append(200);
    await assert.rejects(store.committed(), { code: 'ENOSPC' });
    disk.capacity = Number.POSITIVE_INFINITY;
    store.append(200);
    store.scheduler.advance(1000);
    await store.committed();
    assert.equal((await store.readAll()).length, 2);
    const again = await TestStore.open(disk.crash('power', 5), {}, store);
    await again.assertHolds(2);
    await again.journal.close();
  });

  it('still takes state records, from the reserve, and fills the reserve again later', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk, { reserveBytes: 128 * 1024, segmentBytes: 10_000 });
    store.append(3000);
    await store.committed();
    disk.capacity = disk.used;
    store.append(200);
    await assert.rejects(store.committed(), { code: 'ENOSPC' });
    store.scheduler.advance(1000);
    for (let i = 0; i < 1000; i++) {
      store.append(60, STATE);
      if (i % 10 === 0) await store.committed();
    }
    await store.committed();
    assert.ok(disk.contents('/session/reserve').length < 128 * 1024);
    assert.equal(store.failures.length, 1);
    disk.capacity = Number.POSITIVE_INFINITY;
    await store.checkpoint(store.next);
    assert.equal(disk.contents('/session/reserve').length, 128 * 1024);
    const again = await TestStore.open(disk.crash('process'), {}, store);
    await again.assertHolds(1001);
    await again.journal.close();
  });

  it('is emptied by draining alone: removals are written, a snapshot follows, segments are freed', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk, { reserveBytes: 64 * 1024, segmentBytes: 10_000 });
    for (let i = 0; i < 100; i++) {
      store.append(900);
      await store.committed();
    }
    disk.capacity = disk.used;
    const used = disk.used;
    store.append(10, STATE);
    await store.committed();
    await store.checkpoint(90);
    assert.ok(disk.used < used - 50_000);
    store.append(900);
    await store.committed();
    await store.journal.close();
  });

  it('that tells so only at the sync still takes state records', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk, { reserveBytes: 128 * 1024 });
    disk.fail({ operation: 'sync', code: 'ENOSPC', times: 2 });
    store.append(20, STATE);
    await store.committed();
    assert.deepEqual(store.failures, []);
    assert.equal(disk.contents('/session/reserve').length, 64 * 1024);
    await store.journal.close();
  });

  it('does not keep a session from being opened and drained', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk, { reserveBytes: 128 * 1024 });
    for (let i = 0; i < 10; i++) store.append(900);
    await store.committed();
    await store.journal.close();
    const full = disk.crash('process');
    full.capacity = full.used;
    const again = await TestStore.open(full, { reserveBytes: 128 * 1024 }, store);
    assert.equal((await again.readAll()).length, 10);
    again.append(20, STATE);
    await again.committed();
    await again.checkpoint(11);
    await again.journal.close();
  });
});
