import * as path from 'node:path';
import type { FileSystem } from '../file-system';
import { ifExists } from '../files';
import type { JournalNotice } from '../journal/types';
import type { Lock } from '../lock';
import type { Quarantine } from '../quarantine';
import { FailedEntries } from './failed-entries';
import { FAILED_NAME, FailedFile } from './failed-file';
import { DeadLetterKey } from './format';
import { scanDeadLetters } from './scan';

/** How many dead letters a session has that nobody has open. @throws SessionError `ERR_SESSION_VERSION`; the system's error. */
export async function countDeadLetters(fileSystem: FileSystem, directory: string, uid: Buffer): Promise<number> {
  const file = path.join(directory, FAILED_NAME);
  const handle = await ifExists(fileSystem.open(file, 'read'));
  if (handle === undefined) return 0;
  try {
    return (await scanDeadLetters(handle, new DeadLetterKey(uid), file)).entries.length;
  } finally {
    await handle.close();
  }
}

export interface ClosedSession {
  fileSystem: FileSystem;
  directory: string;
  uid: Buffer;
  /** Ours. */
  lock: Lock;
  quarantine: Quarantine;
  notice: (notice: JournalNotice) => void;
  ageMsMax: number;
  /** Milliseconds since the epoch. */
  now: number;
}

/** Removes dead letters that are too old from a session that nobody has open. Resolves to how many. */
export async function tidyStoredDeadLetters(session: ClosedSession): Promise<number> {
  const { fileSystem, directory, uid, lock, quarantine, notice, ageMsMax, now } = session;
  const key = new DeadLetterKey(uid);
  const file = new FailedFile({
    fileSystem,
    directory,
    key,
    closedInOrder: lock.predecessor === undefined,
    verifyHolder: () => lock.verify(),
    quarantine: (damaged, reason) => quarantine.copy(damaged, reason),
    notice,
  });
  try {
    await file.load();
    return await new FailedEntries(file, key, { bytesMax: Number.POSITIVE_INFINITY, ageMsMax }).tidy(now);
  } finally {
    await file.close();
  }
}
