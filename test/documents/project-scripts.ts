import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { readSources, root } from '../architecture/sources';

/** Who runs a command of the project, and what in that file does it. */
interface Run {
  by: string;
  with: string;
}

const SUITES = 'scripts/lib/suites.mjs';
const SMALL = 'test/documents/small-runs.test.ts';
const inSuites = (script: string): Run => ({ by: SUITES, with: `command: ['scripts/${script}.mjs'` });
const inTheSmall = (script: string): Run => ({
  by: SMALL,
  with: `${script.includes('-') ? `'${script}'` : script}: [`,
});

/**
 * All commands of the project that documents may name. The test run itself, a suite or a test starts the script, as a
 * person would; where that takes long, with options that make it small.
 */
const RUN_BY: Readonly<Record<string, Run>> = {
  test: { by: '.ci/run', with: 'npm test' },
  build: { by: 'scripts/lib/test-run.mjs', with: `'build.mjs'` },
  demo: { by: 'test/demo/demo-process.ts', with: `'demo.mjs'` },
  docs: inSuites('docs'),
  simulate: inSuites('simulate'),
  mutations: inSuites('mutations'),
  soak: inSuites('soak'),
  bench: { by: 'test/documents/bench.test.ts', with: `'scripts/bench.mjs'` },
  licences: { by: 'test/security/licences.test.ts', with: `'scripts/licences.mjs'` },
  audit: { by: 'test/documents/audit.test.ts', with: `'scripts/audit.mjs'` },
  screenshots: { by: 'test/browser/screenshots.test.ts', with: `'scripts/screenshots.mjs'` },
  'crash-points': inTheSmall('crash-points'),
  'io-faults': inTheSmall('io-faults'),
  fuzz: inTheSmall('fuzz'),
  interop: inTheSmall('interop'),
  campaign: inTheSmall('campaign'),
};

/** Commands that no test starts, each with the reason, and what stands in for them. */
const NOT_RUN: Readonly<Record<string, { because: string; instead?: Run }>> = {
  compare: {
    because: 'it installs the queue packages, and takes a quarter of a minute at least for each of its subjects',
    instead: { by: 'test/crash/compare.test.ts', with: 'runComparison(' },
  },
};

/** Fails unless a script of package.json is started by a test, or is excused. @returns the file of the script. */
export function assertScriptIsRun(name: string): string | undefined {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  const command = scripts[name];
  assert.ok(command !== undefined, `package.json has no script "${name}"`);
  const excuse = NOT_RUN[name];
  const run = RUN_BY[name] ?? excuse?.instead;
  if (run === undefined) {
    assert.ok(excuse, `no test runs "npm run ${name}": say in test/documents/project-scripts.ts which does`);
  } else {
    assert.ok(
      read(run.by).includes(run.with),
      `${run.by} does not run "npm run ${name}": there is no ${run.with} in it`,
    );
    assertIsReached(run.by);
  }
  return /scripts\/[\w-]+\.mjs/.exec(command)?.[0];
}

/** A helper of tests counts only if a test uses it. */
function assertIsReached(file: string): void {
  if (file.endsWith('.test.ts') || !file.startsWith('test/')) return;
  const name = path.basename(file, '.ts');
  const tests = [...readSources(['test'], ['.test.ts'])];
  assert.ok(
    tests.some(([, source]) => source.includes(`/${name}'`)),
    `no test uses ${file}`,
  );
}

/** Fails unless the program behind a script takes an option: all of them refuse what they do not know. */
export function assertTakesOption(script: string, option: string): void {
  const programs = programsOf(script);
  assert.ok(
    programs.some((source) => new RegExp(`(?:^|[\\s{])(?:'${option}'|${option}): \\{ type:`, 'm').test(source)),
    `${script} takes no --${option}`,
  );
}

/** The script itself, and what it loads to do its work. */
function programsOf(script: string): string[] {
  const source = read(script);
  const loaded = [...source.matchAll(/'(?:\.\/)?((?:test|bench|lib|demo)\/[\w./-]+\.(?:ts|mjs))'/g)].map(
    ([, file = '']) => (/^(?:test|bench)\//.test(file) ? file : `scripts/${file}`),
  );
  const besides = loaded.flatMap((file) =>
    [...read(file).matchAll(/(?:from|import) '(\.{1,2}\/[^']+)'/g)].map(([, target = '']) =>
      path.join(path.dirname(file), /\.mjs$/.test(target) ? target : `${target}.ts`),
    ),
  );
  return [script, ...loaded, ...besides].filter((file) => fs.existsSync(path.join(root, file))).map(read);
}

const read = (file: string): string => fs.readFileSync(path.join(root, file), 'utf8');
