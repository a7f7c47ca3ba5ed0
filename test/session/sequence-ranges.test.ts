import * as assert from 'node:assert/strict';
import { SequenceRanges } from '../../src/session/sequence-ranges';
import { seeded } from '../mcps/random-snapshot';

describe('session: ranges of sequences', () => {
  it('hold what a set holds, as few ranges as can be', () => {
    const random = seeded(7);
    for (let round = 0; round < 50; round++) {
      const ranges = new SequenceRanges();
      const set = new Set<number>();
      for (let step = 0; step < 100; step++) {
        const sequence = Math.floor(random() * 30);
        if (random() < 0.65) {
          ranges.add(sequence);
          set.add(sequence);
        } else {
          ranges.delete(sequence);
          set.delete(sequence);
        }
        for (let one = -1; one <= 31; one++) assert.equal(ranges.has(one), set.has(one));
      }
      const all = ranges.all;
      assert.deepEqual(new SequenceRanges(all).all, all);
      for (const [index, { first, last }] of all.entries()) {
        assert.ok(first <= last);
        assert.ok(index === 0 || first > (all[index - 1]?.last ?? 0) + 1);
      }
      assert.equal(ranges.isEmpty, set.size === 0);
    }
  });
});
