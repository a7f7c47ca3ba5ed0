import * as assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'mocha';
import { root } from '../architecture/sources';

describe('npm run bench', () => {
  // How fast is judged nowhere here: other suites run on the same processors.
  it('compares with its peers side by side and prints a line of JSON', () => {
    const output = execFileSync(process.execPath, ['scripts/bench.mjs', 'publish', '--quick', '--json'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const { benchmark, ratios } = JSON.parse(output) as { benchmark: string; ratios: Record<string, number> };
    assert.equal(benchmark, 'publish');
    for (const peer of ['mqttjsMemory', 'mqttLevelStore', 'bare']) {
      assert.ok(Number(ratios[peer]) > 0, `no ratio to ${peer} in ${output}`);
    }
  }).timeout(240_000);
});
