import * as assert from 'node:assert/strict';
import type { CleanUpOptions, CleanUpResult } from '../../src/store/clean-up';
import { CleanUpTimer, type CleanUpUser } from '../../src/store/clean-up-timer';
import { ManualScheduler } from './support';

const nothing: CleanUpResult = { sessions: [], quarantined: 0, deadLetters: 0, failed: [] };

describe('regular clean-up', () => {
  let scheduler: ManualScheduler;
  let rounds: CleanUpOptions[];
  let outcome: () => Promise<CleanUpResult>;
  let timer: CleanUpTimer;

  beforeEach(() => {
    scheduler = new ManualScheduler();
    rounds = [];
    outcome = async () => nothing;
    timer = new CleanUpTimer((options) => {
      rounds.push(options);
      return outcome();
    }, scheduler);
  });

  const settled = () => new Promise((resolve) => setImmediate(resolve));
  async function pass(seconds: number): Promise<number> {
    scheduler.advance(seconds * 1000);
    await settled();
    return rounds.length;
  }

  function user(name: string, told: string[], part: Partial<CleanUpUser> = {}): CleanUpUser {
    return {
      interval: 3600,
      keepFailedDays: 30,
      isInUse: (clientId) => clientId === name,
      removed: ({ kind }) => told.push(`${name}: ${kind}`),
      ended: (result) => told.push(`${name}: ${result.sessions.length} sessions`),
      failed: (error) => told.push(`${name}: ${error.message}`),
      ...part,
    };
  }

  it('begins a minute after the start, and comes again after each interval', async () => {
    timer.add(user('a', []));
    assert.equal(await pass(59), 0);
    assert.equal(await pass(1), 1);
    assert.equal(await pass(3599), 1);
    assert.equal(await pass(1), 2);
    assert.equal(await pass(3600), 3);
  });

  it('begins after the interval when that is shorter than a minute', async () => {
    timer.add(user('a', [], { interval: 5 }));
    assert.equal(await pass(4), 0);
    assert.equal(await pass(1), 1);
    assert.equal(await pass(5), 2);
  });

  it('is not made for an interval of 0, nor after the last user has gone, nor once stopped', async () => {
    const end = timer.add(user('a', [], { interval: 0 }));
    assert.equal(await pass(100_000), 0);
    end();
    const endSecond = timer.add(user('b', []));
    endSecond();
    assert.equal(await pass(100_000), 0);
    timer.add(user('c', []));
    timer.stop();
    assert.equal(await pass(100_000), 0);
  });

  it('waits for an interval longer than a timer can be', async () => {
    timer.add(user('a', [], { interval: 4_000_000_000 }));
    assert.equal(await pass(60), 1);
    assert.equal(await pass(3_999_999_999), 1);
    assert.equal(await pass(1), 2);
  });

  it('is not begun again while one runs', async () => {
    let finish: () => void = () => undefined;
    outcome = () =>
      new Promise((resolve) => {
        finish = () => resolve(nothing);
      });
    timer.add(user('a', [], { interval: 10 }));
    assert.equal(await pass(10), 1);
    assert.equal(await pass(100), 1);
    timer.add(user('b', []));
    assert.equal(await pass(100), 1);
    finish();
    await settled();
    assert.equal(await pass(9), 1);
    assert.equal(await pass(1), 2);
  });

  it('has several users: the shortest interval and the longest keeping count, and what any of them uses', async () => {
    timer.add(user('a', [], { interval: 0, keepFailedDays: 90 }));
    const endB = timer.add(user('b', [], { interval: 600 }));
    timer.add(user('c', [], { interval: 1200, keepFailedDays: 1 }));
    await pass(60);
    const [first] = rounds;
    assert.equal(first?.keepFailedDays, 90);
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((clientId) => first?.isInUse?.(clientId)),
      [true, true, true, false],
    );
    assert.equal(await pass(600), 2);
    endB();
    assert.equal(await pass(600), 2);
    assert.equal(await pass(600), 3);
  });

  it('tells the first that wants rounds what was done, if anything was', async () => {
    const told: string[] = [];
    timer.add(user('a', told, { interval: 0 }));
    timer.add(user('b', told, { interval: 60 }));
    timer.add(user('c', told, { interval: 60 }));
    await pass(60);
    assert.deepEqual(told, []);
    const session = { clientId: 'x', messages: 0, messageBytes: 0, deadLetters: 0 };
    outcome = async () => {
      rounds.at(-1)?.onRemoved?.({ kind: 'session', ...session });
      return { ...nothing, sessions: [session] };
    };
    await pass(60);
    assert.deepEqual(told, ['b: session', 'b: 1 sessions']);
    outcome = async () => {
      throw new Error('no disk');
    };
    assert.equal(await pass(60), 3);
    assert.deepEqual(told.slice(2), ['b: no disk']);
    assert.equal(await pass(60), 4);
  });
});
