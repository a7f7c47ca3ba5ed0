import * as path from 'node:path';
import { McpsError } from '../mcps/mcps-error';
import { decodeMcpsV1, type McpsV1Session, readV1ClientId } from '../mcps/v1';
import type { FileSystem } from './file-system';
import { ifExists, listWithStatus, readFile } from './files';

/** Where the original is kept once its session has been migrated. */
export const ORIGINAL_NAME = 'original.mcps';
/** Enough for the header with the longest client id. */
const HEAD_BYTES = 64 + 65_535;

export interface Original {
  path: string;
  session: McpsV1Session;
}

/**
 * The session of `clientId` as the original implementation left it in a storage path. Its file names are cut and shared
 * between clients, so the files are told by their content. Of several the one accessed last counts; none is touched.
 * `unreadable`: files of that client which are damaged, with the reason.
 */
export async function findOriginal(
  fileSystem: FileSystem,
  storagePath: string,
  clientId: string,
): Promise<{ original: Original | undefined; unreadable: { path: string; error: McpsError }[] }> {
  const originals: Original[] = [];
  const unreadable: { path: string; error: McpsError }[] = [];
  for (const { name, status } of await listWithStatus(fileSystem, storagePath)) {
    const file = path.join(storagePath, name);
    if (status.kind !== 'file' || !(await belongsTo(fileSystem, file, clientId))) continue;
    try {
      originals.push({ path: file, session: decodeMcpsV1(await readFile(fileSystem, file)) });
    } catch (error) {
      if (!(error instanceof McpsError)) throw error;
      unreadable.push({ path: file, error });
    }
  }
  originals.sort((one, other) => other.session.lastAccessTime - one.session.lastAccessTime);
  return { original: originals[0], unreadable };
}

/** Puts a migrated original beside its session, where it is no longer found. Only after the session is durable. */
export async function keepOriginal(fileSystem: FileSystem, original: Original, directory: string): Promise<void> {
  await fileSystem.rename(original.path, path.join(directory, ORIGINAL_NAME));
  await fileSystem.syncDirectory(directory);
  await fileSystem.syncDirectory(path.dirname(original.path));
}

async function belongsTo(fileSystem: FileSystem, file: string, clientId: string): Promise<boolean> {
  const handle = await ifExists(fileSystem.open(file, 'read'));
  if (handle === undefined) return false;
  try {
    const head = Buffer.alloc(Math.min(await handle.size(), HEAD_BYTES));
    let length = 0;
    while (length < head.length) {
      const count = await handle.read(head, length, head.length - length, length);
      if (count === 0) break;
      length += count;
    }
    return readV1ClientId(head.subarray(0, length)) === clientId;
  } finally {
    await handle.close();
  }
}
