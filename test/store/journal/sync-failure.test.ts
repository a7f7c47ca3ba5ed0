import * as assert from 'node:assert/strict';
import { MemoryDisk } from '../../support/memory-disk';
import { TestStore } from './support';

describe('a sync that fails', () => {
  for (const durability of ['always', 'interval'] as const) {
    it(`is answered by writing all of it again to a new segment (${durability})`, async () => {
      for (let seed = 1; seed <= 20; seed++) {
        const disk = new MemoryDisk();
        let store = await TestStore.open(disk, { durability });
        store.append();
        store.append();
        await store.committed();
        await store.journal.synced(2);
        disk.fail({ operation: 'sync', code: 'EIO', times: 1 });
        store.append(40);
        store.append(50);
        await store.committed();
        store.append();
        await store.committed();
        await store.journal.synced(5);
        assert.deepEqual(store.failures, []);
        assert.equal(store.notices.length, 1);
        await store.assertHoldsNow();
        store = await TestStore.open(disk.crash('power', seed), {}, store);
        await store.assertHolds(5);
        assert.deepEqual(store.notices, []);
        await store.journal.close();
      }
    });
  }

  it('hands the records back when writing them again fails as well', async () => {
    const disk = new MemoryDisk();
    let store = await TestStore.open(disk);
    store.append();
    await store.committed();
    disk.fail({ operation: 'sync', code: 'EIO', times: 2 });
    const text = store.append();
    await assert.rejects(store.committed(), { code: 'EIO' });
    assert.deepEqual(
      store.failures[0]?.records.map(({ record }) => record.text),
      [text],
    );
    const other = store.append(44);
    store.scheduler.advance(1000);
    await store.committed();
    for (let seed = 1; seed <= 20; seed++) {
      const again = await TestStore.open(disk.crash('power', seed), {}, store);
      assert.deepEqual(
        again.records.map(({ record }) => record.text).slice(1),
        [other],
        'what was handed back does not come again in its place',
      );
      await again.journal.close();
    }
    store = await TestStore.open(disk.crash('process'), {}, store);
    await store.assertHolds(2);
    await store.journal.close();
  });

  it('keeps what was reported before the sync, and tries until it is safe', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk, { durability: 'interval' });
    for (let i = 0; i < 3; i++) store.append();
    await store.committed();
    const repair = disk.fail({ operation: 'sync', code: 'EIO' });
    store.scheduler.advance(1000);
    await new Promise(setImmediate);
    store.append();
    store.scheduler.advance(1000);
    await assert.rejects(store.committed(), { code: 'EIO' });
    repair();
    store.append();
    store.scheduler.advance(1000);
    await store.committed();
    await store.journal.synced(4);
    for (let seed = 1; seed <= 10; seed++) {
      const again = await TestStore.open(disk.crash('power', seed), {}, store);
      await again.assertHolds(4);
      await again.journal.close();
    }
  });

  for (const durability of ['always', 'interval', 'os'] as const) {
    it(`before a kill does not deceive the next process, for which a further sync would succeed (${durability})`, async () => {
      for (let seed = 1; seed <= 20; seed++) {
        const disk = new MemoryDisk(seed);
        let store = await TestStore.open(disk, { durability });
        store.append();
        await store.committed();
        await store.journal.synced(1);
        disk.fail({ operation: 'sync', code: 'EIO' });
        store.append();
        store.append();
        await assert.rejects(store.journal.synced(3), { code: 'EIO' });

        const killed = disk.crash('process');
        store = await TestStore.open(killed, { durability }, store);
        store.append();
        await store.committed();
        await store.journal.synced(store.durable);
        const promised = store.durable;
        store = await TestStore.open(killed.crash('power', seed), {}, store);
        await store.assertHolds(promised);
        assert.deepEqual(store.notices, []);
        await store.journal.close();
      }
    });
  }
});
