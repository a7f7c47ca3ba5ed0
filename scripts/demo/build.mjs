// Builds the package when its sources are newer than the build, as make would.
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { run } from '../lib/command.mjs';
import { filesBelow, root } from '../lib/project.mjs';

const folders = ['src', 'nodes', 'icons'];
const files = [
  'package.json',
  'tsconfig.json',
  'tsconfig.declarations.json',
  'scripts/build.mjs',
  'scripts/lib/editor-parts.mjs',
];

/** Milliseconds since epoch of the last build; -Infinity when there is none. */
async function builtAt() {
  try {
    return (await fs.stat(path.join(root, 'dist'))).mtimeMs;
  } catch (error) {
    if (error.code === 'ENOENT') {
      return Number.NEGATIVE_INFINITY;
    }
    throw error;
  }
}

/** Milliseconds since epoch of the last change to a source. The folders count too: they change when a file goes. */
async function changedAt() {
  const sources = (await Promise.all(folders.map((folder) => filesBelow(folder)))).flat();
  const all = new Set([...files, ...sources, ...sources.map((file) => path.posix.dirname(file))]);
  const stats = await Promise.all([...all].map((file) => fs.stat(path.join(root, file))));
  return Math.max(...stats.map(({ mtimeMs }) => mtimeMs));
}

/** Throws when the build fails; its own messages are on stderr then. */
export async function ensureBuild() {
  if ((await builtAt()) > (await changedAt())) {
    return;
  }
  const { exitCode } = await run(process.execPath, [path.join(root, 'scripts', 'build.mjs')], { cwd: root });
  if (exitCode !== 0) {
    throw new Error('The package could not be built; see the messages above.');
  }
}
