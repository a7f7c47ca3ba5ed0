import * as assert from 'node:assert/strict';
import { type InterruptionFacts, recoveryCaseFor, recoveryCases } from '../../../src/store/journal/recovery-decisions';

const FACTS = ['superseded', 'unreadable', 'missing', 'durable', 'followed'] as const;

function combination(bits: number): InterruptionFacts {
  const value = (index: number) => (bits & (1 << index)) !== 0;
  return { superseded: value(0), unreadable: value(1), missing: value(2), durable: value(3), followed: value(4) };
}

describe('the table of recovery cases', () => {
  it('has exactly one case for every combination of facts', () => {
    const used = new Set<string>();
    for (let bits = 0; bits < 1 << FACTS.length; bits++) used.add(recoveryCaseFor(combination(bits)).label);
    assert.equal(used.size, recoveryCases.length, 'every case is reached');
  });

  it('never cuts off, ignores or passes over what was durable and is missing', () => {
    for (let bits = 0; bits < 1 << FACTS.length; bits++) {
      const facts = combination(bits);
      if (facts.superseded || !facts.missing || !facts.durable) continue;
      assert.equal(recoveryCaseFor(facts).decision, 'damage');
    }
  });

  it('calls only contradictions impossible', () => {
    for (let bits = 0; bits < 1 << FACTS.length; bits++) {
      const facts = combination(bits);
      const isContradiction =
        !facts.superseded &&
        ((facts.durable && !facts.missing) || (facts.missing && !facts.durable && !facts.followed));
      assert.equal(recoveryCaseFor(facts).decision === 'impossible', isContradiction, JSON.stringify(facts));
    }
  });
});
