import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { root } from '../architecture/sources';

/**
 * Who runs what the project's own commands run: the suites' table, or a test that does the same in the small. A command
 * that is not here cannot stand in a document.
 */
const SUITES = 'scripts/lib/suites.mjs';
const RUN_BY: Record<string, string> = {
  test: '.ci/run',
  demo: 'test/demo/demo.test.ts',
  docs: SUITES,
  simulate: SUITES,
  mutations: SUITES,
  soak: SUITES,
  'crash-points': 'test/crash-points/crash-points.test.ts',
  'io-faults': 'test/io-faults/io-faults.test.ts',
  campaign: 'test/crash/kill-library.test.ts',
  compare: 'test/crash/compare.test.ts',
  bench: 'test/documents/bench.test.ts',
  build: 'test/package/build.test.ts',
  // A step of a release: there may be no registry to ask.
  audit: 'scripts/lib/audit.mjs',
  interop: 'test/interop/matrix.test.ts',
  fuzz: 'test/security/fuzz.test.ts',
  licences: 'test/security/licences.test.ts',
};

/** Fails unless `npm test` or `npm run <name>` exists and the test run reaches it. */
export function assertScriptIsRun(name: string): void {
  const { scripts } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const command = scripts[name];
  assert.ok(command !== undefined, `package.json has no script "${name}"`);
  const runner = RUN_BY[name];
  assert.ok(
    runner !== undefined,
    `no test runs "npm run ${name}": say in test/documents/project-scripts.ts which does`,
  );
  const text = fs.readFileSync(path.join(root, runner), 'utf8');
  if (runner !== SUITES) return;
  const script = /scripts\/[\w-]+\.mjs/.exec(command)?.[0] ?? name;
  assert.ok(text.includes(script), `${runner} does not run ${script}`);
}
