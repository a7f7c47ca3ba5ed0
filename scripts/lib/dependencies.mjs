// Installs dependencies, and only when the lockfile changed, so that the second start needs neither time nor network.
import { createHash } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { npm } from './command.mjs';
import { root } from './project.mjs';

/** The text of a file, or undefined when there is none. */
async function readIfThere(file) {
  try {
    return await fs.readFile(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  }
}

async function isLink(file) {
  try {
    return (await fs.lstat(file)).isSymbolicLink();
  } catch (error) {
    if (error.code === 'ENOENT') {
      return false;
    }
    throw error;
  }
}

/**
 * Installs what the lockfile of a folder (default: the project) says, unless that was done before. The mark of it is a
 * file in `node_modules` with the lockfile's hash; `npm ci` removes it first, so an interrupted installation has none.
 * Progress goes to `log`, npm's own output to stderr. Throws with npm's exit code when the installation fails.
 */
export async function ensureDependencies({ folder = root, log = console.error } = {}) {
  const lockfile = await readIfThere(path.join(folder, 'package-lock.json'));
  if (lockfile === undefined) {
    throw new Error(`${path.join(folder, 'package-lock.json')} is missing; it is part of the repository.`);
  }
  const mark = path.join(folder, 'node_modules', '.installed-lockfile');
  const hash = createHash('sha256').update(lockfile).digest('hex');
  if ((await readIfThere(mark)) === hash) {
    return;
  }
  if (await isLink(path.join(folder, 'node_modules'))) {
    // npm would empty the folder that it leads to, which belongs to somebody else.
    throw new Error(`${path.join(folder, 'node_modules')} is a link, and holds something else than ${folder} needs.`);
  }
  log(`Installing the dependencies of ${path.relative(path.dirname(root), folder)} ...`);
  const { exitCode } = await npm(
    ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    { cwd: folder, stdout: 'stderr' },
  );
  if (exitCode !== 0) {
    throw new Error(`npm ci failed with exit code ${exitCode} in ${folder}; see npm's message above.`);
  }
  await fs.writeFile(mark, hash);
}
