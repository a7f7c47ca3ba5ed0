import * as assert from 'node:assert/strict';
import { MemoryDisk, seededRandom } from '../../support/memory-disk';
import { MESSAGE, STATE, TestStore } from './support';

const SEEDS = 150;
const STEPS = 60;

/** Runs everything that does not wait for the clock: the disk in memory answers within microtasks. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** One life of a session on a disk that fails now and then; at the end it crashes. */
class Life {
  readonly #random: () => number;
  #neededFrom = 1;

  constructor(
    readonly disk: MemoryDisk,
    readonly store: TestStore,
    random: () => number,
  ) {
    this.#random = random;
  }

  async live(): Promise<void> {
    for (let step = 0; step < STEPS; step++) await this.#step();
    if (this.#chance(0.3)) await this.store.journal.close().catch(() => undefined);
    else if (this.#chance(0.5)) this.#append();
  }

  async #step(): Promise<void> {
    const { store, disk } = this;
    if (this.#chance(0.06))
      disk.fail({ operation: 'write', code: 'EIO', times: this.#below(3), partial: this.#below(200) });
    if (this.#chance(0.06)) disk.fail({ operation: 'sync', code: 'EIO', times: 1 + this.#below(3) });
    if (this.#chance(0.03)) disk.fail({ operation: 'truncate', code: 'EIO', times: 1 });
    if (this.#chance(0.03)) disk.fail({ operation: 'open', path: /mcpj/, code: 'EMFILE', times: 1 });
    if (this.#chance(0.03)) disk.capacity = disk.used + this.#below(300);
    if (this.#chance(0.1)) disk.capacity = Number.POSITIVE_INFINITY;
    for (let i = this.#below(6); i > 0; i--) this.#append();
    if (this.#chance(0.7)) await settle();
    if (this.#chance(0.3)) store.scheduler.advance(this.#below(2) * 1000);
    if (this.#chance(0.1)) store.scheduler.advance(1000);
    if (this.#chance(0.1)) await store.readAll(100).catch(() => undefined);
    if (this.#chance(0.1)) {
      this.#neededFrom = Math.max(this.#neededFrom, store.neededFrom, store.durable - this.#below(30));
      // Not awaited: it may wait for a disk that is left alone after a failure.
      store.checkpoint(this.#neededFrom).catch(() => undefined);
      if (this.#chance(0.7)) await settle();
    }
  }

  #append(): void {
    this.store.append(20 + this.#below(this.#chance(0.05) ? 3000 : 60), this.#chance(0.3) ? STATE : MESSAGE);
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

describe('a disk that fails at random', () => {
  for (const kind of ['process', 'power'] as const) {
    it(`never loses what was reported durable (${kind} crashes)`, async () => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        try {
          await liveAndCrash(seed, kind);
        } catch (error) {
          throw new Error(`seed ${seed}`, { cause: error });
        }
      }
    }).timeout(60_000);
  }
});

async function liveAndCrash(seed: number, kind: 'process' | 'power'): Promise<void> {
  const random = seededRandom(seed);
  const options = { segmentBytes: 600 + Math.floor(random() * 2000), reserveBytes: random() < 0.5 ? 0 : 2000 };
  let disk = new MemoryDisk(seed);
  let store = await TestStore.open(disk, options);
  for (let life = 0; life < 4; life++) {
    await new Life(disk, store, random).live();
    const promised = store.durable;
    disk = disk.crash(kind, seed * 10 + life);
    disk.capacity = Number.POSITIVE_INFINITY;
    const { neededFrom } = store;
    store = await TestStore.open(disk, options, store);
    store.neededFrom = Math.max(store.neededFrom, neededFrom);
    await store.assertHolds(promised);
    assert.deepEqual(
      store.notices.filter((notice) => notice.level === 'error'),
      [],
      'nothing counts as damaged',
    );
  }
  await store.journal.close();
}
