import * as fs from 'node:fs';
import * as path from 'node:path';
import { applyPatch, parsePatch } from 'diff';

/** What has to fail while a mutation is in force. */
export type Check =
  | { kind: 'mocha'; file: string; grep: string | undefined }
  | { kind: 'simulation'; seed: number; episodes: number };

/**
 * A deliberate bug, kept as a unified diff below a header of `Name: value` lines:
 *
 * `Rule`       the name of a rule in `rules.ts` that the bug breaks
 * `Bug`        what is wrong; further lines are indented
 * `Caught by`  `mocha <file> [--grep "<part of titles>"]`, or `simulation --seed <S> --episodes <N>`
 * `In CI`      `yes`: among those that are run at each change; else `no`
 */
export interface Mutation {
  /** Of the file, without `.patch`. */
  name: string;
  rule: string;
  bug: string;
  check: Check;
  inCi: boolean;
  diff: string;
}

/** The code has moved away from under a patch. */
export class NotApplied extends Error {}

const FIELDS = ['Rule', 'Bug', 'Caught by', 'In CI'] as const;
const CONTEXT_LINES_MIN = 1;

/** All mutations in a folder, by name. @throws Error for a patch that does not have the form described above. */
export function readMutations(folder: string): Mutation[] {
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.patch'));
  return names.sort().map((name) => parseMutation(path.basename(name, '.patch'), read(folder, name)));
}

/** @throws Error that names the patch and what is missing in it. */
export function parseMutation(name: string, text: string): Mutation {
  const start = text.search(/^--- /m);
  if (start < 0) throw new Error(`${name}.patch has no line "--- a/<file>"`);
  const header = text.slice(0, start).replace(/\n[ \t]+/g, ' ');
  const values = Object.fromEntries(FIELDS.map((field) => [field, fieldOf(header, field, name)]));
  const { Rule: rule = '', Bug: bug = '', 'Caught by': check = '', 'In CI': inCi = '' } = values;
  if (inCi !== 'yes' && inCi !== 'no') throw new Error(`${name}.patch: "In CI" is "${inCi}", not yes or no`);
  return { name, rule, bug, check: parseCheck(name, check), inCi: inCi === 'yes', diff: text.slice(start) };
}

/**
 * The changed files of a mutation, by path from the top folder.
 * @param readFile The text of a file of the project; undefined: there is none.
 * @throws NotApplied when one of them is not as the patch expects it, to the letter.
 */
export function applyMutation(
  { name, diff }: Mutation,
  readFile: (file: string) => string | undefined,
): Map<string, string> {
  const changed = new Map<string, string>();
  for (const patch of parsePatch(diff)) {
    const file = (patch.newFileName ?? '').replace(/^b\//, '');
    const before = changed.get(file) ?? readFile(file);
    if (before === undefined) throw new NotApplied(`${name}.patch changes ${file}, which does not exist`);
    for (const { lines } of patch.hunks) {
      const context = lines.filter((line) => line.startsWith(' ')).length;
      if (context < CONTEXT_LINES_MIN) throw new Error(`${name}.patch: without context a change could land anywhere`);
    }
    const after = applyPatch(before, patch, { fuzzFactor: 0 });
    if (after === false) throw new NotApplied(`${name}.patch no longer fits ${file}`);
    if (after === before) throw new NotApplied(`${name}.patch changes nothing in ${file}`);
    changed.set(file, after);
  }
  if (changed.size === 0) throw new Error(`${name}.patch changes no file`);
  return changed;
}

/** In one line, as in the header. */
export function describeCheck(check: Check): string {
  if (check.kind === 'simulation') return `simulation --seed ${check.seed} --episodes ${check.episodes}`;
  return `mocha ${check.file}${check.grep === undefined ? '' : ` --grep "${check.grep}"`}`;
}

function parseCheck(name: string, text: string): Check {
  const mocha = /^mocha (test\/\S+\.test\.ts)(?: --grep "([^"]+)")?$/.exec(text);
  if (mocha?.[1] !== undefined) return { kind: 'mocha', file: mocha[1], grep: mocha[2] };
  const simulation = /^simulation --seed (\d+) --episodes (\d+)$/.exec(text);
  if (simulation === null) throw new Error(`${name}.patch: "Caught by" is neither a mocha nor a simulation command`);
  return { kind: 'simulation', seed: Number(simulation[1]), episodes: Number(simulation[2]) };
}

function fieldOf(header: string, field: string, name: string): string {
  const value = new RegExp(`^${field}: (.+)$`, 'm').exec(header)?.[1]?.trim();
  if (value === undefined) throw new Error(`${name}.patch has no line "${field}: ..."`);
  return value;
}

function read(folder: string, name: string): string {
  return fs.readFileSync(path.join(folder, name), 'utf8');
}
