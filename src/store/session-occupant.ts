import * as path from 'node:path';
import { errorCode } from '../errors';
import type { FileSystem } from './file-system';
import { ifExists, requireDirectory } from './files';
import type { HolderFacts } from './holder-identity';
import { RESERVE_NAME } from './journal/reserve';
import { isNoSpace } from './journal/segment-file';
import { acquireLock, type Lock, LockObservations, SessionLockedError } from './lock';
import type { Scheduler } from './scheduler';
import { enterSession } from './session-registry';
import { LOCK_FILE_NAME } from './session-summary';
import { storagePathError } from './storage-path';

const ATTEMPTS_MAX = 5;

/** A session that nobody else can use. */
export interface Occupation {
  directory: string;
  lock: Lock;
  /** Ends the reservation in this process; the lock is given up before. */
  leave: () => void;
}

export interface OccupantOptions {
  fileSystem: FileSystem;
  scheduler: Scheduler;
  facts: HolderFacts;
  storagePath: string;
  /** How long to wait for an instance of this process to close the same session. */
  closeWaitMs: number;
}

/** Takes sessions of one store for itself: against other instances in this process, and against other processes. */
export class SessionOccupant {
  readonly #options: OccupantOptions;
  readonly #observations: LockObservations;
  readonly #inUse = new Set<Promise<void>>();

  constructor(options: OccupantOptions) {
    this.#options = options;
    this.#observations = new LockObservations(options.scheduler);
  }

  /** Resolves when all sessions are left that are occupied now. */
  async allLeft(): Promise<void> {
    await Promise.all(this.#inUse);
  }

  /**
   * Reserves the session in `directory` in this process and takes its lock.
   * @param access `create`: its directory is made when it is missing.
   * @throws SessionLockedError `ERR_SESSION_LOCKED`; `ERR_STORE_PATH`; the system's error.
   */
  async occupy(directory: string, clientId: string, access: 'create' | 'existing'): Promise<Occupation> {
    const { scheduler, closeWaitMs, storagePath } = this.#options;
    let ended: () => void = () => {};
    const use = new Promise<void>((resolve) => {
      ended = resolve;
    });
    this.#inUse.add(use);
    let end: (() => void) | undefined;
    const leave = () => {
      end?.();
      this.#inUse.delete(use);
      ended();
    };
    try {
      end = await enterSession(directory, scheduler, closeWaitMs);
      if (!end) throw await this.#stillOpenHere(clientId, directory);
      return { directory, leave, lock: await this.#lock(clientId, directory, access) };
    } catch (error) {
      leave();
      throw access === 'create' ? storagePathError(error, storagePath) : error;
    }
  }

  async #lock(clientId: string, directory: string, access: 'create' | 'existing'): Promise<Lock> {
    const { fileSystem, scheduler, facts, storagePath } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        if (access === 'create') await fileSystem.makeDirectory(directory);
        await requireDirectory(fileSystem, directory);
        return await acquireLock({
          fileSystem,
          scheduler,
          facts,
          observations: this.#observations,
          path: path.join(directory, LOCK_FILE_NAME),
          subject: `session "${clientId}"`,
        });
      } catch (error) {
        if (isNoSpace(error) && (await this.#giveUpReserve(directory))) continue;
        // The directory went away under us: its session is being deleted. The next attempt makes a new one.
        if (access !== 'create' || errorCode(error) !== 'ENOENT' || attempt === ATTEMPTS_MAX) throw error;
        if (!(await ifExists(fileSystem.status(storagePath)))) throw error;
      }
    }
  }

  /** On a full disk the lock of a session that nobody holds takes its room from the journal's reserve. */
  async #giveUpReserve(directory: string): Promise<boolean> {
    const { fileSystem } = this.#options;
    const file = await ifExists(fileSystem.open(path.join(directory, RESERVE_NAME), 'write'));
    if (!file) return false;
    try {
      const size = await file.size();
      await file.truncate(0);
      return size > 0;
    } finally {
      await file.close();
    }
  }

  async #stillOpenHere(clientId: string, directory: string): Promise<SessionLockedError> {
    return new SessionLockedError(
      `The session "${clientId}" is already open in this process (${directory}). Close it there first.`,
      await this.#options.facts.self(),
      path.join(directory, LOCK_FILE_NAME),
    );
  }
}

/** Runs `work`, which gives up the lock; when it fails, the lock is given up here. */
export async function whileOccupied<T>({ leave, lock }: Occupation, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await releaseAfterError(lock);
    throw error;
  } finally {
    leave();
  }
}

/** For after an error. The one that led here is the one to report. A lock left behind names this process, and ends with it at the latest. */
export async function releaseAfterError(lock: Lock): Promise<void> {
  await lock.release().catch(() => {});
}
