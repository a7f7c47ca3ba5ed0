import * as assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'mocha';
import { root } from '../architecture/sources';

/**
 * Commands that take minutes as the documents name them, with options that make them small. That they find nothing is
 * judged by suites of their own; here they are started as a person starts them, and say what they did.
 */
const SMALL: Readonly<Record<string, { args: readonly string[]; says: RegExp }[]>> = {
  'crash-points': [
    { args: ['--workload', 'clean-up', '--json'], says: /"violations":0/ },
    { args: ['--deep', '--workload', 'generated client ids', '--json'], says: /"deep":true.*"violations":0/ },
  ],
  'io-faults': [{ args: ['--workload', 'generated client ids', '--json'], says: /"violations":0/ }],
  fuzz: [{ args: ['--seconds', '1', '--seed', '1', '--target', 'lock', '--json'], says: /"failures":0/ }],
  interop: [{ args: ['--brokers', 'mosquitto', '--scenarios', 'will'], says: /"interoperability":"held"/ }],
  campaign: [{ args: ['--kills', '1', '--subject', 'library', '--seed', '1', '--json'], says: /"kills":1\b/ }],
};

describe('commands of the project that take long', () => {
  for (const [script, runs] of Object.entries(SMALL)) {
    for (const { args, says } of runs) {
      it(`do in the small what they do in the large: npm run ${script} -- ${args.join(' ')}`, () => {
        const { status, stdout, stderr } = spawnSync(process.execPath, [`scripts/${script}.mjs`, ...args], {
          cwd: root,
          encoding: 'utf8',
        });
        assert.equal(status, 0, stderr + stdout);
        assert.match(stdout, says, stderr);
      }).timeout(120_000);
    }
  }
});
