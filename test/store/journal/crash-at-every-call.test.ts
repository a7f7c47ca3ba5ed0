import * as assert from 'node:assert/strict';
import { MemoryDisk } from '../../support/memory-disk';
import { STATE, TestStore } from './support';

/** What a session does in its life, in small: several segments, snapshots that free some of them, reading, reopening. */
async function workload(
  disk: MemoryDisk,
  durability: 'always' | 'os',
  seen: (store: TestStore) => void,
): Promise<void> {
  const options = { segmentBytes: 700, reserveBytes: 1000, durability };
  let store = await TestStore.open(disk, options);
  seen(store);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 8; i++) {
      for (let j = 0; j <= i % 3; j++) store.append(20 + 17 * j);
      await store.committed();
    }
    await store.journal.read(store.neededFrom + 3, 100);
    await store.checkpoint(Math.max(store.neededFrom, store.durable - 12), store.durable - 3);
    store.append(1500);
    store.append(10, STATE);
    await store.committed();
    await store.journal.close();
    store = await TestStore.open(disk, options, store);
    seen(store);
  }
  await store.journal.close();
}

describe('a crash at any call to the disk', () => {
  it('loses nothing that was reported durable when the process dies', () => crashEverywhere('process', 'always', [1]));

  it('loses nothing that was reported durable when the power goes', () =>
    crashEverywhere('power', 'always', [1, 2, 3, 4]));

  it('loses nothing that was written when only the process dies, without a sync', () =>
    crashEverywhere('process', 'os', [1]));

  it('leaves an unbroken beginning of what was written when the power goes, without a sync', () =>
    crashEverywhere('power', 'os', [1, 2, 3, 4]));
}).timeout(60_000);

async function crashEverywhere(
  kind: 'process' | 'power',
  durability: 'always' | 'os',
  seeds: readonly number[],
): Promise<void> {
  const whole = new MemoryDisk();
  await workload(whole, durability, () => undefined);
  for (let call = 1; call <= whole.calls; call++) {
    const disk = new MemoryDisk();
    let store: TestStore | undefined;
    const stopped = disk.stopAt(call);
    await Promise.race([
      stopped,
      workload(disk, durability, (opened) => {
        store = opened;
      }),
    ]);
    const promised = kind === 'power' && durability === 'os' ? 0 : (store?.durable ?? 0);
    for (const seed of seeds) {
      try {
        await assertRecovers(disk.crash(kind, call * 10 + seed), store, promised);
      } catch (error) {
        throw new Error(`${kind} crash at call ${call}, ${disk.log.at(-1)}, seed ${seed}`, { cause: error });
      }
    }
  }
}

async function assertRecovers(disk: MemoryDisk, before: TestStore | undefined, promised: number): Promise<void> {
  const store = await TestStore.open(disk, { segmentBytes: 700, reserveBytes: 1000 }, before);
  store.neededFrom = Math.max(store.neededFrom, before?.neededFrom ?? 1);
  await store.assertHolds(promised);
  assert.deepEqual(
    store.notices.filter((notice) => notice.level !== 'info'),
    [],
    'a crash is not damage',
  );
  store.append();
  await store.committed();
  await store.journal.close();
}
