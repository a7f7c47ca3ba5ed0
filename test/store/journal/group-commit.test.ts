import * as assert from 'node:assert/strict';
import { MemoryDisk } from '../../support/memory-disk';
import { TestStore } from './support';

describe('group commit', () => {
  it('writes what one tick appends with one write and one sync', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk);
    const before = store.journal.statistics();
    for (let i = 0; i < 100; i++) store.append();
    await store.committed();
    const after = store.journal.statistics();
    assert.equal(after.writes - before.writes, 1);
    assert.equal(after.syncs - before.syncs, 1);
    assert.deepEqual(store.durableCalls, [100]);
    await store.journal.close();
  });

  it('gathers what arrives during a sync into the next write', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk);
    disk.onCall = (_call, operation) => {
      if (operation === 'sync' && store.next < 50) for (let i = 0; i < 10; i++) store.append();
    };
    store.append();
    await store.until(() => store.durable >= 51);
    assert.deepEqual(store.durableCalls, [1, 11, 21, 31, 41, 51]);
    await store.journal.close();
  });

  it('asks whether the session is still ours after the sync and before it reports', async () => {
    const order: string[] = [];
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk, { verifyHolder: async () => void order.push('verify') });
    disk.onCall = (_call, operation) => void order.push(operation);
    const { events } = store.journal;
    assert.ok(events);
    store.journal.events = {
      ...events,
      durable(sequence) {
        order.push('durable');
        events.durable(sequence);
      },
    };
    store.append();
    await store.committed();
    assert.deepEqual(order, ['write', 'sync', 'verify', 'durable']);
    await store.journal.close();
  });

  it('writes nothing while idle', async () => {
    for (const durability of ['always', 'interval', 'os'] as const) {
      const disk = new MemoryDisk();
      const store = await TestStore.open(disk, { durability });
      store.append();
      await store.committed();
      await store.checkpoint();
      const calls = disk.calls;
      store.scheduler.advance(3_600_000);
      await new Promise(setImmediate);
      assert.equal(disk.calls, calls);
      assert.equal(store.scheduler.pending, 0);
      await store.journal.close();
    }
  });

  it('syncs once a second with the setting interval, and reports before', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk, { durability: 'interval' });
    const syncs = store.journal.statistics().syncs;
    for (let i = 0; i < 5; i++) {
      store.append();
      await store.committed();
    }
    assert.equal(store.journal.statistics().syncs, syncs);
    const synced = store.journal.statistics().writes;
    store.scheduler.advance(1000);
    await new Promise(setImmediate);
    assert.equal(store.journal.statistics().syncs, syncs + 1);
    assert.equal(store.journal.statistics().writes, synced);
    await store.journal.close();
  });

  it('syncs before a snapshot whatever the setting', async () => {
    for (const durability of ['interval', 'os'] as const) {
      const disk = new MemoryDisk();
      const store = await TestStore.open(disk, { durability });
      store.append();
      await store.committed();
      await store.checkpoint();
      store.append();
      await store.committed();
      await store.journal.synced(2);
      const found = disk.crash('power', 3);
      const again = await TestStore.open(found, {}, store);
      await again.assertHolds(2);
      await again.journal.close();
    }
  });

  it('begins a snapshot when the records that it includes are synced, and not before', async () => {
    for (const durability of ['always', 'interval', 'os'] as const) {
      const disk = new MemoryDisk();
      const store = await TestStore.open(disk, { durability });
      store.append();
      await store.committed();
      const order: string[] = [];
      disk.onCall = (_call, operation, path) => void (path.endsWith('.mcpj') && order.push(operation));
      store.append();
      await store.journal.checkpoint(2, 1, async () => void order.push('snapshot'));
      assert.deepEqual(order.slice(0, 3), ['write', 'sync', 'snapshot'], durability);
      await store.journal.close();
    }
  });

  it('reports nothing before write() has returned, whatever the setting', async () => {
    for (const durability of ['always', 'interval', 'os'] as const) {
      const disk = new MemoryDisk();
      const store = await TestStore.open(disk, { durability });
      let release: () => void = () => undefined;
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const writing = new Promise<void>((resolve) => {
        disk.onCall = (_call, operation) => {
          if (operation !== 'write') return undefined;
          resolve();
          return released;
        };
      });
      store.append();
      await writing;
      assert.deepEqual(store.durableCalls, [], durability);
      disk.onCall = undefined;
      release();
      await store.committed();
      assert.deepEqual(store.durableCalls, [1], durability);
      await store.journal.close();
    }
  });

  it('hands nothing back that is on the disk, whatever a listener throws', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk);
    const { events } = store.journal;
    assert.ok(events);
    store.journal.events = {
      ...events,
      durable(sequence) {
        events.durable(sequence);
        throw new Error('not a fault of the disk');
      },
    };
    disk.onCall = (_call, operation) => {
      if (operation === 'sync' && store.next === 2) store.append();
    };
    store.append();
    await store.until(() => store.lost !== undefined || store.failures.length > 0);
    assert.match(String(store.lost), /not a fault of the disk/);
    assert.deepEqual(store.failures, []);
    assert.deepEqual(store.durableCalls, [1]);
  });

  it('refuses a sequence out of turn, and keeps working', async () => {
    const store = await TestStore.open(new MemoryDisk());
    store.append();
    assert.throws(() => store.journal.append(5, { kind: 1, text: '' }), TypeError);
    store.append();
    await store.committed();
    await store.journal.close();
    assert.throws(() => store.append(), { code: 'ERR_JOURNAL_CLOSED' });
  });
});
