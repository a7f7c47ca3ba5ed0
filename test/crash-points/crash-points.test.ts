import * as assert from 'node:assert/strict';
import { SHALLOW } from './crash-states';
import { crashEverywhere } from './record';
import { workloads } from './workloads/all';

describe('a crash at any point leaves what was promised:', function () {
  this.timeout(300_000);
  for (const workload of workloads) {
    it(workload.name, async () => {
      const { states, violations } = await crashEverywhere(workload, SHALLOW);
      assert.deepEqual(violations, []);
      assert.ok(states >= workload.statesMin, `only ${states} states were opened, not ${workload.statesMin}`);
    });
  }
});
