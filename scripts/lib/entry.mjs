// What entry scripts share.
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { ensureDependencies } from './dependencies.mjs';
import { root } from './project.mjs';

/**
 * Loads a TypeScript program of the project in this process, after the dependencies are there; `process.argv` from
 * index 2 on is the program's. Everything that is not the program's own goes to stderr, so that `--json` stays JSON.
 * `folders` have dependencies of their own, beside the project's.
 */
export async function runTypeScript(file, { folders = [] } = {}) {
  try {
    await ensureDependencies();
    for (const folder of folders) {
      await ensureDependencies({ folder: path.join(root, folder) });
    }
  } catch (error) {
    console.error(error.message);
    process.exit(2);
  }
  const { register } = await import('tsx/cjs/api');
  register();
  createRequire(import.meta.url)(path.join(root, file));
}
