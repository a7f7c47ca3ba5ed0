import * as path from 'node:path';
import { SessionError } from '../errors';
import { McpsError } from '../mcps/mcps-error';
import { decodeMcpsV2, encodeMcpsV2, MCPS_VERSION_2, type McpsV2Snapshot } from '../mcps/v2';
import { FAILED_NAME, isFailedTemporary } from './dead-letters/failed-file';
import type { FileSystem } from './file-system';
import { readFile, removeIfExists, replaceFile, TEMPORARY_SUFFIX } from './files';
import { parseSegmentName } from './journal/format';

const SNAPSHOT_NAME = /^session\.(\d{1,15})\.mcps$/;

/** What is in a session's directory. */
export interface StoredFiles {
  /** The newest snapshot that is whole; undefined when there is none. */
  snapshot: McpsV2Snapshot | undefined;
  /** Snapshots that are not whole, newest first. An older one: an opening was killed before it had set it aside. */
  damaged: { path: string; error: SessionError }[];
  /** Paths of all snapshots. */
  snapshotPaths: string[];
  /** Whether there are journal segments, of whatever epoch. */
  hasSegments: boolean;
  /** The highest epoch that any file name or the snapshot carries; 0: none. */
  epoch: number;
  /** Whether there are dead letters, or may be: they were being written. */
  hasDeadLetters: boolean;
  /** Left-overs of snapshots and dead letters that were being written. */
  temporaryPaths: string[];
}

export function snapshotPath(directory: string, epoch: number): string {
  return path.join(directory, `session.${epoch}.mcps`);
}

/**
 * Finds the newest valid snapshot of a session: highest epoch first, so that a crash during a take-over leaves either
 * the old or the new one in force.
 * @param clientId When given, a snapshot of another session counts as damaged.
 * @param names What is in `directory`, if that is known already.
 * @throws SessionError `ERR_SESSION_VERSION` when the newest was written by a newer version; errors of the file system
 * (a file that cannot be read is not a damaged one).
 */
export async function findStoredFiles(
  fileSystem: FileSystem,
  directory: string,
  { clientId, names }: { clientId?: string | undefined; names?: readonly string[] } = {},
): Promise<StoredFiles> {
  const present = names ?? (await fileSystem.list(directory));
  const snapshots = present
    .flatMap((name) => {
      const epoch = SNAPSHOT_NAME.exec(name)?.[1];
      return epoch === undefined ? [] : [{ path: path.join(directory, name), epoch: Number(epoch) }];
    })
    .sort((a, b) => b.epoch - a.epoch);
  const segments = present.flatMap((name) => parseSegmentName(name) ?? []);

  const found: StoredFiles = {
    snapshot: undefined,
    damaged: [],
    snapshotPaths: snapshots.map((file) => file.path),
    hasSegments: segments.length > 0,
    epoch: Math.max(0, ...snapshots.map((file) => file.epoch), ...segments.map((segment) => segment.epoch)),
    hasDeadLetters: present.some((name) => name === FAILED_NAME || isFailedTemporary(name)),
    temporaryPaths: present
      .filter((name) => isSnapshotTemporary(name) || isFailedTemporary(name))
      .map((name) => path.join(directory, name)),
  };
  for (const file of snapshots) {
    try {
      const snapshot = await readSnapshot(fileSystem, file.path, clientId);
      if (found.snapshot === undefined) {
        found.snapshot = snapshot;
        found.epoch = Math.max(found.epoch, snapshot.journal.epoch);
      }
    } catch (error) {
      if (!(error instanceof McpsError)) throw error;
      if (!isNewer(error)) found.damaged.push({ path: file.path, error });
      else if (found.snapshot === undefined) throw newerVersionError(file.path, error);
    }
  }
  return found;
}

/** The snapshot with the highest epoch among files of a session. */
export function newestSnapshotName(names: readonly string[]): string | undefined {
  let newest: { name: string; epoch: number } | undefined;
  for (const name of names) {
    const epoch = Number(SNAPSHOT_NAME.exec(name)?.[1] ?? -1);
    if (epoch > (newest?.epoch ?? -1)) newest = { name, epoch };
  }
  return newest?.name;
}

/** True for a snapshot that was being written. */
export function isSnapshotTemporary(name: string): boolean {
  return name.startsWith('session.') && name.endsWith(TEMPORARY_SUFFIX);
}

/** Makes `snapshot` the one of its epoch; durable when resolved. Resolves to the bytes written. */
export async function writeSnapshot(
  fileSystem: FileSystem,
  directory: string,
  snapshot: McpsV2Snapshot,
): Promise<Buffer> {
  const bytes = encodeMcpsV2(snapshot);
  await replaceFile(fileSystem, snapshotPath(directory, snapshot.journal.epoch), bytes);
  return bytes;
}

/** Removes those of `files` that the snapshot `current` has made superfluous. */
export async function removeSuperseded(
  fileSystem: FileSystem,
  files: readonly string[],
  current: string,
): Promise<void> {
  for (const file of files) if (file !== current) await removeIfExists(fileSystem, file);
}

async function readSnapshot(
  fileSystem: FileSystem,
  file: string,
  clientId: string | undefined,
): Promise<McpsV2Snapshot> {
  const snapshot = decodeMcpsV2(await readFile(fileSystem, file));
  if (clientId !== undefined && snapshot.metadata.clientId !== clientId) {
    throw new McpsError('ERR_MCPS_VALUE', `it belongs to client id "${snapshot.metadata.clientId}"`);
  }
  return snapshot;
}

/** A version above ours, or a section that only a newer release can know. */
function isNewer(error: McpsError): boolean {
  const { version, newer } = error.details;
  return newer === true || (error.code === 'ERR_MCPS_VERSION' && Number(version) > MCPS_VERSION_2);
}

function newerVersionError(file: string, cause: McpsError): SessionError {
  return new SessionError(
    'ERR_SESSION_VERSION',
    `${file} was written by a newer version of this package (${cause.message}). It is left as it is; install that version again to use it.`,
    { cause, details: { path: file } },
  );
}
