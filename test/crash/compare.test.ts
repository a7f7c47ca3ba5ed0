import * as assert from 'node:assert/strict';
import { runComparison } from './compare/comparison';
import type { CompareFigures } from './compare/figures';
import type { Round } from './compare/schedule';
import { type CompareSubject, subjects } from './compare/subjects';

/** What the comparison is about, once. */
const SCHEDULE: Round[] = [{ kind: 'kill-in-outage', runMs: 500, holdMs: 1_000, afterMs: 1_000 }];

const compare = (subject: CompareSubject) => runComparison({ subject, schedule: SCHEDULE, burst: 50, quietMs: 4_000 });

describe('npm run compare', function () {
  this.timeout(240_000);

  it('counts what is lost in an outage with a kill in it: here nothing that was reported done, with core what was given', async () => {
    const { persistent, core } = subjects as Record<'persistent' | 'core', CompareSubject>;
    const [ours, theirs] = await Promise.all([compare(persistent), compare(core)]);
    for (const { kills, outages, burstPerSecond, out, in: inbound } of [ours, theirs]) {
      assert.deepEqual([kills, outages], [1, 1]);
      assert.ok((burstPerSecond ?? 0) > 0, 'the burst did not arrive');
      for (const { given } of [out.qos1, out.qos2, inbound.qos1, inbound.qos2])
        assert.ok(given > 10, `only ${given} given`);
    }
    assert.equal(ours.lostThoughDone, 0);
    assert.equal(ours.out.qos2.doubled, 0);
    assert.equal(ours.in.qos1.lost + ours.in.qos2.lost, 0);
    // Core drops what is given while it is not connected: at least the messages of a part of the outage.
    const lost = ({ out }: CompareFigures) => out.qos1.lost + out.qos2.lost;
    assert.ok(lost(theirs) > lost(ours), `core lost ${lost(theirs)}, this package ${lost(ours)}`);
  });
});
