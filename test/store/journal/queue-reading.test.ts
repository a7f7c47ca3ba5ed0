import * as assert from 'node:assert/strict';
import { MemoryDisk } from '../../support/memory-disk';
import { MESSAGE, STATE, TestStore } from './support';

describe('reading the queue', () => {
  it('crosses segments, skips state records, and asks for a snapshot when a segment is behind it', async () => {
    const store = await TestStore.open(new MemoryDisk(), { segmentBytes: 600 });
    for (let i = 0; i < 60; i++) store.append(20, i % 3 === 1 ? STATE : MESSAGE);
    await store.committed();
    const due = store.checkpointsDue;
    for (const maxBytes of [1, 100, 1_000_000]) {
      const read = await store.readAll(maxBytes);
      assert.equal(read.length, 40);
      assert.deepEqual(
        read.map((message) => message.sequence),
        Array.from({ length: 60 }, (_, index) => index + 1).filter((sequence) => sequence % 3 !== 2),
      );
    }
    assert.ok(store.checkpointsDue > due);
    await store.journal.close();
  });

  it('gives only what is durable, and more when more is', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk);
    store.append();
    await store.committed();
    let inSync = 0;
    disk.onCall = async (_call, operation) => {
      if (operation === 'sync') inSync = (await store.readAll()).length;
    };
    store.append();
    await store.committed();
    assert.equal(inSync, 1);
    assert.equal((await store.readAll()).length, 2);
    assert.deepEqual(await store.journal.read(2, 100), []);
    await store.journal.close();
  });

  it('starts anywhere, also before where it stopped', async () => {
    const store = await TestStore.open(new MemoryDisk(), { segmentBytes: 500 });
    for (let i = 0; i < 50; i++) store.append();
    await store.committed();
    for (const after of [49, 0, 25, 26, 3, 48, 50]) {
      const [first] = await store.journal.read(after, 1);
      assert.equal(first?.sequence, after === 50 ? undefined : after + 1);
    }
    await store.journal.close();
  });

  it('reads each byte once when it goes on where it stopped, also over state records at the end', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk, { segmentBytes: 100_000 });
    for (let i = 0; i < 1000; i++) store.append(100);
    for (let i = 0; i < 100; i++) store.append(100, STATE);
    await store.committed();
    disk.bytesRead = 0;
    assert.equal((await store.readAll(300)).length, 1000);
    assert.equal((await store.journal.read(1000, 1)).length, 0);
    assert.equal((await store.journal.read(1000, 1)).length, 0);
    assert.ok(disk.bytesRead < store.journal.statistics().journalBytes * 1.1, `${disk.bytesRead}`);
    await store.journal.close();
  });

  it('returns messages that do not hold on to what was read around them', async () => {
    const store = await TestStore.open(new MemoryDisk(), {
      codec: {
        kind: () => MESSAGE,
        size: () => 50,
        write: (_r, _t, offset) => offset + 50,
        read: (_k, body) => body as never,
      },
    });
    for (let i = 0; i < 1000; i++) store.append();
    await store.committed();
    for (const { record } of await store.journal.read(0, 1e6)) {
      assert.ok((record as unknown as Buffer).buffer.byteLength <= Buffer.poolSize);
    }
    await store.journal.close();
  });

  it('passes an error of the disk on and can be repeated', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk);
    for (let i = 0; i < 10; i++) store.append();
    await store.committed();
    disk.fail({ operation: 'read', code: 'EIO', times: 1 });
    await assert.rejects(store.journal.read(0, 100), { code: 'EIO' });
    assert.equal((await store.readAll()).length, 10);
    await store.journal.close();
  });

  it('goes on behind a segment that vanished, and says once what is lost', async () => {
    const disk = new MemoryDisk();
    const store = await TestStore.open(disk, { segmentBytes: 500 });
    for (let i = 0; i < 50; i++) store.append();
    await store.committed();
    await disk.remove('/session/1-00000002.mcpj');
    const read = await store.readAll();
    assert.ok(read.length < 50 && read.length > 30);
    await store.readAll();
    assert.equal(store.notices.length, 1);
    await store.journal.close();
  });
});

describe('large records', () => {
  it('are written, read and recovered beside small ones, whatever the size of a segment', async () => {
    const disk = new MemoryDisk();
    let store = await TestStore.open(disk, { segmentBytes: 10_000 });
    const sizes = [10, 3_000_000, 20, 100_000, 9_000, 70_000, 5, 1_500_000, 9];
    for (const size of sizes) {
      store.append(size);
      if (size === 9_000) await store.committed();
    }
    await store.committed();
    const lengths = async () => (await store.readAll(1)).map((message) => Math.max(message.record.text.length, 30));
    const expected = sizes.map((size) => Math.max(size, 30));
    assert.deepEqual(await lengths(), expected);
    store = await TestStore.open(disk.crash('power', 3), { segmentBytes: 10_000 }, store);
    assert.deepEqual(await lengths(), expected);
    await store.assertHolds(sizes.length);
    await store.journal.close();
  });
});
