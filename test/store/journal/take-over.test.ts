import * as assert from 'node:assert/strict';
import { MemoryDisk } from '../../support/memory-disk';
import { DIRECTORY, TestStore } from './support';

const OPTIONS = { segmentBytes: 500 };

async function usedJournal(): Promise<{ disk: MemoryDisk; store: TestStore }> {
  const disk = new MemoryDisk();
  const store = await TestStore.open(disk, OPTIONS);
  for (let i = 0; i < 30; i++) {
    store.append(30);
    if (i % 4 === 0) await store.committed();
    if (i === 12) await store.checkpoint(4);
  }
  await store.committed();
  return { disk, store };
}

describe('a take-over', () => {
  it('that is interrupted at any call is repeated by the next one', async () => {
    const { disk, store } = await usedJournal();
    const torn = disk.clone(1);
    const last = (await torn.list(DIRECTORY))
      .filter((name) => name.endsWith('.mcpj'))
      .sort()
      .at(-1);
    torn.place(`${DIRECTORY}/${last}`, Buffer.concat([torn.contents(`${DIRECTORY}/${last}`), Buffer.alloc(99, 7)]));
    const counted = torn.clone(1);
    await TestStore.open(counted, OPTIONS, store);
    for (let call = 1; call <= counted.calls; call++) {
      for (const kind of ['process', 'power'] as const) {
        const copy = torn.clone(1);
        const stopped = copy.stopAt(call);
        await Promise.race([stopped, TestStore.open(copy, OPTIONS, store)]);
        let found = copy.crash(kind, call);
        // Twice, the second time elsewhere.
        const again = found.stopAt(((call * 7) % counted.calls) + 1);
        await Promise.race([again, TestStore.open(found, OPTIONS, store)]);
        found = found.crash(kind, call + 1);
        const third = await TestStore.open(found, OPTIONS, store);
        await third.assertHolds(30);
        assert.ok(third.notices.every((notice) => notice.level === 'info'));
        await third.checkpoint(third.neededFrom);
        const files = (await found.list(DIRECTORY)).filter((name) => name.endsWith('.mcpj'));
        assert.equal(files.length, third.journal.statistics().segments, `left over: ${files.join(', ')}`);
        await third.journal.close();
      }
    }
  }).timeout(60_000);

  it('is not disturbed by what the former holder still appends, and tells it before it reports', async () => {
    const { disk, store: former } = await usedJournal();
    let isOurs = true;
    const verifyHolder = async () => {
      if (!isOurs) throw new Error('taken over');
    };
    await former.journal.close();
    const holder = await TestStore.open(disk, { ...OPTIONS, verifyHolder }, former);
    const before = holder.durable;
    isOurs = false;
    const taker = await TestStore.open(disk, OPTIONS, holder);
    holder.append(33);
    await assert.rejects(holder.committed(), /taken over/);
    assert.equal(holder.durable, before, 'nothing more was reported');
    const text = taker.append(21);
    await taker.committed();
    await taker.assertHoldsNow();
    const next = await TestStore.open(disk.crash('process'), OPTIONS, taker);
    assert.equal(next.durable, before + 1);
    assert.equal(next.records.at(-1)?.record.text, text);
    assert.deepEqual(next.notices, []);
    await next.journal.close();
  });

  it('is not disturbed by a segment that the former holder begins afterwards', async () => {
    const { disk, store } = await usedJournal();
    const taker = await TestStore.open(disk, OPTIONS, store);
    // The former holder does not ask any more whether the session is its own.
    for (let i = 0; i < 40; i++) {
      store.append(30);
      await store.committed();
    }
    const text = taker.append();
    await taker.committed();
    const next = await TestStore.open(disk.crash('process'), OPTIONS, taker);
    assert.equal(next.durable, 31);
    assert.equal(next.records.at(-1)?.record.text, text);
    assert.deepEqual(next.notices, []);
    await next.checkpoint(1);
    const names = await next.fileSystem.list(DIRECTORY);
    assert.deepEqual(
      names.filter((name) => name.startsWith('1-')),
      [],
    );
    await next.journal.close();
  });

  it('while the former holder writes a snapshot loses no segment to it', async () => {
    const { disk, store } = await usedJournal();
    let isOurs = true;
    const verifyHolder = async () => {
      if (!isOurs) throw new Error('taken over');
    };
    const holder = await TestStore.open(disk, { ...OPTIONS, verifyHolder }, store);
    const names = await disk.list(DIRECTORY);
    const checkpoint = holder.journal.checkpoint(holder.durable, holder.durable + 1, async () => {
      isOurs = false;
    });
    await assert.rejects(checkpoint, /taken over/);
    assert.ok(names.length > 2);
    assert.deepEqual(await disk.list(DIRECTORY), names);
  });
});
