import * as assert from 'node:assert/strict';
import { MemoryDisk } from '../../support/memory-disk';
import { DIRECTORY, FAILED, idsOf, keep, listed, openPlant, TestClock } from './support';

const DAY_MS = 86_400_000;

describe('the file of dead letters', () => {
  it('is not made, nor looked for, while there are none', async () => {
    const disk = new MemoryDisk();
    const { session } = await openPlant(disk);
    assert.deepEqual(await listed(session), []);
    await session.close();
    assert.ok(!(await disk.list(DIRECTORY)).includes('failed.mcpj'));
    assert.ok(disk.log.every((call) => !call.includes('failed.mcpj')));
  });

  it('takes many that come at once with few syncs', async () => {
    const disk = new MemoryDisk();
    const { session } = await openPlant(disk);
    await keep(session, 'first');
    const before = disk.counts.sync ?? 0;
    await keep(session, ...Array.from({ length: 1000 }, (_, i) => `message ${i}`));
    assert.ok((disk.counts.sync ?? 0) - before <= 2);
    assert.equal((await listed(session)).length, 1001);
    await session.close();
  });

  it('never grows beyond its bound, and is written a bounded number of times', async () => {
    const disk = new MemoryDisk();
    const { session } = await openPlant(disk, { deadLetterBytes: 100_000 });
    const before = disk.bytesWritten;
    let largest = 0;
    for (let i = 0; i < 1000; i++) {
      await keep(session, `${i}`.padEnd(1000));
      largest = Math.max(largest, disk.contents(FAILED).length);
    }
    assert.ok(largest <= 100_000, `${largest} bytes`);
    assert.ok(disk.bytesWritten - before < 6 * 1000 * 1100, `${disk.bytesWritten - before} bytes were written`);
    const { count, evicted } = session.deadLetters.statistics();
    assert.equal(count + evicted, 1000);
    await session.close();
  });

  it('is written a bounded number of times while its entries are removed one by one', async () => {
    const disk = new MemoryDisk();
    const { session } = await openPlant(disk);
    const all = Array.from({ length: 500 }, (_, i) => `${i}`.padEnd(1000));
    await keep(session, ...all);
    const before = disk.bytesWritten;
    for (const id of await idsOf(session, ...all)) assert.equal(await session.deadLetters.remove([id]), 1);
    assert.ok(disk.bytesWritten - before < 3 * 500 * 1100, `${disk.bytesWritten - before} bytes were written`);
    assert.equal(disk.contents(FAILED).length, 64);
    await session.close();
  });

  it('makes room at opening when its bound was lowered', async () => {
    const disk = new MemoryDisk();
    const { session } = await openPlant(disk);
    await keep(session, ...Array.from({ length: 100 }, (_, i) => `${i}`.padEnd(1000)));
    await session.close();
    const { session: again } = await openPlant(disk, { deadLetterBytes: 20_000 });
    assert.ok((await listed(again)).length < 20);
    assert.equal((await listed(again)).at(-1)?.trim(), '99');
    assert.ok(disk.contents(FAILED).length <= 20_000);
    await again.close();
  });

  it('loses entries that are too old, at opening', async () => {
    const disk = new MemoryDisk();
    const clock = new TestClock();
    // Before 2024 the clock counts as not set.
    clock.time = Date.UTC(2025, 0, 1);
    const { session } = await openPlant(disk, { clock });
    await keep(session, 'old');
    clock.time += 20 * DAY_MS;
    await keep(session, 'young');
    await session.close();
    clock.time += 11 * DAY_MS;
    const { session: again } = await openPlant(disk, { clock, keepFailedDays: 30 });
    assert.deepEqual(await listed(again), ['young']);
    assert.equal(again.deadLetters.statistics().evicted, 1);
    await again.close();
    const { session: forEver } = await openPlant(disk, { clock, keepFailedDays: Number.POSITIVE_INFINITY });
    clock.time += 10_000 * DAY_MS;
    assert.deepEqual(await listed(forEver), ['young']);
    await forEver.close();
  });

  it('loses nothing to a clock that was not set, or goes back', async () => {
    const disk = new MemoryDisk();
    const clock = new TestClock();
    clock.time = Date.UTC(2000, 0, 1);
    const { session } = await openPlant(disk, { clock });
    await keep(session, 'without a clock');
    clock.time = Date.UTC(2026, 0, 1);
    await keep(session, 'in the future');
    await session.close();
    clock.time = Date.UTC(2025, 0, 1);
    const { session: again } = await openPlant(disk, { clock });
    assert.deepEqual(await listed(again), ['without a clock', 'in the future']);
    await again.close();
  });
});
