import * as path from 'node:path';
import type { DeadLetterLimits, SessionOpener } from '../client/ports';
import { errorCode, SessionError } from '../errors';
import type { RecordCodec } from '../session/state';
import { CleanUp, type CleanUpHost, type CleanUpOptions, type CleanUpResult } from './clean-up';
import { CleanUpTimer, type CleanUpUser } from './clean-up-timer';
import { ClientIds } from './client-ids';
import { DEFAULT_KEEP_FAILED_DAYS } from './dead-letters/dead-letters';
import type { FileSession } from './file-session';
import type { FileSystem } from './file-system';
import { type HolderFacts, systemHolderFacts } from './holder-identity';
import type { Durability } from './journal/journal';
import type { JournalNotice } from './journal/types';
import { limitSyncs } from './limited-file-system';
import { nodeFileSystem } from './node-file-system';
import { type PendingImport, prepareImport } from './original-import';
import { setImportsAside } from './originals';
import { Quarantine } from './quarantine';
import { recoverSession } from './recovery';
import { sessionDirectoryName } from './safe-name';
import { type Scheduler, systemScheduler } from './scheduler';
import { type Occupation, releaseAfterError, SessionOccupant, whileOccupied } from './session-occupant';
import { completeDeletions } from './session-removal';
import { type SessionSummary, summarize, summarizeAll } from './session-summary';
import { SessionUpkeep } from './session-upkeep';
import { findStoredFiles } from './snapshots';
import { SpaceMonitor } from './space-monitor';
import { prepareStoragePath, storagePathError, withStoragePath } from './storage-path';
import { processSyncLimiter, type SyncLimiter } from './sync-limiter';

const CLOSE_WAIT_MS = 5000;

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
  /** @internal */
  fileSystem?: FileSystem;
  /** @internal */
  scheduler?: Scheduler;
  /** @internal */
  holderFacts?: HolderFacts;
  /** @internal */
  syncLimiter?: SyncLimiter;
}

export interface StoreNotice {
  /** Of a session that was deleted, and whose client id nobody knows any more, the name of its directory. */
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
  const onNotice = options.onNotice ?? warn;
  const now = () => scheduler.now();
  const deletions = completeDeletions(fileSystem, storagePath, now, (name, { message }) => {
    const text = `It was deleted; what is left of it in ${storagePath} cannot be removed now: ${message}. Clean-up tries again.`;
    onNotice({ clientId: name, level: 'warn', text });
  });
  await withStoragePath(storagePath, deletions);
  const space = new SpaceMonitor(fileSystem, scheduler, storagePath);
  await withStoragePath(storagePath, space.refresh());
  return new SessionStore({ ...options, path: storagePath, fileSystem, scheduler }, space);
}

/** The sessions below one storage path. Made by `openSessionStore`, or `sharedSessionStore` for all users in a process. */
export class SessionStore implements SessionOpener {
  /** The storage path: absolute, symbolic links resolved. */
  readonly path: string;
  readonly durability: Durability;
  readonly #journalFileSystem: FileSystem;
  readonly #fileSystem: FileSystem;
  readonly #scheduler: Scheduler;
  readonly #syncLimiter: SyncLimiter;
  readonly #segmentBytes: number | undefined;
  readonly #onNotice: (notice: StoreNotice) => void;
  readonly #occupant: SessionOccupant;
  readonly #upkeep: SessionUpkeep;
  readonly #clientIds: ClientIds;
  readonly #openSessions = new Map<string, { tidyDeadLetters(): Promise<number> }>();
  readonly #cleanUpTimer: CleanUpTimer;
  #cleaning: Promise<void> = Promise.resolve();
  #references = 1;
  #closed = false;

  /** @internal Use `openSessionStore`. */
  constructor(
    options: SessionStoreOptions & { fileSystem: FileSystem; scheduler: Scheduler },
    private readonly space: SpaceMonitor,
  ) {
    this.path = options.path;
    this.durability = options.durability ?? 'always';
    this.#syncLimiter = options.syncLimiter ?? processSyncLimiter;
    this.#journalFileSystem = options.fileSystem;
    this.#fileSystem = limitSyncs(options.fileSystem, this.#syncLimiter);
    this.#scheduler = options.scheduler;
    this.#segmentBytes = options.segmentBytes;
    this.#onNotice = options.onNotice ?? warn;
    const facts = options.holderFacts ?? systemHolderFacts;
    this.#occupant = new SessionOccupant({
      fileSystem: this.#fileSystem,
      scheduler: this.#scheduler,
      facts,
      storagePath: this.path,
      closeWaitMs: options.closeWaitMs ?? CLOSE_WAIT_MS,
    });
    this.#upkeep = new SessionUpkeep(this.#fileSystem, this.path, () => this.#scheduler.now());
    this.#cleanUpTimer = new CleanUpTimer((round) => this.cleanUp(round), this.#scheduler);
    this.#clientIds = new ClientIds(this.#fileSystem, this.#scheduler, facts, this.path);
  }

  /**
   * Locks and recovers the session of `clientId`, creating it when there is none. Waits up to `closeWaitMs` for an
   * instance of this process that closes it; another process's is refused at once: repeat the call.
   * @param expiryInterval Seconds, 0: never; undefined keeps what is stored.
   * @throws SessionError `ERR_SESSION_LOCKED` (a `SessionLockedError` with `holder`), `ERR_SESSION_VERSION`,
   * `ERR_STORE_PATH`, `ERR_STORE_CLOSED`, `ERR_CLIENT_ID`; or the system's code.
   */
  open<R>(
    clientId: string,
    codec: RecordCodec<R>,
    expiryInterval: number | undefined,
    limits: DeadLetterLimits = {},
  ): Promise<FileSession<R>> {
    return this.#openAs('create', clientId, codec, expiryInterval, limits);
  }

  /** As `open`, but makes no session: @throws also the system's `ENOENT` when there is none (any more). */
  openExisting<R>(
    clientId: string,
    codec: RecordCodec<R>,
    expiryInterval: number | undefined,
    limits: DeadLetterLimits = {},
  ): Promise<FileSession<R>> {
    return this.#openAs('existing', clientId, codec, expiryInterval, limits);
  }

  async #openAs<R>(
    access: 'create' | 'existing',
    clientId: string,
    codec: RecordCodec<R>,
    expiryInterval: number | undefined,
    limits: DeadLetterLimits,
  ): Promise<FileSession<R>> {
    const { leave, lock, directory } = await this.#occupy(clientId, access);
    try {
      const session = await recoverSession({
        journalFileSystem: this.#journalFileSystem,
        fileSystem: this.#fileSystem,
        scheduler: this.#scheduler,
        syncLimiter: this.#syncLimiter,
        durability: this.durability,
        segmentBytes: this.#segmentBytes,
        space: this.space,
        storagePath: this.path,
        directory,
        clientId,
        codec,
        expiryInterval,
        limits,
        lock,
        notice: (notice) => this.#onNotice({ clientId, ...notice }),
        onClosed: () => {
          this.#openSessions.delete(directory);
          leave();
        },
      });
      this.#openSessions.set(directory, session);
      return session;
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
    return withStoragePath(this.path, summarize(this.#fileSystem, this.#directoryOf(clientId)));
  }

  /** All sessions of the storage path, open or not, as of their last snapshots. */
  list(): Promise<SessionSummary[]> {
    return withStoragePath(this.path, summarizeAll(this.#fileSystem, this.path));
  }

  /**
   * Deletes a session that is not open; a crash leaves it whole or gone. Resolves to whether there was one.
   * @throws SessionError `ERR_SESSION_LOCKED` while anybody has it open, `ERR_SESSION_VERSION` when a newer version
   * wrote it; the error of `permit`.
   * @param permit Called while the session is locked, before anything changes; to refuse it throws.
   */
  async delete(
    clientId: string,
    permit: (fileSystem: FileSystem, directory: string) => Promise<void> = async () => undefined,
  ): Promise<boolean> {
    if (!(await this.exists(clientId))) return false;
    let held: Occupation;
    try {
      held = await this.#occupy(clientId, 'existing');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw storagePathError(error, this.path);
    }
    const erased = whileOccupied(held, async () => {
      await findStoredFiles(this.#fileSystem, held.directory);
      await permit(this.#fileSystem, held.directory);
      await this.#upkeep.erase(clientId, held);
    });
    await withStoragePath(this.path, erased);
    return true;
  }

  /**
   * Deletes the sessions that have expired: not used for longer than their expiry interval, as far as the clock can be
   * believed, by nobody else either, and not `isInUse`. Also what is too old in quarantine and among dead letters, and
   * what interrupted work left behind. Journals are not read. One failure does not stop the rest.
   * @throws The system's error when the storage path cannot be listed.
   */
  cleanUp(options: CleanUpOptions = {}): Promise<CleanUpResult> {
    const { isInUse = () => false, keepFailedDays = DEFAULT_KEEP_FAILED_DAYS, onRemoved = () => {} } = options;
    const result = this.#cleaning.then(() => {
      if (this.#closed) throw this.#closedError();
      return withStoragePath(this.path, new CleanUp(this.#cleanUpHost(), { isInUse, keepFailedDays, onRemoved }).run());
    });
    this.#cleaning = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  /** Cleans up now and then until the returned function is called, or the store is closed. See `CleanUpTimer`. */
  cleanUpRegularly(user: CleanUpUser): () => void {
    return this.#cleanUpTimer.add(user);
  }

  /** See `prepareImport`. `clientId`: the one in the file. */
  async prepareImport(bytes: Buffer, clientId: string): Promise<PendingImport> {
    const now = () => this.#scheduler.now();
    const quarantine = new Quarantine(this.#fileSystem, this.path, sessionDirectoryName(clientId), now);
    const preparing = prepareImport(this.#fileSystem, this.path, bytes, () =>
      setImportsAside(this.#fileSystem, this.path, clientId, quarantine),
    );
    const pending = await withStoragePath(this.path, preparing);
    return {
      place: () => withStoragePath(this.path, pending.place()),
      discard: () => withStoragePath(this.path, pending.discard()),
    };
  }

  /** See `ClientIds.generate`. */
  generateClientId(nodeId: string): Promise<string> {
    return withStoragePath(this.path, this.#clientIds.generate(nodeId));
  }

  /** See `ClientIds.all`. */
  generatedClientIds(): Promise<ReadonlyMap<string, string>> {
    return withStoragePath(this.path, this.#clientIds.all());
  }

  /** One more user of a shared store. False: it is closing, get a new one. */
  retain(): boolean {
    if (this.#closed) return false;
    this.#references++;
    return true;
  }

  /** One user less; the last one closes the store. */
  async release(): Promise<void> {
    if (--this.#references <= 0) await this.close();
  }

  /** Takes no new sessions and resolves when the last one is closed; closing them is for who opened them. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cleanUpTimer.stop();
    await Promise.all([this.#occupant.allLeft(), this.#cleaning]);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  #directoryOf(clientId: string): string {
    return path.join(this.path, sessionDirectoryName(clientId));
  }

  async #occupy(clientId: string, access: 'create' | 'existing'): Promise<Occupation> {
    const directory = this.#directoryOf(clientId);
    if (this.#closed) throw this.#closedError();
    return this.#occupant.occupy(directory, clientId, access);
  }

  #closedError(): SessionError {
    return new SessionError('ERR_STORE_CLOSED', `The session store ${this.path} is closed.`);
  }

  #cleanUpHost(): CleanUpHost {
    const store = this;
    return {
      fileSystem: this.#fileSystem,
      path: this.path,
      get isClosed() {
        return store.#closed;
      },
      now: () => this.#scheduler.now(),
      openSessions: () =>
        [...this.#openSessions].map(([directory, session]) => ({
          directory,
          tidyDeadLetters: () => session.tidyDeadLetters(),
        })),
      deleteIf: async (clientId, hasExpired) => {
        const held = await this.#occupy(clientId, 'existing');
        return whileOccupied(held, () => this.#upkeep.eraseIf(clientId, held, hasExpired));
      },
      tidyDeadLetters: async (clientId, days) => {
        const held = await this.#occupy(clientId, 'existing');
        const notice = (one: JournalNotice) => this.#onNotice({ clientId, ...one });
        return whileOccupied(held, () => this.#upkeep.tidyDeadLetters(clientId, held, days, notice));
      },
    };
  }
}

function warn({ clientId, text }: StoreNotice): void {
  process.emitWarning(`Session "${clientId}": ${text}`);
}
