/**
 * npm run mutations -- [--only TEXT,...] [--selection] [--at-once N] [--no-compile] [--json]
 * npm run mutations -- --list [--only TEXT,...]
 *
 * Puts one deliberate bug after the other into a copy of the project: the check that its patch names has to fail. Before
 * that each check has to pass without a bug, and with the bug the code has to compile.
 *
 * `--only`: those whose name or rule contains one of the texts. `--selection`: those marked for CI, where other suites
 * run the checks without a bug; that all others still apply is looked at, too. `--list`: rules, bugs and what has to
 * catch them, as a table; nothing is run. Exit code 1 when one does not apply or is not caught.
 */
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import { provenance } from '../support/provenance';
import { runCheck, typeErrors } from './check';
import { applyMutation, describeCheck, type Mutation, NotApplied, readMutations } from './mutation';
import { PatchedTree } from './patched-tree';
import { rules } from './rules';

const projectRoot = path.resolve(__dirname, '..', '..');
const ADVICE = {
  'not applied': 'the code has moved: make the same bug in the code as it is now, and keep that as the patch',
  survived: 'a test is missing: write one that fails with this bug, and name it in the patch',
  broken: 'mend the patch or what it is caught by: this bug does not show what a test would find',
};

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    selection: { type: 'boolean', default: false },
    'at-once': { type: 'string', default: '2' },
    compile: { type: 'boolean', default: true },
    list: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
  allowNegative: true,
});

/** A line for people; with `--json` only the last line goes to stdout. */
const say = values.json ? console.error : console.log;
interface Applied {
  mutation: Mutation;
  changed: Map<string, string>;
}

const failed: { name: string; outcome: keyof typeof ADVICE; why: string }[] = [];

function report(name: string, outcome: keyof typeof ADVICE, why: string): void {
  failed.push({ name, outcome, why });
  say(`${outcome.toUpperCase().padEnd(9)} ${name}: ${why}`);
}

async function timed<T>(work: () => Promise<T>): Promise<[result: T, seconds: string]> {
  const started = performance.now();
  const result = await work();
  return [result, `${((performance.now() - started) / 1000).toFixed(1)} s`];
}

/** Runs `work` on all items, several at a time, each on a copy of the project of its own. */
async function onTrees<T>(
  trees: PatchedTree[],
  items: readonly T[],
  work: (tree: PatchedTree, item: T) => Promise<void>,
) {
  const waiting = [...items];
  await Promise.all(
    trees.map(async (tree) => {
      for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(tree, item);
    }),
  );
}

/** What a mutation changes; undefined, and reported, when it no longer applies. */
function changedBy(mutation: Mutation, tree: PatchedTree): Map<string, string> | undefined {
  try {
    return applyMutation(mutation, (file) => tree.read(file));
  } catch (error) {
    if (!(error instanceof NotApplied)) throw error;
    report(mutation.name, 'not applied', error.message);
    return undefined;
  }
}

async function main(): Promise<number> {
  const started = performance.now();
  const { only = '', selection } = values;
  const atOnce = Number(values['at-once']);
  if (!(Number.isInteger(atOnce) && atOnce > 0)) throw new Error('--at-once is a number');
  const parts = only.split(',');
  const named = readMutations(path.join(__dirname, 'patches')).filter(({ name, rule }) =>
    parts.some((part) => name.includes(part) || rule.includes(part)),
  );
  if (values.list) {
    list(named);
    return 0;
  }
  const trees = await Promise.all(Array.from({ length: atOnce }, () => PatchedTree.create(projectRoot)));
  let run = 0;
  let caught = 0;
  try {
    const applied = named.flatMap((mutation) => {
      const changed = changedBy(mutation, trees[0] as PatchedTree);
      return changed === undefined ? [] : [{ mutation, changed }];
    });
    const chosen = applied.filter(({ mutation }) => !selection || mutation.inCi);
    // The longest first, so that none is left alone at the end.
    chosen.sort((one, other) => Number(isLong(other.mutation)) - Number(isLong(one.mutation)));
    run = chosen.length;
    if (!selection) {
      const mutations = chosen.map(({ mutation }) => mutation);
      await withoutBug(trees, mutations);
    }
    const judged = values.compile && !selection ? await compiling(trees, chosen) : chosen;
    await onTrees(trees, judged, async (tree, { mutation, changed }) => {
      const [result, seconds] = await timed(() => tree.with(changed, () => runCheck(mutation.check, tree.folder)));
      if (result.kind === 'broken') report(mutation.name, 'broken', result.why);
      else if (result.kind === 'passed') report(mutation.name, 'survived', describeCheck(mutation.check));
      else {
        caught += 1;
        say(`caught    ${mutation.name}: ${mutation.check.kind}: ${result.by} (${seconds})`);
      }
    });
  } finally {
    await Promise.all(trees.map((tree) => tree.remove()));
  }
  for (const outcome of ['not applied', 'survived', 'broken'] as const) {
    const names = failed.filter((one) => one.outcome === outcome).map(({ name }) => name);
    if (names.length > 0) say(`\n${outcome}: ${names.join(', ')}\n  ${ADVICE[outcome]}`);
  }
  const count = (outcome: keyof typeof ADVICE) => failed.filter((one) => one.outcome === outcome).length;
  const totals = {
    patches: named.length,
    run,
    caught,
    survived: count('survived'),
    notApplied: count('not applied'),
    broken: count('broken'),
    seconds: Math.round((performance.now() - started) / 1000),
    ...provenance(),
  };
  const words = Object.entries(totals).map(([name, value]) => `${name} ${value}`);
  console.log(values.json ? JSON.stringify(totals) : `\n${words.join(', ')}`);
  return failed.length === 0 && run > 0 ? 0 : 1;
}

function list(mutations: readonly Mutation[]): void {
  console.log('| rule | bug | caught by |\n| --- | --- | --- |');
  for (const { name, says } of rules) {
    for (const { rule, bug, check } of mutations) {
      if (rule === name) console.log(`| ${says} | ${bug} | ${describeCheck(check)} |`);
    }
  }
}

/** Each check once, without a bug: it has to pass, or its failure would prove nothing. */
async function withoutBug(trees: PatchedTree[], mutations: readonly Mutation[]): Promise<void> {
  const checks = new Map(mutations.map(({ check }) => [describeCheck(check), check]));
  await onTrees(trees, [...checks], async (tree, [words, check]) => {
    const [result, seconds] = await timed(() => runCheck(check, tree.folder));
    if (result.kind === 'passed') say(`passes    ${words} (${seconds})`);
    else report(words, 'broken', `it fails without a bug: ${result.kind === 'failed' ? result.by : result.why}`);
  });
}

/**
 * Type-checks all mutations, as many at a time as change different files.
 * @returns those that compile; the others are reported.
 */
async function compiling(trees: PatchedTree[], candidates: readonly Applied[]): Promise<Applied[]> {
  const batches: Applied[][] = [];
  for (const candidate of candidates) {
    const fits = batches.find((batch) => !batch.some(({ changed }) => overlap(changed, candidate.changed)));
    if (fits === undefined) batches.push([candidate]);
    else fits.push(candidate);
  }
  const broken = new Set<Applied>();
  await onTrees(trees, batches, async (tree, batch) => {
    const errors = await tree.with(new Map(batch.flatMap(({ changed }) => [...changed])), () =>
      typeErrors(tree.folder),
    );
    for (const error of errors) {
      const own = batch.filter(({ changed }) => [...changed.keys()].some((file) => error.startsWith(`${file}(`)));
      for (const one of own.length > 0 ? own : batch) {
        if (!broken.has(one)) report(one.mutation.name, 'broken', `it does not compile: ${error}`);
        broken.add(one);
      }
    }
  });
  return candidates.filter((candidate) => !broken.has(candidate));
}

function overlap(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return [...one.keys()].some((file) => other.has(file));
}

function isLong({ check }: Mutation): boolean {
  return check.kind === 'simulation';
}

void main().then(
  (exitCode) => {
    process.exitCode = exitCode;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 2;
  },
);
