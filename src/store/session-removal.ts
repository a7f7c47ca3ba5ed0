import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import type { FileSystem } from './file-system';
import { ifExists, listWithStatus, removeIfExists } from './files';
import { Quarantine } from './quarantine';
import { isSessionDirectoryName } from './safe-name';

const DELETED = /^\.deleted-[0-9a-f]{8}-(.+)$/;
/** Names that this package gives to files of a session. */
const OWN_FILE = /^(session\.\d+\.mcps(\..*)?|.*\.mcpj(\..*)?|lock(\..*)?|reserve|original(-\d+)?\.mcps)$/;

/**
 * Takes a session's directory out of the storage path in one step, so that a crash leaves it whole or gone.
 * Resolves, when that is durable, to the directory that `removeDeleted` removes.
 */
export async function renameAway(fileSystem: FileSystem, directory: string): Promise<string> {
  const storagePath = path.dirname(directory);
  const target = path.join(storagePath, `.deleted-${randomBytes(4).toString('hex')}-${path.basename(directory)}`);
  await fileSystem.rename(directory, target);
  await fileSystem.syncDirectory(storagePath);
  return target;
}

/** Removes a directory made by `renameAway`. Files that are not ours are moved to quarantine instead. */
export async function removeDeleted(fileSystem: FileSystem, directory: string, now: () => number): Promise<void> {
  const storagePath = path.dirname(directory);
  const name = DELETED.exec(path.basename(directory))?.[1] ?? path.basename(directory);
  const quarantine = new Quarantine(fileSystem, storagePath, name, now);
  for (const entry of (await ifExists(listWithStatus(fileSystem, directory))) ?? []) {
    const file = path.join(directory, entry.name);
    if (entry.status.kind === 'file' && OWN_FILE.test(entry.name)) await removeIfExists(fileSystem, file);
    else await quarantine.take(file, 'found in the directory of a deleted session, not written by this package');
  }
  await ifExists(fileSystem.removeDirectory(directory));
}

/** Name of the session whose deletion was interrupted, leaving a directory with that name; undefined for other names. */
export function sessionOfDeleted(name: string): string | undefined {
  const session = DELETED.exec(name)?.[1];
  return session !== undefined && isSessionDirectoryName(session) ? session : undefined;
}

/**
 * Completes deletions that a crash interrupted. What cannot be removed now is left to clean-up: nobody needs it gone.
 * @param left Is told of each: the name of the session's directory.
 * @throws the system's error when the storage path cannot be listed.
 */
export async function completeDeletions(
  fileSystem: FileSystem,
  storagePath: string,
  now: () => number,
  left: (session: string, error: Error) => void,
): Promise<void> {
  for (const name of await fileSystem.list(storagePath)) {
    const session = sessionOfDeleted(name);
    if (session === undefined) continue;
    const directory = path.join(storagePath, name);
    try {
      const status = await ifExists(fileSystem.status(directory));
      if (status?.kind === 'directory') await removeDeleted(fileSystem, directory, now);
    } catch (error) {
      left(session, error as Error);
    }
  }
}
