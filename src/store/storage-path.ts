import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { errorCode, SessionError } from '../errors';
import type { FileSystem } from './file-system';
import { nodeFileSystem } from './node-file-system';

const PATH_CODES = new Set(['ENOENT', 'ENOTDIR', 'EEXIST', 'EACCES', 'EPERM', 'EROFS', 'ELOOP', 'ENAMETOOLONG']);

/**
 * Makes the storage path where it is missing and proves that files can be created in it.
 * Resolves to the absolute path, with symbolic links resolved, so that one directory has one name in a process.
 * @throws SessionError `ERR_STORE_PATH` with the reason; other errors (a full disk) with the system's code.
 */
export async function prepareStoragePath(fileSystem: FileSystem, storagePath: string): Promise<string> {
  const absolute = path.resolve(storagePath);
  try {
    await fileSystem.makeDirectory(absolute);
    const real = fileSystem === nodeFileSystem ? await fs.realpath(absolute) : absolute;
    // Also when it was there: who made it may have been killed before.
    await syncParent(fileSystem, real);
    const probe = path.join(real, `.probe-${randomBytes(8).toString('hex')}`);
    await (await fileSystem.open(probe, 'create')).close();
    await fileSystem.remove(probe);
    return real;
  } catch (error) {
    throw storagePathError(error, absolute);
  }
}

/** The directory around the storage path is not ours: it may be unreadable, or on a read-only file system. */
async function syncParent(fileSystem: FileSystem, storagePath: string): Promise<void> {
  try {
    await fileSystem.syncDirectory(path.dirname(storagePath));
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS'].includes(errorCode(error) ?? '')) throw error;
  }
}

/** `ERR_STORE_PATH` for errors that say that a path is missing, is no directory or may not be used; others unchanged. */
export function storagePathError(error: unknown, storagePath: string): unknown {
  const code = errorCode(error);
  if (code === undefined || !PATH_CODES.has(code) || error instanceof SessionError) return error;
  return new SessionError(
    'ERR_STORE_PATH',
    `The session storage path ${storagePath} cannot be used: ${(error as Error).message}. Nothing is stored until it is a directory that this process may write.`,
    { cause: error, details: { path: storagePath, reason: code } },
  );
}
