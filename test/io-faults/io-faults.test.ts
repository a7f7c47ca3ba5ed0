import * as assert from 'node:assert/strict';
import { workloads } from '../crash-points/workloads/all';
import { failEverywhere } from './run';

describe('a call to the disk that fails loses nothing that was reported, and work goes on:', function () {
  this.timeout(300_000);
  for (const workload of workloads) {
    it(workload.name, async () => {
      const { calls, violations } = await failEverywhere(workload, 'sample');
      assert.deepEqual(violations, []);
      assert.ok(calls >= workload.callsMin, `only ${calls} calls were made, not ${workload.callsMin}`);
    });
  }
});
