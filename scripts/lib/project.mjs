// Where the project is, and what is in it.
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the project's top folder. */
export const root = fileURLToPath(new URL('../../', import.meta.url)).replace(/[\\/]$/, '');

/**
 * Files below a folder of the project, sorted, as paths from the top folder with `/` on every platform.
 * A folder that does not exist holds no files.
 */
export async function filesBelow(folder, base = root) {
  const entries = await fs.readdir(path.join(base, folder), { recursive: true, withFileTypes: true }).catch((error) => {
    if (error.code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(base, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
    .filter((file) => !file.split('/').includes('node_modules'))
    .sort();
}
