import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { errorCode, SessionError } from '../errors';
import type { FileSystem } from './file-system';
import { nodeFileSystem } from './node-file-system';

const PATH_CODES = new Set(['ENOENT', 'ENOTDIR', 'EEXIST', 'EACCES', 'EPERM', 'EROFS', 'ELOOP', 'ENAMETOOLONG']);

/** Codes of the operating system; those of this library and of Node.js contain an underscore. */
const SYSTEM_CODE = /^E[A-Z0-9]+$/;

const PROBE_PREFIX = '.probe-';

/** True for a file that `prepareStoragePath` made, and removes unless it is killed. */
export function isProbe(name: string): boolean {
  return /^\.probe-[0-9a-f]{16}$/.test(name);
}

/** For a file, or a directory, that is removed again at once. */
export function probeName(): string {
  return `${PROBE_PREFIX}${randomBytes(8).toString('hex')}`;
}

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
    const probe = path.join(real, probeName());
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

/**
 * An error of the system while the storage path, or a session in it, is opened, with the path in its message:
 * `ERR_STORE_PATH` for those that say that a path is missing, is no directory or may not be used; others (a full disk)
 * keep their code. What is no error of the system is answered unchanged.
 */
export function storagePathError(error: unknown, storagePath: string): unknown {
  const code = errorCode(error);
  if (code === undefined || !SYSTEM_CODE.test(code)) return error;
  const cause = error as Error;
  if (PATH_CODES.has(code)) {
    return new SessionError(
      'ERR_STORE_PATH',
      `The session storage path ${storagePath} cannot be used: ${cause.message}. Nothing is stored until it is a directory that this process may write.`,
      { cause, details: { path: storagePath, reason: code } },
    );
  }
  const text =
    `The session storage path ${storagePath} cannot be used now: ${cause.message}. What is stored there stays, nothing ` +
    'new is stored. Check the disk, and free some space if it is full.';
  return Object.assign(new Error(text, { cause }), { code });
}

/** `work`, whose errors of the system say which storage path they are about, and what to do. */
export async function withStoragePath<T>(storagePath: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw storagePathError(error, storagePath);
  }
}
