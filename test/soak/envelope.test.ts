import * as assert from 'node:assert/strict';
import { lowerEnvelope, rise } from './envelope';

/** Up and down between `low` and `high` with a period of seven values, and a peak now and then. */
function sawtooth(length: number, low: number, high: number): number[] {
  return Array.from({ length }, (_unused, index) =>
    index % 23 === 0 ? high * 3 : low + ((high - low) * (index % 7)) / 6,
  );
}

describe('the rise of a lower envelope', () => {
  it('is none for what goes up and down', () => {
    assert.equal(rise(sawtooth(60, 100, 500)), 0);
  });

  it('is what leaks between the first and the last span, below whatever goes up and down', () => {
    const leaking = sawtooth(60, 100, 500).map((value, index) => value + index);
    const risen = rise(leaking);
    assert.ok(risen > 40 && risen < 60, `${risen}`);
  });

  it('sees a leak of which the first and the last value show nothing', () => {
    const leaking = sawtooth(60, 100, 500).map((value, index) => value + index);
    leaking[0] = 700;
    assert.ok((leaking[0] ?? 0) > (leaking.at(-1) ?? 0));
    assert.ok(rise(leaking) > 40);
  });

  it('falls when something shrinks', () => {
    assert.ok(rise(sawtooth(60, 100, 500).map((value, index) => value - index)) < -40);
  });

  it('is not told from a few values', () => {
    assert.throws(() => lowerEnvelope([1, 2, 3]), /too few/);
  });
});
