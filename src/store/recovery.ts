import * as path from 'node:path';
import type { RecoveredSession } from '../client/ports';
import type { RecordCodec } from '../session/state';
import { accessTime, FileSession } from './file-session';
import type { FileSystem } from './file-system';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from './journal/format';
import { type Durability, openJournal } from './journal/journal';
import type { Lock } from './lock';
import { newSnapshot } from './new-snapshot';
import { Quarantine } from './quarantine';
import type { Scheduler } from './scheduler';
import { findStoredFiles, removeSuperseded, type StoredFiles, writeSnapshot } from './snapshots';
import type { SpaceMonitor } from './space-monitor';
import type { SyncLimiter } from './sync-limiter';

export interface RecoveryOptions<R> {
  /** Without the limit on syncs, which the journal applies itself. */
  journalFileSystem: FileSystem;
  fileSystem: FileSystem;
  scheduler: Scheduler;
  syncLimiter: SyncLimiter;
  durability: Durability;
  segmentBytes: number | undefined;
  space: SpaceMonitor;
  storagePath: string;
  directory: string;
  clientId: string;
  codec: RecordCodec<R>;
  expiryInterval: number | undefined;
  lock: Lock;
  onClosed: () => void;
}

/**
 * Opens the session in a directory whose lock is ours, one epoch above anything there:
 *
 * 1. the newest valid snapshot is chosen,
 * 2. the journal takes over its segments, by renaming them to the new epoch, and is replayed,
 * 3. a snapshot of the new epoch says so, durably,
 * 4. damaged snapshots go to quarantine, older ones are removed.
 *
 * A crash after any step leaves a directory from which the same steps give the same session.
 */
export async function recoverSession<R>(options: RecoveryOptions<R>): Promise<FileSession<R>> {
  const { fileSystem, scheduler, storagePath, directory, clientId, expiryInterval, lock } = options;
  const stored = await findStoredFiles(fileSystem, directory, clientId);
  const isNew = stored.snapshotPaths.length === 0 && stored.segmentNames.length === 0;
  const found = stored.snapshot ?? newSnapshot(clientId, accessTime(0, scheduler), await journalUid(options, stored));
  const metadata = { ...found.metadata, expiryInterval: expiryInterval ?? found.metadata.expiryInterval };
  const quarantine = new Quarantine(fileSystem, storagePath, path.basename(directory), () => scheduler.now());

  const { journal, records, notices } = await openJournal<R>({
    fileSystem: options.journalFileSystem,
    scheduler,
    directory,
    codec: options.codec,
    uid: found.journal.uid,
    epoch: stored.epoch + 1,
    durability: options.durability,
    position: stored.snapshot?.journal,
    stateSequence: found.state.sequence,
    syncLimiter: options.syncLimiter,
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
    verifyHolder: () => lock.verify(),
    quarantine: async (file, reason) => {
      await quarantine.take(file, reason);
    },
  });
  try {
    const snapshot = await writeSnapshot(fileSystem, directory, {
      metadata: { ...metadata, lastAccessAt: accessTime(metadata.lastAccessAt, scheduler) },
      state: found.state,
      journal: journal.position(),
    });
    if (isNew) await fileSystem.syncDirectory(storagePath);
    const recovered: RecoveredSession<R> = {
      metadata,
      state: found.state,
      records,
      isNew,
      notices: [...(await setAsideDamaged(stored, quarantine)), ...notices],
    };
    await removeSuperseded(fileSystem, directory, stored, stored.epoch + 1);
    return new FileSession({ ...options, journal, recovered, snapshot });
  } catch (error) {
    // The first error is the one to report; a journal without appended records has nothing to lose.
    await journal.close().catch(() => {});
    throw error;
  }
}

/** The uid that the journal's segments carry, when no snapshot is left to say it. Undefined: no segment says it either. */
async function journalUid<R>(options: RecoveryOptions<R>, stored: StoredFiles): Promise<Buffer | undefined> {
  for (const name of stored.segmentNames.toReversed()) {
    const file = await options.fileSystem.open(path.join(options.directory, name), 'read');
    try {
      const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
      const length = await file.read(bytes, 0, bytes.length, 0);
      const header = decodeSegmentHeader(bytes.subarray(0, length));
      if (header) return header.uid;
    } finally {
      await file.close();
    }
  }
  return undefined;
}

async function setAsideDamaged(
  stored: StoredFiles,
  quarantine: Quarantine,
): Promise<RecoveredSession<unknown>['notices']> {
  const notices: RecoveredSession<unknown>['notices'] = [];
  for (const { path: file, error } of stored.damaged) {
    const kept = await quarantine.take(file, error.message);
    const consequence = stored.snapshot
      ? 'an older snapshot was used in its place'
      : 'subscriptions, packet identifiers and settings that only it held are lost, messages in the journal are kept';
    notices.push({
      level: 'error',
      text: `The snapshot ${file} is damaged (${error.message}); ${consequence}. It is kept as ${kept ?? file}.`,
    });
  }
  return notices;
}

