import * as assert from 'node:assert/strict';
import { Backoff } from '../../src/connection/backoff';

describe('back-off', () => {
  it('doubles from 1 s to 30 s', () => {
    const backoff = new Backoff({ random: () => 1 });
    const delays = Array.from({ length: 7 }, () => backoff.next());
    assert.deepEqual(delays, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('waits at least half of each step', () => {
    const backoff = new Backoff({ random: () => 0 });
    assert.deepEqual([backoff.next(), backoff.next(), backoff.next()], [500, 1_000, 2_000]);
  });

  it('starts again after a reset', () => {
    const backoff = new Backoff({ random: () => 1 });
    backoff.next();
    backoff.next();
    backoff.reset();
    assert.equal(backoff.next(), 1_000);
  });

  it('keeps to another upper bound', () => {
    const backoff = new Backoff({ maxMs: 3_000, random: () => 1 });
    assert.deepEqual([backoff.next(), backoff.next(), backoff.next(), backoff.next()], [1_000, 2_000, 3_000, 3_000]);
  });
});
