import { execFileSync } from 'node:child_process';
import * as path from 'node:path';
import { machine } from '../../bench/machine';

const projectRoot = path.resolve(__dirname, '..', '..');

/** What a result has to say for itself, so that a document can quote it. */
export interface Provenance {
  /** `none`: not in a git repository. `... with changes`: files are not as they were committed. */
  commit: string;
  /** UTC, `YYYY-MM-DD`. */
  date: string;
  machine: string;
}

/** Where, when and of what a result was made. */
export function provenance(folder = projectRoot): Provenance {
  return { commit: commitOf(folder), date: new Date().toISOString().slice(0, 10), machine: machine() };
}

/** The same in a line for people. */
export function provenanceLine(): string {
  const { commit, date, machine: on } = provenance();
  return `commit ${commit}, ${date}, ${on}`;
}

function commitOf(folder: string): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const commit = git('rev-parse', '--short=10', 'HEAD');
    return git('status', '--porcelain') === '' ? commit : `${commit} with changes`;
  } catch {
    // Not a repository, or there is no git: a package that was unpacked can be tested all the same.
    return 'none';
  }
}
