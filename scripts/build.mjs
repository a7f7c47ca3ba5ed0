// Builds `dist/`: the library (`dist/src`), the node set that Node-RED loads (`dist/nodes`) with its editor part, message
// catalogs, help and icons in the places where the loader looks for them, and the editor plugin (`dist/plugins`).
import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { buildEditor, isForm } from './lib/editor-parts.mjs';
import { buildPlugin } from './lib/plugin-parts.mjs';
import { filesBelow, root } from './lib/project.mjs';

const dist = path.join(root, 'dist');
const cache = path.join(root, '.cache');

/** File by file, never bundled: a bundle would hold its own copy of the registries that all nodes of a process share. */
async function compile(target) {
  const sources = [...(await filesBelow('src')), ...(await filesBelow('nodes'))];
  const entryPoints = sources.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts') && !isForm(file));
  if (entryPoints.length === 0) {
    return 0;
  }
  await build({
    absWorkingDir: root,
    entryPoints,
    outbase: '.',
    outdir: target,
    bundle: false,
    format: 'cjs',
    platform: 'node',
    target: 'node20.15',
    logLevel: 'warning',
  });
  return entryPoints.length;
}

/** Type declarations of the library. Types are checked by `npm run typecheck`, not here. */
async function declare(target) {
  if ((await filesBelow('src')).length === 0) {
    return;
  }
  const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const options = ['-p', 'tsconfig.declarations.json', '--outDir', target];
  await promisify(execFile)(process.execPath, [compiler, ...options], { cwd: root }).catch((error) => {
    throw new Error(`The type declarations could not be written:\n${error.stdout || error.message}`);
  });
}

/** Builds beside `dist/` and puts it in place when it is whole: a failed build leaves the last good one. */
async function main() {
  const started = performance.now();
  await fs.mkdir(cache, { recursive: true });
  const target = await fs.mkdtemp(path.join(cache, 'dist-'));
  try {
    const work = [
      compile(target),
      declare(target),
      buildEditor(path.join(target, 'nodes')),
      buildPlugin(path.join(target, 'plugins')),
    ];
    // All have ended before anything is removed or moved.
    await Promise.allSettled(work);
    const [count, , types] = await Promise.all(work);
    await fs.rm(dist, { recursive: true, force: true });
    await fs.rename(target, dist);
    await fs.chmod(dist, 0o755);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`dist: ${count} modules, editor parts of ${types.length} node types, in ${seconds} s`);
  } finally {
    await fs.rm(target, { recursive: true, force: true });
  }
}

await main().catch((error) => {
  // esbuild has printed its errors, with their places, already.
  if (error.errors === undefined) {
    console.error(error.message);
  }
  process.exitCode = 1;
});
