import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import type { FileSystem } from './file-system';
import { createFile, removeIfExists, TEMPORARY_SUFFIX } from './files';

/** A v1 file that is not in place yet; nothing takes it for one. */
const PENDING = /^import-[0-9a-f]{8}\.mcps\.tmp$/;

/** One in place: it goes before others of its client id, which lay there before. */
export function isImport(name: string): boolean {
  return /^import-[0-9a-f]{8}\.mcps$/.test(name);
}

export function isPendingImport(name: string): boolean {
  return PENDING.test(name);
}

/** A v1 file that lies in a storage path, durably, and is found there after `place`. */
export interface PendingImport {
  /** Durable when resolved: the next opening of its session, if that does not exist, migrates it. */
  place(): Promise<void>;
  /** Removes it, if it was not placed. */
  discard(): Promise<void>;
}

/**
 * Puts the bytes of a v1 file beside the sessions of a storage path. @throws the system's error.
 * @param setEarlierAside Takes away what another import of the same client id has placed.
 */
export async function prepareImport(
  fileSystem: FileSystem,
  storagePath: string,
  bytes: Buffer,
  setEarlierAside: () => Promise<void>,
): Promise<PendingImport> {
  const file = path.join(storagePath, `import-${randomBytes(4).toString('hex')}.mcps`);
  const pending = `${file}${TEMPORARY_SUFFIX}`;
  await createFile(fileSystem, pending, bytes);
  return {
    async place() {
      await setEarlierAside();
      await fileSystem.rename(pending, file);
      await fileSystem.syncDirectory(storagePath);
    },
    discard: () => removeIfExists(fileSystem, pending),
  };
}
