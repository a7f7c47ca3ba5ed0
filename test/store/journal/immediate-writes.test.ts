import * as assert from 'node:assert/strict';
import { ImmediateWrites } from '../../../src/store/journal/immediate-writes';
import { nodeFileSystem } from '../../../src/store/node-file-system';
import { openSessionStore } from '../../../src/store/session-store';
import { temporaryDirectory } from '../support';

const codec = {
  kind: () => 0x81,
  size: (record: Buffer) => record.length,
  write: (record: Buffer, target: Buffer, offset: number) => offset + record.copy(target, offset),
  read: (_kind: number, body: Buffer) => body,
};

describe('writes on the calling thread', () => {
  const directory = temporaryDirectory();

  /** Appends a record of `bytes` and waits until it counts. @returns how many writes were made which way. */
  async function writes(durability: 'always' | 'interval' | 'os', bytes: number) {
    const counts = { now: 0, later: 0 };
    const store = await openSessionStore({
      path: directory(),
      durability,
      fileSystem: {
        ...nodeFileSystem,
        async open(path, access) {
          const file = await nodeFileSystem.open(path, access);
          if (!path.endsWith('.mcpj')) return file;
          return {
            ...file,
            write: (...call) => {
              counts.later += 1;
              return file.write(...call);
            },
            writeNow: (...call) => {
              counts.now += 1;
              return file.writeNow?.(...call) ?? 0;
            },
          };
        },
      },
    });
    const session = await store.open(`client-${durability}-${bytes}`, codec, undefined);
    const before = { ...counts };
    await new Promise<void>((resolve, reject) => {
      session.events = { durable: () => resolve(), failed: reject, checkpointDue: () => undefined, lost: reject };
      session.append(1, Buffer.alloc(bytes, 'x'));
    });
    const made = { now: counts.now - before.now, later: counts.later - before.later };
    const [record] = await session.read(0, 1 << 20);
    assert.equal(record?.record.length, bytes);
    await session.close();
    await store.close();
    return made;
  }

  it('are made where a record counts before it is synced, and small', async () => {
    assert.deepEqual(await writes('os', 300), { now: 1, later: 0 });
    assert.deepEqual(await writes('interval', 300), { now: 1, later: 0 });
    assert.deepEqual(await writes('os', 100_000), { now: 0, later: 1 });
  });

  it('are not made where it is synced first', async () => {
    assert.deepEqual(await writes('always', 300), { now: 0, later: 1 });
  });

  it('leave sockets and timers their turn, also where every report brings the next record', async () => {
    const store = await openSessionStore({ path: directory(), durability: 'os' });
    const session = await store.open('busy', codec, undefined);
    let hadTurn = false;
    setImmediate(() => {
      hadTurn = true;
    });
    const appended = await new Promise<number>((resolve, reject) => {
      const append = (sequence: number): void => session.append(sequence, Buffer.from('x'));
      session.events = {
        durable: (sequence) => (hadTurn || sequence === 10_000 ? resolve(sequence) : append(sequence + 1)),
        failed: reject,
        checkpointDue: () => undefined,
        lost: reject,
      };
      append(1);
    });
    assert.equal(hadTurn, true, `none within ${appended} records`);
    await session.close();
    await store.close();
  });

  it('are interrupted by one that goes the usual way, again and again', () => {
    const immediate = new ImmediateWrites({ now: () => 1_000 });
    const inARow = () => {
      let count = 0;
      while (count < 1_000 && immediate.allows(300)) count += immediate.run(() => 1);
      return count;
    };
    assert.deepEqual([inARow(), inARow(), inARow()], [64, 64, 64]);
  });

  it('stop after one that took long for a hundred times as long', () => {
    let now = 1_000;
    const immediate = new ImmediateWrites({ now: () => now });
    const write = (ms: number) =>
      immediate.run(() => {
        now += ms;
        return 7;
      });
    assert.equal(write(5), 7);
    assert.equal(immediate.allows(300), true);
    write(6);
    assert.equal(immediate.allows(300), false);
    now += 599;
    assert.equal(immediate.allows(300), false);
    now += 1;
    assert.equal(immediate.allows(300), true);
    assert.equal(immediate.allows(64 * 1024 + 1), false);
  });
});
