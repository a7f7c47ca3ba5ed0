import * as assert from 'node:assert/strict';
import type { SessionClient } from '../../src/client/session-client';
import type { Scheduler } from '../../src/scheduler';
import { RecordKind, type SessionRecord } from '../../src/session/records';
import { sessionCodec } from '../../src/session/session-codec';
import type { Durability } from '../../src/store/journal/journal';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { SyncLimiter } from '../../src/store/sync-limiter';
import { adoptSession } from '../../src/transfer/adopt';
import { factsOf, machine } from '../store/support';
import { MemoryDisk } from '../support/memory-disk';
import { MountedDisk } from '../support/mounted-disk';
import { deadLettersOf, message, offlineClient, payloadsOf, publishAll } from './support';

const NOW = Date.UTC(2026, 0, 1);
const OPEN = ['open 1', 'open 2', 'open 3'];
const QUEUED = ['a', 'b', 'c', 'd', 'e', 'f'];
const OWN = ['own 1', 'own 2'];

/** Timers that end with their process. */
class Timers implements Scheduler {
  readonly #timers = new Set<NodeJS.Timeout>();

  now(): number {
    return NOW;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, delayMs);
    this.#timers.add(timer);
    return () => {
      clearTimeout(timer);
      this.#timers.delete(timer);
    };
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

let processes = 0;

/** One run of the program on a disk; another one begins when the disk stops. */
async function inProcess<T>(
  disk: MemoryDisk,
  durability: Durability,
  boot: string,
  work: (store: SessionStore, target: (clientId: string) => SessionClient) => Promise<T>,
): Promise<T> {
  const pid = ++processes;
  const timers = new Timers();
  const mountPoint = `/process-${pid}`;
  try {
    const store = await openSessionStore({
      path: `${mountPoint}/store`,
      fileSystem: new MountedDisk(disk, mountPoint),
      scheduler: timers,
      durability,
      // The end of a segment is synced in every durability.
      segmentBytes: durability === 'os' ? 100_000 : 600,
      closeWaitMs: 0,
      syncLimiter: new SyncLimiter(2),
      onNotice: () => undefined,
      holderFacts: factsOf({ ...machine, bootId: boot, pid }, { [pid]: machine.processStart }),
    });
    return await work(store, (clientId) => offlineClient(clientId, store, { environment: { scheduler: timers } }));
  } finally {
    timers.stop();
  }
}

/** As a process that was killed while it was connected leaves them. */
async function storeOpenMessages(store: SessionStore): Promise<void> {
  const journal = await store.open('orphan', sessionCodec, undefined);
  const records = [
    ...OPEN.map((payload): SessionRecord => {
      return { kind: RecordKind.Enqueued, message: message(payload, { qos: 2 }), enqueuedAt: NOW };
    }),
    { kind: RecordKind.Mark, upTo: OPEN.length } as const,
    { kind: RecordKind.Released, first: 2, last: 2 } as const,
  ];
  await new Promise<void>((resolve, reject) => {
    journal.events = {
      durable: (sequence) => sequence === records.length && resolve(),
      failed: reject,
      checkpointDue: () => undefined,
      lost: reject,
    };
    for (const [index, record] of records.entries()) journal.append(index + 1, record);
  });
  await journal.close();
}

async function prepare(durability: Durability): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await inProcess(disk, durability, 'boot', async (store, client) => {
    await storeOpenMessages(store);
    const orphan = client('orphan');
    await orphan.open();
    await publishAll(orphan, QUEUED);
    await orphan.keepDeadLetter('1', {
      kind: RecordKind.Failed,
      sequence: 1,
      message: message('dead'),
      enqueuedAt: NOW,
      reason: 'refused',
      failedAt: NOW,
    });
    await orphan.close();
    const heir = client('heir');
    await heir.open();
    await publishAll(heir, OWN);
    await heir.close();
    await store.close();
  });
  return disk;
}

async function adopt(disk: MemoryDisk, durability: Durability, boot: string): Promise<void> {
  await inProcess(disk, durability, boot, async (store, client) => {
    const heir = client('heir');
    await heir.open();
    await adoptSession(store, 'orphan', heir);
    await heir.close();
    await store.close();
  });
}

/** Repeats it after the crash, perhaps although it was complete, and looks at what there is. */
async function checkAfter(disk: MemoryDisk, durability: Durability, boot: string, situation: string): Promise<void> {
  await inProcess(disk, durability, boot, async (store, client) => {
    const heir = client('heir');
    await heir.open();
    try {
      await adoptSession(store, 'orphan', heir);
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'ERR_SESSION_UNKNOWN', `${situation}: ${error}`);
    }
    assert.deepEqual(await payloadsOf(heir), [...OWN, ...OPEN, ...QUEUED], situation);
    assert.deepEqual(await deadLettersOf(heir), ['dead'], situation);
    assert.equal(await store.exists('orphan'), false, situation);
    assert.deepEqual(heir.transferSources(), [], situation);
    await heir.close();
    // And what is there is there to stay.
    await heir.open();
    assert.equal(heir.stored.count, OWN.length + OPEN.length + QUEUED.length, situation);
    await heir.close();
    await store.close();
  });
}

describe('adopting a session, and a crash at any call to the disk', function () {
  this.timeout(120_000);
  for (const [kind, durability, seeds] of [
    ['process', 'always', [1]],
    ['power', 'always', [2]],
    ['power', 'os', [1, 2]],
  ] as const) {
    const what = kind === 'process' ? 'the process dies' : 'the power goes';
    it(`loses and doubles nothing when ${what} (durability ${durability})`, async () => {
      const prepared = await prepare(durability);
      const whole = prepared.clone(1);
      const before = whole.calls;
      await adopt(whole, durability, 'boot');
      const calls = whole.calls - before;
      assert.ok(calls > 100, `${calls} calls`);
      await checkAfter(whole, durability, 'boot', 'complete');
      for (let call = 1; call <= calls; call++) {
        for (const seed of seeds) {
          const disk = prepared.clone(seed);
          const stopped = disk.stopAt(call);
          await Promise.race([stopped, adopt(disk, durability, 'boot')]);
          const situation = `${kind} at call ${call} of ${calls}, seed ${seed}`;
          await checkAfter(disk.crash(kind, seed), durability, kind === 'power' ? `boot ${call}` : 'boot', situation);
        }
      }
    });
  }
});
