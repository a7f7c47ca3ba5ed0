import * as path from 'node:path';
import { errorCode, SessionError } from '../errors';
import { McpsError } from '../mcps/mcps-error';
import { decodeMcpsV1, type McpsV1Session, readV1ClientId } from '../mcps/v1';
import type { FileSystem } from './file-system';
import { ifExists, readFile } from './files';
import { isImport, isPendingImport } from './original-import';
import type { Quarantine } from './quarantine';
import { isSessionDirectoryName } from './safe-name';

/** Enough for the header with the longest client id. */
const HEAD_BYTES = 64 + 65_535;
/** The original implementation keeps what is in flight, at most 65,535 messages, in memory. */
const ORIGINAL_BYTES_MAX = 1024 ** 3;
const NOT_PERMITTED = new Set(['EACCES', 'EPERM']);

export interface Original {
  path: string;
  session: McpsV1Session;
}

/**
 * The session of `clientId` as the original implementation left it in a storage path. Its file names are cut and shared
 * between clients, so the files are told by their content. Of several one that is being imported comes first, then
 * the one accessed last; none is touched.
 * `unreadable`: files of that client which are damaged, with the reason.
 * @param notPermitted What to do with a file that this process may not read, so that nobody knows whose it is.
 * @throws SessionError `ERR_STORE_PATH` for such a file with `refuse`; the system's error.
 */
export async function findOriginals(
  fileSystem: FileSystem,
  storagePath: string,
  clientId: string,
  notPermitted: 'refuse' | 'passOver',
): Promise<{ originals: Original[]; unreadable: { path: string; error: McpsError }[] }> {
  const originals: Original[] = [];
  const unreadable: { path: string; error: McpsError }[] = [];
  for (const file of await originalsOf(fileSystem, storagePath, clientId, notPermitted)) {
    try {
      originals.push({ path: file, session: decodeMcpsV1(await readOriginal(fileSystem, file)) });
    } catch (error) {
      if (!(error instanceof McpsError)) throw error;
      unreadable.push({ path: file, error });
    }
  }
  const rank = ({ path: file, session }: Original): number =>
    isImport(path.basename(file)) ? Number.POSITIVE_INFINITY : session.lastAccessTime;
  originals.sort((one, other) => (rank(one) === rank(other) ? 0 : rank(other) - rank(one)));
  return { originals, unreadable };
}

/** Not more of it into memory than there can be. */
async function readOriginal(fileSystem: FileSystem, file: string): Promise<Buffer> {
  const { size } = await fileSystem.status(file);
  if (size <= ORIGINAL_BYTES_MAX) return readFile(fileSystem, file);
  throw new McpsError('ERR_MCPS_LENGTH', `it has ${size} bytes, more than the ${ORIGINAL_BYTES_MAX} that are read`);
}

/**
 * Paths of all files in a storage path that say they are the session of `clientId` in version 1, whole or damaged.
 * @param notPermitted What to do with a file that this process may not read.
 */
async function originalsOf(
  fileSystem: FileSystem,
  storagePath: string,
  clientId: string,
  notPermitted: 'refuse' | 'passOver',
): Promise<string[]> {
  const files: string[] = [];
  for (const name of await fileSystem.list(storagePath)) {
    if (isSessionDirectoryName(name) || isPendingImport(name)) continue;
    const file = path.join(storagePath, name);
    const status = await ifExists(fileSystem.status(file));
    if (status?.kind !== 'file') continue;
    try {
      if (await belongsTo(fileSystem, file, clientId)) files.push(file);
    } catch (cause) {
      if (!NOT_PERMITTED.has(errorCode(cause) ?? '')) throw cause;
      if (notPermitted === 'refuse') throw notPermittedError(file, clientId, cause);
    }
  }
  return files;
}

function notPermittedError(file: string, clientId: string, cause: unknown): SessionError {
  return new SessionError(
    'ERR_STORE_PATH',
    `The session "${clientId}" is not made yet: ${file} may be the file that it is to be migrated from, and cannot be read (${(cause as Error).message}). Make it readable for this process, or move it away.`,
    { cause, details: { path: file } },
  );
}

/**
 * Puts an original beside its session, where it is no longer found. Only after the session is durable.
 * Resolves to its new path.
 */
export async function keepOriginal(fileSystem: FileSystem, file: string, directory: string): Promise<string> {
  for (let number = 1; ; number++) {
    const target = path.join(directory, number === 1 ? 'original.mcps' : `original-${number}.mcps`);
    if (await ifExists(fileSystem.status(target))) continue;
    await fileSystem.rename(file, target);
    await fileSystem.syncDirectory(directory);
    await fileSystem.syncDirectory(path.dirname(file));
    return target;
  }
}

/**
 * Before a session is deleted: no original of it may stay in the storage path, or the next opening would migrate it, and
 * what was deleted would be back. One is there when a migration was killed before its end, or somebody put it there.
 */
export async function setOriginalsAside(
  fileSystem: FileSystem,
  storagePath: string,
  clientId: string,
  quarantine: Quarantine,
): Promise<void> {
  for (const file of await originalsOf(fileSystem, storagePath, clientId, 'passOver')) {
    await quarantine.take(file, 'the session of this client id was deleted, and this file is not to bring it back');
  }
}

/** Before a file is imported: one that was imported before, and not opened because the process was killed, would count as well. */
export async function setImportsAside(
  fileSystem: FileSystem,
  storagePath: string,
  clientId: string,
  quarantine: Quarantine,
): Promise<void> {
  for (const file of await originalsOf(fileSystem, storagePath, clientId, 'passOver')) {
    if (!isImport(path.basename(file))) continue;
    await quarantine.take(file, 'another file was imported before a session was made from this one');
  }
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
