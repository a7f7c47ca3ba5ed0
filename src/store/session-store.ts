import * as path from 'node:path';
import type { SessionOpener } from '../client/ports';
import { errorCode, SessionError } from '../errors';
import type { RecordCodec } from '../session/state';
import { ClientIds } from './client-ids';
import type { FileSession } from './file-session';
import type { FileSystem } from './file-system';
import { ifExists } from './files';
import { type HolderFacts, systemHolderFacts } from './holder-identity';
import type { Durability } from './journal/journal';
import { RESERVE_NAME } from './journal/reserve';
import { isNoSpace } from './journal/segment-file';
import { limitSyncs } from './limited-file-system';
import { acquireLock, type Lock, LockObservations, SessionLockedError } from './lock';
import { nodeFileSystem } from './node-file-system';
import { recoverSession } from './recovery';
import { sessionDirectoryName } from './safe-name';
import { type Scheduler, systemScheduler } from './scheduler';
import { enterSession } from './session-registry';
import { completeDeletions, removeDeleted, renameAway } from './session-removal';
import { LOCK_FILE_NAME, type SessionSummary, summarize, summarizeAll } from './session-summary';
import { findStoredFiles } from './snapshots';
import { SpaceMonitor } from './space-monitor';
import { prepareStoragePath, storagePathError } from './storage-path';
import { processSyncLimiter, type SyncLimiter } from './sync-limiter';

const CLOSE_WAIT_MS = 5000;
const OPEN_ATTEMPTS_MAX = 5;

export interface SessionStoreOptions {
  /** Directory of all sessions of this store; created, with mode 0700, when missing. */
  path: string;
  /** `always`: synced before a record counts as durable; `interval`: synced once a second; `os`: left to the system. */
  durability?: Durability;
  /** Bytes after which a journal segment is full. */
  segmentBytes?: number;
  /** How long `open` waits for an instance of this process to close the same session. */
  closeWaitMs?: number;
  /** Trouble found while a session is open, a sentence for the log. Default: a warning of the process. */
  onNotice?: (notice: StoreNotice) => void;
  fileSystem?: FileSystem;
  scheduler?: Scheduler;
  holderFacts?: HolderFacts;
  syncLimiter?: SyncLimiter;
}

export interface StoreNotice {
  clientId: string;
  level: 'info' | 'warn' | 'error';
  text: string;
}

/**
 * Prepares the storage path and opens a store on it.
 * @throws SessionError `ERR_STORE_PATH` with the reason when the path cannot be made or written.
 */
export async function openSessionStore(options: SessionStoreOptions): Promise<SessionStore> {
  const fileSystem = options.fileSystem ?? nodeFileSystem;
  const scheduler = options.scheduler ?? systemScheduler;
  const storagePath = await prepareStoragePath(fileSystem, options.path);
  await completeDeletions(fileSystem, storagePath, () => scheduler.now());
  const space = new SpaceMonitor(fileSystem, scheduler, storagePath);
  await space.refresh();
  return new SessionStore({ ...options, path: storagePath, fileSystem, scheduler }, space);
}

/** The sessions below one storage path. Made by `openSessionStore`, or `sharedSessionStore` for all users in a process. */
export class SessionStore implements SessionOpener {
  /** The storage path: absolute, symbolic links resolved. */
  readonly path: string;
  readonly durability: Durability;
  private readonly journalFileSystem: FileSystem;
  private readonly fileSystem: FileSystem;
  private readonly scheduler: Scheduler;
  private readonly facts: HolderFacts;
  private readonly syncLimiter: SyncLimiter;
  private readonly segmentBytes: number | undefined;
  private readonly closeWaitMs: number;
  private readonly onNotice: (notice: StoreNotice) => void;
  private readonly observations: LockObservations;
  private readonly clientIds: ClientIds;
  private readonly inUse = new Set<Promise<void>>();
  private references = 1;
  private closed = false;

  /** @internal Use `openSessionStore`. */
  constructor(
    options: SessionStoreOptions & { fileSystem: FileSystem; scheduler: Scheduler },
    private readonly space: SpaceMonitor,
  ) {
    this.path = options.path;
    this.durability = options.durability ?? 'always';
    this.syncLimiter = options.syncLimiter ?? processSyncLimiter;
    this.journalFileSystem = options.fileSystem;
    this.fileSystem = limitSyncs(options.fileSystem, this.syncLimiter);
    this.scheduler = options.scheduler;
    this.facts = options.holderFacts ?? systemHolderFacts;
    this.segmentBytes = options.segmentBytes;
    this.closeWaitMs = options.closeWaitMs ?? CLOSE_WAIT_MS;
    this.onNotice = options.onNotice ?? warn;
    this.observations = new LockObservations(this.scheduler);
    this.clientIds = new ClientIds(this.fileSystem, this.scheduler, this.facts, this.path);
  }

  /**
   * Locks and recovers the session of `clientId`, creating it when there is none. Waits up to `closeWaitMs` for an
   * instance of this process that closes it; another process's is refused at once: repeat the call.
   * @param expiryInterval Seconds, 0: never; undefined keeps what is stored.
   * @throws SessionError `ERR_SESSION_LOCKED` (a `SessionLockedError` with `holder`), `ERR_SESSION_VERSION`,
   * `ERR_STORE_PATH`, `ERR_STORE_CLOSED`, `ERR_CLIENT_ID`; or the system's code.
   */
  async open<R>(clientId: string, codec: RecordCodec<R>, expiryInterval: number | undefined): Promise<FileSession<R>> {
    const { leave, lock, directory } = await this.occupy(clientId, 'create');
    try {
      return await recoverSession({
        journalFileSystem: this.journalFileSystem,
        fileSystem: this.fileSystem,
        scheduler: this.scheduler,
        syncLimiter: this.syncLimiter,
        durability: this.durability,
        segmentBytes: this.segmentBytes,
        space: this.space,
        storagePath: this.path,
        directory,
        clientId,
        codec,
        expiryInterval,
        lock,
        notice: (notice) => this.onNotice({ clientId, ...notice }),
        onClosed: leave,
      });
    } catch (error) {
      await releaseAfterError(lock);
      leave();
      throw storagePathError(error, this.path);
    }
  }

  /** Whether anything is stored under `clientId`; also for a damaged session. */
  async exists(clientId: string): Promise<boolean> {
    return (await this.inspect(clientId)) !== undefined;
  }

  /** The session of `clientId` as of its last snapshot; undefined when there is none. */
  inspect(clientId: string): Promise<SessionSummary | undefined> {
    return summarize(this.fileSystem, this.directoryOf(clientId));
  }

  /** All sessions of the storage path, open or not, as of their last snapshots. */
  list(): Promise<SessionSummary[]> {
    return summarizeAll(this.fileSystem, this.path);
  }

  /**
   * Deletes a session that is not open; a crash leaves it whole or gone. Resolves to whether there was one.
   * @throws SessionError `ERR_SESSION_LOCKED` while anybody has it open, `ERR_SESSION_VERSION` when a newer version
   * wrote it.
   */
  async delete(clientId: string): Promise<boolean> {
    if (!(await this.exists(clientId))) return false;
    let held: Occupation;
    try {
      held = await this.occupy(clientId, 'existing');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
    const { leave, lock, directory } = held;
    try {
      await findStoredFiles(this.fileSystem, directory);
      // Windows renames no directory in which a file is open.
      await lock.detach();
      const deleted = await renameAway(this.fileSystem, directory);
      await removeDeleted(this.fileSystem, deleted, () => this.scheduler.now());
      return true;
    } catch (error) {
      await releaseAfterError(lock);
      throw error;
    } finally {
      leave();
    }
  }

  /** See `ClientIds.generate`. */
  generateClientId(nodeId: string): Promise<string> {
    return this.clientIds.generate(nodeId);
  }

  /** One more user of a shared store. False: it is closing, get a new one. */
  retain(): boolean {
    if (this.closed) return false;
    this.references++;
    return true;
  }

  /** One user less; the last one closes the store. */
  async release(): Promise<void> {
    if (--this.references <= 0) await this.close();
  }

  /** Takes no new sessions and resolves when the last one is closed; closing them is for who opened them. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.all(this.inUse);
  }

  get isClosed(): boolean {
    return this.closed;
  }

  private directoryOf(clientId: string): string {
    return path.join(this.path, sessionDirectoryName(clientId));
  }

  /** Reserves a session in this process and takes its lock. `leave` ends the reservation. */
  private async occupy(clientId: string, access: 'create' | 'existing'): Promise<Occupation> {
    const directory = this.directoryOf(clientId);
    if (this.closed) throw new SessionError('ERR_STORE_CLOSED', `The session store ${this.path} is closed.`);
    let ended: () => void = () => {};
    const use = new Promise<void>((resolve) => {
      ended = resolve;
    });
    this.inUse.add(use);
    let end: (() => void) | undefined;
    const leave = () => {
      end?.();
      this.inUse.delete(use);
      ended();
    };
    try {
      end = await enterSession(directory, this.scheduler, this.closeWaitMs);
      if (!end) throw await this.stillOpenHere(clientId, directory);
      return { directory, leave, lock: await this.lock(clientId, directory, access) };
    } catch (error) {
      leave();
      throw access === 'create' ? storagePathError(error, this.path) : error;
    }
  }

  private async lock(clientId: string, directory: string, access: 'create' | 'existing'): Promise<Lock> {
    for (let attempt = 1; ; attempt++) {
      try {
        if (access === 'create') await this.fileSystem.makeDirectory(directory);
        await requireDirectory(this.fileSystem, directory);
        return await acquireLock({
          fileSystem: this.fileSystem,
          scheduler: this.scheduler,
          facts: this.facts,
          observations: this.observations,
          path: path.join(directory, LOCK_FILE_NAME),
          subject: `session "${clientId}"`,
        });
      } catch (error) {
        if (isNoSpace(error) && (await this.giveUpReserve(directory))) continue;
        // The directory went away under us: its session is being deleted. The next attempt makes a new one.
        if (access !== 'create' || errorCode(error) !== 'ENOENT' || attempt === OPEN_ATTEMPTS_MAX) throw error;
        if (!(await ifExists(this.fileSystem.status(this.path)))) throw error;
      }
    }
  }

  /** On a full disk the lock of a session that nobody holds takes its room from the journal's reserve. */
  private async giveUpReserve(directory: string): Promise<boolean> {
    const file = await ifExists(this.fileSystem.open(path.join(directory, RESERVE_NAME), 'write'));
    if (!file) return false;
    try {
      const size = await file.size();
      await file.truncate(0);
      return size > 0;
    } finally {
      await file.close();
    }
  }

  private async stillOpenHere(clientId: string, directory: string): Promise<SessionLockedError> {
    return new SessionLockedError(
      `The session "${clientId}" is already open in this process (${directory}). Close it there first.`,
      await this.facts.self(),
      path.join(directory, LOCK_FILE_NAME),
    );
  }
}

interface Occupation {
  directory: string;
  lock: Lock;
  leave: () => void;
}

/** A symbolic link would lead out of the storage path. */
async function requireDirectory(fileSystem: FileSystem, directory: string): Promise<void> {
  if ((await fileSystem.status(directory)).kind === 'directory') return;
  throw new SessionError(
    'ERR_STORE_PATH',
    `${directory} is not a directory, but a file or a symbolic link. Nothing is stored in it: move it away.`,
    { details: { path: directory } },
  );
}

/** The error that led here is the one to report. A lock left behind names this process, and ends with it at the latest. */
async function releaseAfterError(lock: Lock): Promise<void> {
  await lock.release().catch(() => {});
}

function warn({ clientId, text }: StoreNotice): void {
  process.emitWarning(`Session "${clientId}": ${text}`);
}
