// The test run: check, install, build, lint, type-check, then one suite after another.
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { nodeBinary, nodeRedPackage, otherNodesAvailable } from './cache.mjs';
import { run } from './command.mjs';
import { ensureDependencies } from './dependencies.mjs';
import { filesBelow, root } from './project.mjs';
import { budgetSeconds, suites } from './suites.mjs';
import { ensurePrograms } from './system-packages.mjs';

const ci = process.env.CI === 'true';

// Biome's output is unreadable in a log with the colours that it writes there by default.
const colors = process.stdout.isTTY ? 'force' : 'off';

const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** The suites named after `--only`, or all. Throws on a name or an option that does not exist. */
function selected(args) {
  const [option, names, ...others] = args;
  if (option === undefined) {
    return suites;
  }
  if (option !== '--only' || names === undefined || others.length > 0) {
    throw new Error('Usage: npm test [-- --only <suite>,<suite>]');
  }
  const unknown = names.split(',').filter((name) => !suites.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    throw new Error(`No suite ${unknown.join(', ')}; there are ${suites.map(({ name }) => name).join(', ')}.`);
  }
  return suites.filter((suite) => names.split(',').includes(suite.name));
}

/** Adds `files` to each suite: what it runs. A suite without files does not exist yet. */
async function withFiles(chosen) {
  const tests = (await filesBelow('test')).filter((file) => file.endsWith('.test.ts'));
  const inFolder = (folder) => (file) => file.startsWith(`test/${folder}/`);
  const named = suites.flatMap((suite) => (Array.isArray(suite.tests) ? suite.tests : []));
  const rest = tests.filter((file) => !named.some((folder) => inFolder(folder)(file)));
  const filesOf = async ({ tests: folders, entry }) => {
    if (entry !== undefined) {
      return (await filesBelow(path.posix.dirname(entry))).filter((file) => file === entry);
    }
    return folders === 'rest' ? rest : tests.filter((file) => folders.some((folder) => inFolder(folder)(file)));
  };
  return Promise.all(chosen.map(async (suite) => ({ ...suite, files: await filesOf(suite) })));
}

/** Counts of all that ran, and the only place that prints a line per run. */
class Results {
  passed = 0;
  failed = 0;
  skipped = 0;
  /** What failed, for the end of a log that may be cut at its beginning. */
  failures = [];

  add(title, since, { passed = 0, failed = 0, skipped = 0, failures = [], problem }) {
    this.passed += passed;
    this.failed += failed;
    this.skipped += skipped;
    if (failed > 0) {
      const named = problem === undefined ? failures : [...failures, problem];
      this.failures.push(...(named.length > 0 ? named : ['failed']).map((failure) => `${title}: ${failure}`));
    }
    const counts = `${passed} passed${failed > 0 ? `, ${failed} FAILED` : ''}${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    console.log(`--- ${title}: ${seconds(since)}, ${counts}${problem === undefined ? '' : ` (${problem})`}`);
  }

  /** What cannot run here: skipped, or with `CI=true` a failure. */
  missing(title, reason) {
    this.add(title, performance.now(), { [ci ? 'failed' : 'skipped']: 1, problem: reason });
  }
}

/** What a mocha run noted in its results file. With `CI=true` a skipped test is a failure. */
async function countsOf(file) {
  const lines = (await fs.readFile(file, 'utf8')).split('\n');
  const titles = (kind) =>
    lines.filter((line) => line.startsWith(`${kind} `)).map((line) => line.slice(kind.length + 1));
  const skipped = titles('skipped');
  if (ci && skipped.length > 0) {
    console.log(`Skipped, which is a failure with CI=true:\n${skipped.map((title) => `  ${title}`).join('\n')}`);
  }
  const failures = [...titles('failed'), ...(ci ? skipped.map((title) => `skipped: ${title}`) : [])];
  return {
    passed: titles('passed').length,
    failed: failures.length,
    failures,
    skipped: ci ? 0 : skipped.length,
    ended: lines.some((line) => line.startsWith('end')),
    leftOpen: titles('open')[0],
  };
}

/** Why a program did not end well, beyond failed tests; undefined if it did. */
function problemOf({ exitCode, signal, timedOut }, timeoutMs) {
  if (timedOut) {
    return `ended after ${Math.round(timeoutMs / 1000)} s, its time limit`;
  }
  return exitCode === 0 ? undefined : `ended with ${signal ?? `exit code ${exitCode}`}`;
}

/** Runs mocha on `files` with that Node.js. */
async function runMocha(files, { node, quiet, env, timeoutMs }) {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'mqtt-sessions-results-'));
  const results = path.join(folder, 'results');
  try {
    await fs.writeFile(results, '');
    const reporter = path.join(root, 'scripts', 'lib', 'mocha-reporter.cjs');
    const options = ['--reporter-option', `results=${results}`, '--reporter-option', `quiet=${quiet}`];
    const mocha = path.join(root, 'node_modules', 'mocha', 'bin', 'mocha.js');
    const ended = await run(node, [mocha, '--forbid-only', '--reporter', reporter, ...options, ...files], {
      cwd: root,
      env,
      timeoutMs,
    });
    const { ended: complete, leftOpen, ...counts } = await countsOf(results);
    const problem =
      problemOf(ended, timeoutMs) ??
      (leftOpen === undefined ? undefined : `the tests ended, but left something open: ${leftOpen}`) ??
      (complete ? undefined : 'ended before its last test');
    // Failed tests explain an exit code; nothing explains a run that did not come to its end.
    const explained = problem === undefined || (complete && counts.failed > 0 && leftOpen === undefined);
    return explained ? counts : { ...counts, failed: counts.failed + 1, problem };
  } finally {
    await fs.rm(folder, { recursive: true, force: true });
  }
}

async function runCommand(command, { env, timeoutMs }) {
  const ended = await run(process.execPath, command, { cwd: root, env, timeoutMs });
  const problem = problemOf(ended, timeoutMs);
  return problem === undefined ? { passed: 1 } : { failed: 1, problem };
}

/** The environment variables with which a suite gets other versions. */
async function environmentOf(suite) {
  const entries = Object.entries(suite.environment ?? {}).map(async ([name, { node, nodeRed }]) => [
    name,
    node === undefined ? await nodeRedPackage(nodeRed) : await nodeBinary(node),
  ]);
  return Object.fromEntries(await Promise.all(entries));
}

/** Runs one suite, on each of its Node.js versions, `atOnce` of them side by side. */
async function runSuite(suite, results, programs, deadline) {
  const needsOtherNode = Object.values(suite.environment ?? {}).some(({ node }) => node !== undefined);
  if (needsOtherNode && !otherNodesAvailable) {
    results.missing(suite.name, 'other Node.js versions come as packages for Linux on x64 only');
    return;
  }
  const versions = suite.nodes ?? ['current'];
  const atOnce = suite.atOnce ?? 1;
  for (let first = 0; first < versions.length; first += atOnce) {
    const group = versions.slice(first, first + atOnce);
    await Promise.all(group.map((version) => runOn(version, suite, results, programs, deadline)));
  }
}

/** Runs one suite on one Node.js version. */
async function runOn(version, suite, results, programs, deadline) {
  const current = version === 'current';
  const title = `${suite.name} on Node.js ${current ? process.versions.node : version}`;
  if (!current && !otherNodesAvailable) {
    results.missing(title, 'other Node.js versions come as packages for Linux on x64 only');
    return;
  }
  const env = { ...process.env, ...programs, ...(await environmentOf(suite)) };
  const node = current ? process.execPath : await nodeBinary(version);
  if (!current) {
    env.PATH = [path.dirname(node), env.PATH].join(path.delimiter);
  }
  const timeoutMs = Math.max(1, Math.min(suite.timeoutSeconds * 1000, deadline - performance.now()));
  console.log(`\n=== ${title}`);
  const started = performance.now();
  const counts =
    suite.command === undefined
      ? await runMocha(suite.files, { node, env, timeoutMs, quiet: !current })
      : await runCommand(suite.command, { env, timeoutMs });
  results.add(title, started, counts);
}

/** As `runSuite`; what keeps it from running is a failure. */
async function tryRun(suite, results, programs, deadline) {
  try {
    await runSuite(suite, results, programs, deadline);
  } catch (error) {
    results.add(suite.name, performance.now(), { failed: 1, problem: error.message });
  }
}

/** The suites in their order; one with `besideNext` together with the one behind it. */
function groupsOf(chosen) {
  const groups = [];
  let open = false;
  for (const suite of chosen) {
    if (open) groups.at(-1).push(suite);
    else groups.push([suite]);
    open = suite.besideNext === true;
  }
  return groups;
}

/** Build, lint and type check; answers whether the suites can run (they need the build). */
async function prepare(results) {
  const bin = (...parts) => path.join(root, 'node_modules', ...parts);
  const steps = [
    { title: 'build', command: [path.join(root, 'scripts', 'build.mjs')], needed: true },
    {
      title: 'lint',
      command: [bin('@biomejs', 'biome', 'bin', 'biome'), 'ci', '--error-on-warnings', `--colors=${colors}`],
    },
    { title: 'type check', command: [bin('typescript', 'bin', 'tsc'), '--noEmit'] },
    {
      title: 'type check of the sidebar',
      command: [bin('typescript', 'bin', 'tsc'), '--noEmit', '-p', 'tsconfig.editor.json'],
    },
  ];
  for (const { title, command, needed } of steps) {
    const started = performance.now();
    const counts = await runCommand(command, { env: process.env, timeoutMs: 120_000 });
    results.add(title, started, counts);
    if (needed && counts.failed > 0) {
      return false;
    }
  }
  return true;
}

/** Runs the tests with the arguments of `npm test --` and answers the exit code. */
export async function test(args) {
  const results = new Results();
  let present;
  let programs;
  try {
    const chosen = await withFiles(selected(args));
    present = chosen.filter(({ files }) => files.length > 0);
    programs = await ensurePrograms([...new Set(present.flatMap((suite) => suite.programs ?? []))], { ci });
    if (programs === undefined) {
      return 2;
    }
    for (const { name } of chosen.filter(({ files }) => files.length === 0)) {
      console.log(`--- ${name}: no tests`);
    }
    await ensureDependencies();
  } catch (error) {
    console.error(error.message);
    return 2;
  }
  const deadline = performance.now() + budgetSeconds * 1000;
  if (await prepare(results)) {
    for (const group of groupsOf(present)) {
      await Promise.all(group.map((suite) => tryRun(suite, results, programs, deadline)));
    }
  }
  if (results.failures.length > 0) {
    console.log(`\nFailed:\n${results.failures.map((failure) => `  ${failure}`).join('\n')}`);
  }
  console.log(`\n${results.passed} passed, ${results.failed} failed, ${results.skipped} skipped`);
  return results.failed > 0 ? 1 : 0;
}
