import * as path from 'node:path';
import { errorCode, SessionError } from '../errors';
import type { SessionMetadata, SessionState } from '../session/state';
import { FAILED_NAME } from './dead-letters/failed-file';
import { type DeadLetterCount, storedDeadLetters } from './dead-letters/stored-count';
import type { FileStatus, FileSystem } from './file-system';
import { ifExists } from './files';
import type { HolderIdentity } from './holder-identity';
import { parseSegmentName, SEGMENT_HEADER_BYTES } from './journal/format';
import { readLockFile } from './lock-chain';
import { isSessionDirectoryName } from './safe-name';
import { isOccupied } from './session-registry';
import { sideBySide } from './side-by-side';
import { findStoredFiles, newestSnapshotName } from './snapshots';

export const LOCK_FILE_NAME = 'lock';
const ATTEMPTS_MAX = 10;

/** A stored session as of its last snapshot; what happened since is in its journal, which is not read. */
export interface SessionSummary {
  directory: string;
  metadata?: SessionMetadata;
  state?: SessionState;
  /** Size of all its files. */
  bytes: number;
  deadLetters: DeadLetterCount;
  /** The journal may have gone on after the snapshot: somebody has it open, was killed, or could make no snapshot. */
  isBehind: boolean;
  /** Open, opening or closing in this process. */
  isOpen: boolean;
  /** What the lock file says, whether or not that process still runs. */
  holder?: HolderIdentity;
  /** Why there is no metadata: damaged (`ERR_MCPS_...`) or written by a newer version (`ERR_SESSION_VERSION`). */
  error?: SessionError;
}

/** The session in `directory`; undefined when nothing is stored there. Reads only. */
export async function summarize(fileSystem: FileSystem, directory: string): Promise<SessionSummary | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await summarizeNow(fileSystem, directory);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
      // A file went away while it was being looked at: somebody opens the session, or deletes it.
      if (!(await ifExists(fileSystem.status(directory)))) return undefined;
      if (attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

async function summarizeNow(fileSystem: FileSystem, directory: string): Promise<SessionSummary | undefined> {
  const isOpen = isOccupied(directory);
  const summary: SessionSummary = { directory, bytes: 0, deadLetters: { bytes: 0 }, isBehind: false, isOpen };
  const names = await fileSystem.list(directory);
  let deadLettersCounted: number | undefined;
  try {
    const stored = await findStoredFiles(fileSystem, directory, { names });
    if (stored.snapshotPaths.length === 0 && !stored.hasSegments) return undefined;
    if (stored.snapshot) {
      summary.metadata = stored.snapshot.metadata;
      summary.state = stored.snapshot.state;
      deadLettersCounted = stored.snapshot.deadLetters?.count;
    } else {
      summary.error = stored.damaged[0]?.error ?? snapshotMissing(directory);
    }
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    summary.error = error;
  }
  const files = new Map<string, FileStatus>();
  for (const name of names) {
    const status = await ifExists(fileSystem.status(path.join(directory, name)));
    if (status === undefined) continue;
    files.set(name, status);
    summary.bytes += status.size;
  }
  // Closing makes the snapshot last of all, then removes the lock.
  const snapshotAt = files.get(newestSnapshotName(names) ?? '')?.modifiedAt ?? 0;
  const isLater = ({ modifiedAt }: FileStatus) => modifiedAt > snapshotAt;
  const isLaterSegment = ([name, status]: [string, FileStatus]) =>
    parseSegmentName(name) !== undefined && status.size > SEGMENT_HEADER_BYTES && isLater(status);
  summary.isBehind = isOpen || names.includes(LOCK_FILE_NAME) || [...files].some(isLaterSegment);
  const failedFile = files.get(FAILED_NAME);
  // Age removes dead letters of a session that is closed, too.
  const isCounted = !summary.isBehind && failedFile !== undefined && !isLater(failedFile);
  summary.deadLetters = storedDeadLetters(failedFile?.size ?? 0, isCounted ? deadLettersCounted : undefined);
  if (names.includes(LOCK_FILE_NAME)) {
    const holder = (await readLockFile(fileSystem, path.join(directory, LOCK_FILE_NAME)))?.content;
    if (holder) summary.holder = holder;
  }
  return summary;
}

/** All sessions in a storage path, in the order of their directories' names. Foreign files and directories are passed over. */
export async function summarizeAll(fileSystem: FileSystem, storagePath: string): Promise<SessionSummary[]> {
  const directories = (await fileSystem.list(storagePath))
    .filter(isSessionDirectoryName)
    .map((name) => path.join(storagePath, name));
  const summaries = new Map<string, SessionSummary>();
  await sideBySide(directories, async (directory) => {
    const status = await ifExists(fileSystem.status(directory));
    if (status?.kind !== 'directory') return;
    const summary = await summarize(fileSystem, directory);
    if (summary) summaries.set(directory, summary);
  });
  return directories.flatMap((directory) => summaries.get(directory) ?? []);
}

function snapshotMissing(directory: string): SessionError {
  return new SessionError('ERR_MCPS_TRUNCATED', `${directory} holds journal segments, but no snapshot.`);
}
