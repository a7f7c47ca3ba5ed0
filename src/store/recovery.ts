import * as path from 'node:path';
import type { DeadLetterLimits, RecoveredSession } from '../client/ports';
import { errorCode } from '../errors';
import type { McpsV2Snapshot } from '../mcps/v2';
import type { RecordCodec } from '../session/state';
import { DAY_MS, DEFAULT_DEAD_LETTER_BYTES, DEFAULT_KEEP_FAILED_DAYS, DeadLetters } from './dead-letters/dead-letters';
import { accessTime, FileSession, writeDespiteFullDisk } from './file-session';
import type { FileSystem } from './file-system';
import { JournalKey } from './journal/format';
import { type Durability, type JournalNotice, readJournalUid } from './journal/journal';
import { openJournal } from './journal/open-journal';
import { surveyJournal } from './journal/survey';
import type { Lock } from './lock';
import { newSnapshot } from './new-snapshot';
import { findOriginals, keepOriginal, type Original } from './originals';
import { Quarantine } from './quarantine';
import type { Scheduler } from './scheduler';
import { findStoredFiles, removeSuperseded, type StoredFiles, snapshotPath, writeSnapshot } from './snapshots';
import type { SpaceMonitor } from './space-monitor';
import type { SyncLimiter } from './sync-limiter';

const VERIFY_ATTEMPTS_MAX = 10;
const VERIFY_RETRY_MS = 500;

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
  limits: DeadLetterLimits;
  lock: Lock;
  /** Damage or trouble found while the session is open. */
  notice: (notice: JournalNotice) => void;
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
  const stored = await findStoredFiles(fileSystem, directory, { clientId });
  const uid = stored.snapshot ? undefined : await readJournalUid(fileSystem, directory);
  const isNew = stored.snapshotPaths.length === 0 && !(await hasRecords(options, stored, uid));
  const migration = isNew ? await migrate(options, uid) : undefined;
  const found = stored.snapshot ?? migration?.snapshot ?? newSnapshot(clientId, accessTime(0, scheduler), uid);
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
    verifyHolder: () => verifyPatiently(lock, scheduler),
    quarantine: (file, reason) => quarantine.copy(file, reason),
    notice: options.notice,
  });
  try {
    const snapshot = await writeDespiteFullDisk(journal, () =>
      writeSnapshot(fileSystem, directory, {
        metadata: { ...metadata, lastAccessAt: accessTime(metadata.lastAccessAt, scheduler) },
        state: found.state,
        journal: journal.position(),
        ...(found.deadLetters === undefined ? {} : { deadLetters: found.deadLetters }),
      }),
    );
    // Also for one that is not new: who made it may have been killed before.
    await fileSystem.syncDirectory(storagePath);
    const originals = await keepOriginals(options, migration?.original);
    const damaged = await setAsideDamaged(stored, quarantine);
    const recovered: RecoveredSession<R> = {
      metadata,
      state: found.state,
      records,
      uid: found.journal.uid.toString('hex'),
      isNew: isNew && migration?.original === undefined,
      mayHaveLostRecords: lock.mayHaveLostUnsynced && options.durability !== 'always',
      notices: [...(migration?.notices ?? []), ...originals, ...damaged.notices, ...notices],
    };
    const superseded = [...stored.snapshotPaths, ...stored.temporaryPaths].filter((file) => !damaged.left.has(file));
    await removeSuperseded(fileSystem, superseded, snapshotPath(directory, stored.epoch + 1));
    const deadLetters = deadLettersOf(options, found, stored.hasDeadLetters, quarantine);
    return new FileSession({ ...options, journal, deadLetters, recovered, snapshot });
  } catch (error) {
    // The first error is the one to report; a journal without appended records has nothing to lose.
    await journal.close().catch(() => {});
    throw error;
  }
}

/** Reads them in the background where there are any, so that opening does not wait for them. */
function deadLettersOf<R>(
  options: RecoveryOptions<R>,
  { journal: { uid }, deadLetters: expected }: McpsV2Snapshot,
  isThere: boolean,
  quarantine: Quarantine,
): DeadLetters<R> {
  const { limits, lock, scheduler, notice, directory } = options;
  const mayExist = isThere || (expected !== undefined && expected.count > 0);
  const deadLetters = new DeadLetters<R>({
    ...options,
    uid,
    mayExist,
    expected,
    bytesMax: limits.deadLetterBytes ?? DEFAULT_DEAD_LETTER_BYTES,
    ageMsMax: (limits.keepFailedDays ?? DEFAULT_KEEP_FAILED_DAYS) * DAY_MS,
    closedInOrder: lock.predecessor === undefined,
    verifyHolder: () => verifyPatiently(lock, scheduler),
    quarantine: (file, reason) => quarantine.copy(file, reason),
  });
  if (mayExist) {
    deadLetters.tidy().catch((error: Error) => {
      if (errorCode(error) === 'ERR_SESSION_LOST') return;
      notice({ level: 'error', text: `The dead letters in ${directory} cannot be used now: ${error.message}` });
    });
  }
  return deadLetters;
}

/**
 * Whether there is a record, in a session without a snapshot: a first opening that was killed leaves a segment without
 * any, and that session is as new as before.
 */
async function hasRecords<R>(
  { journalFileSystem, directory, codec }: RecoveryOptions<R>,
  { hasSegments }: StoredFiles,
  uid: Buffer | undefined,
): Promise<boolean> {
  if (!hasSegments || uid === undefined) return false;
  const survey = await surveyJournal(journalFileSystem, directory, new JournalKey(uid), codec, undefined, 0);
  return survey.records.length > 0 || survey.damaged.length > 0;
}

/** Looks for what the original implementation left of a session that has no files of ours yet. */
async function migrate<R>(
  { fileSystem, storagePath, clientId, codec }: RecoveryOptions<R>,
  uid: Buffer | undefined,
): Promise<{
  original: Original | undefined;
  snapshot: McpsV2Snapshot | undefined;
  notices: JournalNotice[];
}> {
  if (codec.migrate === undefined) return { original: undefined, snapshot: undefined, notices: [] };
  // An empty session would hide one that cannot be read.
  const { originals, unreadable } = await findOriginals(fileSystem, storagePath, clientId, 'refuse');
  const original = originals[0];
  const notices: JournalNotice[] = unreadable.map(({ path: file, error }) => ({
    level: 'error',
    text: `The session file ${file} cannot be migrated (${error.message}); it is left as it is.`,
  }));
  if (original === undefined) return { original, snapshot: undefined, notices };
  const { session, path: file } = original;
  const { createdTime: createdAt, lastAccessTime: lastAccessAt, expiryInterval } = session;
  const snapshot = newSnapshot(clientId, createdAt, uid);
  const { state, leftOut } = codec.migrate(session);
  notices.push({
    level: 'info',
    text: `The session was migrated from ${file}: ${state.subscriptions.length} subscriptions, ${state.open.length} messages.`,
  });
  for (const text of leftOut) notices.push({ level: 'warn', text: `${text} (${file}, which is kept).` });
  return {
    original,
    snapshot: {
      ...snapshot,
      metadata: { clientId, createdAt, lastAccessAt, expiryInterval },
      state,
    },
    notices,
  };
}

/**
 * Moves what the original implementation left of the session beside it, now that it is durable: also what an earlier
 * opening that was killed had migrated. `migrated` was read in this one. Damaged ones stay where they are.
 */
async function keepOriginals<R>(
  { fileSystem, storagePath, directory, clientId, codec }: RecoveryOptions<R>,
  migrated: Original | undefined,
): Promise<JournalNotice[]> {
  if (codec.migrate === undefined) return [];
  const notices: JournalNotice[] = [];
  const { originals } = await findOriginals(fileSystem, storagePath, clientId, 'passOver');
  for (const { path: file } of originals) {
    const isMigrated = file === migrated?.path;
    const consequence = isMigrated ? '' : ' It was not read: the session exists. Import it in its place to use it.';
    try {
      const target = await keepOriginal(fileSystem, file, directory);
      notices.push({ level: isMigrated ? 'info' : 'warn', text: `${file} is now ${target}.${consequence}` });
    } catch (error) {
      notices.push({ level: 'warn', text: `${file} cannot be moved to its session: ${String(error)}.${consequence}` });
    }
  }
  return notices;
}

/** Moves damaged snapshots to quarantine. `left`: those that could not be moved. */
async function setAsideDamaged(
  stored: StoredFiles,
  quarantine: Quarantine,
): Promise<{ notices: JournalNotice[]; left: Set<string> }> {
  const notices: JournalNotice[] = [];
  const left = new Set<string>();
  for (const { path: file, error } of stored.damaged) {
    let whereabouts: string;
    try {
      whereabouts = `It is kept as ${(await quarantine.take(file, error.message)) ?? file}.`;
    } catch (trouble) {
      // A full disk must not keep a session closed of which the rest can be read.
      whereabouts = `It could not be moved to quarantine (${String(trouble)}) and stays where it is.`;
      left.add(file);
    }
    const consequence = stored.snapshot
      ? 'an older snapshot was used in its place'
      : 'subscriptions, packet identifiers and settings that only it held are lost, messages in the journal are kept';
    notices.push({
      level: 'error',
      text: `The snapshot ${file} is damaged (${error.message}); ${consequence}. ${whereabouts}`,
    });
  }
  return { notices, left };
}

/**
 * Asks again when the file system cannot say whose the lock is; meanwhile nothing is reported as stored. In the end not
 * knowing counts as having lost it.
 */
async function verifyPatiently(lock: Lock, scheduler: Scheduler): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await lock.verify();
      return;
    } catch (error) {
      if (errorCode(error) === 'ERR_SESSION_LOST' || attempt === VERIFY_ATTEMPTS_MAX) throw error;
    }
    await new Promise<void>((resolve) => scheduler.after(VERIFY_RETRY_MS, resolve));
  }
}
