// What entry scripts share.
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { run } from './command.mjs';
import { ensureDependencies } from './dependencies.mjs';
import { root } from './project.mjs';

/**
 * Loads a TypeScript program of the project in this process, after the dependencies are there; `process.argv` from
 * index 2 on is the program's. Everything that is not the program's own goes to stderr, so that `--json` stays JSON.
 * `folders` have dependencies of their own, beside the project's; `built`: the program runs what is in `dist/`.
 */
export async function runTypeScript(file, { folders = [], built = false } = {}) {
  try {
    await ensureDependencies();
    for (const folder of folders) {
      await ensureDependencies({ folder: path.join(root, folder) });
    }
    if (built) {
      const { exitCode } = await run(process.execPath, [path.join(root, 'scripts', 'build.mjs')], { stdout: 'stderr' });
      if (exitCode !== 0) {
        throw new Error('The package could not be built; see above.');
      }
    }
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
  const { register } = await import('tsx/cjs/api');
  register();
  createRequire(import.meta.url)(path.join(root, file));
}
