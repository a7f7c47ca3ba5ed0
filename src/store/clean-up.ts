import * as path from 'node:path';
import { errorCode } from '../errors';
import { McpsError } from '../mcps/mcps-error';
import { decodeMcpsV2Metadata, MCPS_V2_HEADER_BYTES_MAX } from '../mcps/v2-metadata';
import type { SessionMetadata } from '../session/state';
import { plausibleAge } from './age';
import { DAY_MS } from './dead-letters/dead-letters';
import { FAILED_NAME, isFailedTemporary } from './dead-letters/failed-file';
import { decodeHeader, HEADER_BYTES } from './dead-letters/format';
import type { FileSystem } from './file-system';
import { ifExists, TEMPORARY_SUFFIX } from './files';
import { isImportSpool } from './import-spool';
import { SessionLockedError } from './lock';
import { isPendingImport } from './original-import';
import { QUARANTINE_DIRECTORY, quarantinedAt } from './quarantine';
import { isSessionDirectoryName, sessionDirectoryName } from './safe-name';
import { isOccupied } from './session-registry';
import { removeDeleted, sessionOfDeleted } from './session-removal';
import { LOCK_FILE_NAME } from './session-summary';
import { sideBySide } from './side-by-side';
import { isSnapshotTemporary, newestSnapshotName } from './snapshots';
import { isProbe, storagePathError } from './storage-path';

/** Enough for the header with a client id of usual length. */
const HEAD_BYTES = 512;
/** A temporary file as old as this was left behind. */
const LEFTOVER_AGE_MS = 3_600_000;

export interface CleanUpOptions {
  /** Whether something uses the session of that client id, although it may not be open just now. Default: nothing does. */
  isInUse?: (clientId: string) => boolean;
  /** Days after which dead letters and what is in quarantine are removed; Infinity: never. Default: 30. */
  keepFailedDays?: number;
  /** Called after each removal. */
  onRemoved?: (removal: Removal) => void;
}

/** A session that had expired, as of its last snapshot. */
export interface ExpiredSession {
  clientId: string;
  messages: number;
  messageBytes: number;
  deadLetters: number;
}

export type Removal =
  | ({ kind: 'session' } & ExpiredSession)
  | { kind: 'deadLetters'; directory: string; count: number }
  | { kind: 'quarantine' | 'leftover'; path: string };

export interface CleanUpResult {
  sessions: ExpiredSession[];
  /** Entries of the quarantine. */
  quarantined: number;
  deadLetters: number;
  /** What could not be looked at or removed; the rest was. */
  failed: { path: string; error: Error }[];
}

/** The store, as far as clean-up needs it. */
export interface CleanUpHost {
  readonly fileSystem: FileSystem;
  /** The storage path. */
  readonly path: string;
  /** True when the store is being closed: nothing more is begun. */
  readonly isClosed: boolean;
  now(): number;
  /** Sessions that are open here. */
  openSessions(): { directory: string; tidyDeadLetters(): Promise<number> }[];
  /**
   * Takes the lock of a stored session, and deletes it if it still has expired. Undefined: it has not.
   * @throws SessionLockedError while somebody has it; `ERR_SESSION_VERSION` when a newer version wrote it.
   */
  deleteIf(clientId: string, hasExpired: (metadata: SessionMetadata) => boolean): Promise<ExpiredSession | undefined>;
  /** Takes the lock of a stored session and removes its dead letters that are too old. Resolves to how many. */
  tidyDeadLetters(clientId: string, keepFailedDays: number): Promise<number>;
}

/** One round of clean-up; see `SessionStore.cleanUp`. */
export class CleanUp {
  readonly #host: CleanUpHost;
  readonly #options: Required<CleanUpOptions>;
  readonly #result: CleanUpResult = { sessions: [], quarantined: 0, deadLetters: 0, failed: [] };

  constructor(host: CleanUpHost, options: Required<CleanUpOptions>) {
    this.#host = host;
    this.#options = options;
  }

  async run(): Promise<CleanUpResult> {
    const { fileSystem, path: storagePath } = this.#host;
    const names = await fileSystem.list(storagePath);
    const sessions = names.filter(isSessionDirectoryName);
    for (const name of names) {
      const file = path.join(storagePath, name);
      if (sessionOfDeleted(name) !== undefined) await this.#attempt(file, () => this.#completeDeletion(file));
      else if (isUnfinished(name)) await this.#attempt(file, () => this.#removeLeftover(file));
    }
    await sideBySide(sessions, async (name) => {
      const directory = path.join(storagePath, name);
      await this.#attempt(directory, () => this.#cleanSession(directory));
    });
    for (const session of this.#host.openSessions()) {
      await this.#attempt(session.directory, async () => {
        this.#deadLettersRemoved(session.directory, await session.tidyDeadLetters());
      });
    }
    if (names.includes(QUARANTINE_DIRECTORY)) {
      const quarantine = path.join(storagePath, QUARANTINE_DIRECTORY);
      await this.#attempt(quarantine, () => this.#cleanQuarantine(quarantine));
    }
    return this.#result;
  }

  /** One thing of many: what goes wrong is noted, and the others follow. */
  async #attempt(file: string, work: () => Promise<void>): Promise<void> {
    if (this.#host.isClosed) return;
    try {
      await work();
    } catch (error) {
      if (error instanceof SessionLockedError || isPassedOver(errorCode(error))) return;
      this.#result.failed.push({ path: file, error: storagePathError(error, this.#host.path) as Error });
    }
  }

  async #cleanSession(directory: string): Promise<void> {
    const { fileSystem } = this.#host;
    if (isOccupied(directory)) return;
    const names = await fileSystem.list(directory);
    if (names.length === 0) {
      // Made by an opening that was killed. One that is under way makes it again.
      if (!(await this.#isDirectory(directory))) return;
      await fileSystem.removeDirectory(directory);
      this.#options.onRemoved({ kind: 'leftover', path: directory });
      return;
    }
    const leftovers = names.filter((name) => isSnapshotTemporary(name) || isFailedTemporary(name));
    if (leftovers.length > 0 && (await this.#isDirectory(directory))) {
      for (const name of leftovers) await this.#removeLeftover(path.join(directory, name));
    }
    const metadata = await this.#metadata(directory, names);
    if (metadata === undefined || path.basename(directory) !== sessionDirectoryName(metadata.clientId)) return;
    if (this.#hasExpired(metadata)) await this.#deleteExpired(metadata.clientId);
    else if (names.includes(FAILED_NAME)) await this.#tidyDeadLetters(directory, metadata.clientId, names);
  }

  /** Of a snapshot of the highest epoch; undefined without one, or when it is damaged or not ours to read. */
  async #metadata(directory: string, names: readonly string[]): Promise<SessionMetadata | undefined> {
    const name = newestSnapshotName(names);
    if (name === undefined) return undefined;
    const file = await this.#host.fileSystem.open(path.join(directory, name), 'read');
    try {
      let head = Buffer.allocUnsafe(HEAD_BYTES);
      head = head.subarray(0, await file.read(head, 0, HEAD_BYTES, 0));
      try {
        return decodeMcpsV2Metadata(head);
      } catch (error) {
        if (errorCode(error) !== 'ERR_MCPS_TRUNCATED' || head.length < HEAD_BYTES) throw error;
      }
      head = Buffer.allocUnsafe(MCPS_V2_HEADER_BYTES_MAX);
      return decodeMcpsV2Metadata(head.subarray(0, await file.read(head, 0, head.length, 0)));
    } catch (error) {
      if (error instanceof McpsError) return undefined;
      throw error;
    } finally {
      await file.close();
    }
  }

  #hasExpired({ clientId, lastAccessAt, expiryInterval }: SessionMetadata): boolean {
    const isOver = expiryInterval > 0 && plausibleAge(lastAccessAt, this.#host.now()) > expiryInterval * 1000;
    return isOver && !this.#options.isInUse(clientId);
  }

  async #deleteExpired(clientId: string): Promise<void> {
    const deleted = await this.#host.deleteIf(clientId, (metadata) => this.#hasExpired(metadata));
    if (deleted === undefined) return;
    this.#result.sessions.push(deleted);
    this.#options.onRemoved({ kind: 'session', ...deleted });
  }

  async #tidyDeadLetters(directory: string, clientId: string, names: readonly string[]): Promise<void> {
    // What a dead holder's lock says of him is for the next opening, which also looks after the dead letters.
    if (names.includes(LOCK_FILE_NAME)) return;
    const { keepFailedDays } = this.#options;
    if (!(await this.#hasOldDeadLetters(path.join(directory, FAILED_NAME)))) return;
    this.#deadLettersRemoved(directory, await this.#host.tidyDeadLetters(clientId, keepFailedDays));
  }

  /** By the header, which has the time of the oldest entry when the file was made. */
  async #hasOldDeadLetters(failedPath: string): Promise<boolean> {
    const file = await this.#host.fileSystem.open(failedPath, 'read');
    try {
      const bytes = Buffer.alloc(HEADER_BYTES);
      const oldest =
        decodeHeader(bytes.subarray(0, await file.read(bytes, 0, HEADER_BYTES, 0)), failedPath)?.oldest ?? 0;
      return plausibleAge(oldest, this.#host.now()) > this.#options.keepFailedDays * DAY_MS;
    } finally {
      await file.close();
    }
  }

  #deadLettersRemoved(directory: string, count: number): void {
    if (count === 0) return;
    this.#result.deadLetters += count;
    this.#options.onRemoved({ kind: 'deadLetters', directory, count });
  }

  async #cleanQuarantine(quarantine: string): Promise<void> {
    const { fileSystem } = this.#host;
    if (!(await this.#isDirectory(quarantine))) return;
    for (const name of await fileSystem.list(quarantine)) {
      const since = quarantinedAt(name);
      if (since === undefined || plausibleAge(since, this.#host.now()) <= this.#options.keepFailedDays * DAY_MS)
        continue;
      const entry = path.join(quarantine, name);
      await this.#attempt(entry, async () => {
        if (!(await this.#isDirectory(entry))) return;
        await this.#removeAll(entry);
        this.#result.quarantined++;
        this.#options.onRemoved({ kind: 'quarantine', path: entry });
      });
    }
  }

  async #removeAll(directory: string): Promise<void> {
    const { fileSystem } = this.#host;
    for (const name of await fileSystem.list(directory)) {
      const file = path.join(directory, name);
      if (await this.#isDirectory(file)) await this.#removeAll(file);
      else await ifExists(fileSystem.remove(file));
    }
    await fileSystem.removeDirectory(directory);
  }

  async #completeDeletion(directory: string): Promise<void> {
    if (!(await this.#isDirectory(directory))) return;
    await removeDeleted(this.#host.fileSystem, directory, () => this.#host.now());
    this.#options.onRemoved({ kind: 'leftover', path: directory });
  }

  /** Whose writer, if he is only slow, then fails to rename it. */
  async #removeLeftover(file: string): Promise<void> {
    const { fileSystem } = this.#host;
    const status = await fileSystem.status(file);
    if (status.kind !== 'file' || plausibleAge(status.modifiedAt, this.#host.now()) < LEFTOVER_AGE_MS) return;
    await fileSystem.remove(file);
    this.#options.onRemoved({ kind: 'leftover', path: file });
  }

  /** Not a symbolic link to one. */
  async #isDirectory(file: string): Promise<boolean> {
    return (await ifExists(this.#host.fileSystem.status(file)))?.kind === 'directory';
  }
}

/**
 * Not for us, or settled by somebody else meanwhile: gone, used again, no directory, written by a newer version, or the
 * store is being closed.
 */
function isPassedOver(code: string | undefined): boolean {
  return [
    'ENOENT',
    'ENOTDIR',
    'ENOTEMPTY',
    'ERR_SESSION_VERSION',
    'ERR_SESSION_LOST',
    'ERR_SESSION_CLOSED',
    'ERR_STORE_CLOSED',
  ].includes(code ?? '');
}

/** A file of ours in the storage path that was being written, or imported. */
function isUnfinished(name: string): boolean {
  const isOfClientIds = name.startsWith('client-ids.json.') && name.endsWith(TEMPORARY_SUFFIX);
  return isProbe(name) || isPendingImport(name) || isImportSpool(name) || isOfClientIds;
}
