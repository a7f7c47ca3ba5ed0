import * as path from 'node:path';
import type { SessionMetadata } from '../session/state';
import type { ExpiredSession } from './clean-up';
import { countDeadLetters, tidyStoredDeadLetters } from './dead-letters/closed-session';
import { DAY_MS } from './dead-letters/dead-letters';
import type { FileSystem } from './file-system';
import type { JournalNotice } from './journal/types';
import { setOriginalsAside } from './originals';
import { Quarantine } from './quarantine';
import type { Occupation } from './session-occupant';
import { removeDeleted, renameAway } from './session-removal';
import { findStoredFiles } from './snapshots';

/** What can be done with sessions that are occupied, but not open. Each call gives up the lock when it succeeds. */
export class SessionUpkeep {
  readonly #fileSystem: FileSystem;
  readonly #storagePath: string;
  readonly #now: () => number;

  constructor(fileSystem: FileSystem, storagePath: string, now: () => number) {
    this.#fileSystem = fileSystem;
    this.#storagePath = storagePath;
    this.#now = now;
  }

  /** Takes the session out of the storage path, and removes it; a crash leaves it whole or gone. */
  async erase(clientId: string, { directory, lock }: Occupation): Promise<void> {
    await setOriginalsAside(this.#fileSystem, this.#storagePath, clientId, this.#quarantineOf(directory));
    // Windows renames no directory in which a file is open.
    await lock.detach();
    const deleted = await renameAway(this.#fileSystem, directory);
    await removeDeleted(this.#fileSystem, deleted, this.#now);
  }

  /**
   * Erases it if it (still) has expired; resolves to undefined when it has not.
   * @throws SessionError `ERR_SESSION_VERSION` when a newer version wrote it.
   */
  async eraseIf(
    clientId: string,
    held: Occupation,
    hasExpired: (metadata: SessionMetadata) => boolean,
  ): Promise<ExpiredSession | undefined> {
    const { directory, lock } = held;
    const { snapshot, hasDeadLetters } = await findStoredFiles(this.#fileSystem, directory, { clientId });
    if (snapshot === undefined || !hasExpired(snapshot.metadata)) {
      await lock.release();
      return undefined;
    }
    const { count: messages, bytes: messageBytes } = snapshot.state.stored;
    const deadLetters = hasDeadLetters ? await countDeadLetters(this.#fileSystem, directory, snapshot.journal.uid) : 0;
    await this.erase(clientId, held);
    return { clientId, messages, messageBytes, deadLetters };
  }

  /** Removes its dead letters that are too old. Resolves to how many. */
  async tidyDeadLetters(
    clientId: string,
    { directory, lock }: Occupation,
    keepFailedDays: number,
    notice: (notice: JournalNotice) => void,
  ): Promise<number> {
    const { snapshot } = await findStoredFiles(this.#fileSystem, directory, { clientId });
    const count =
      snapshot === undefined
        ? 0
        : await tidyStoredDeadLetters({
            fileSystem: this.#fileSystem,
            directory,
            uid: snapshot.journal.uid,
            lock,
            quarantine: this.#quarantineOf(directory),
            notice,
            ageMsMax: keepFailedDays * DAY_MS,
            now: this.#now(),
          });
    await lock.release();
    return count;
  }

  #quarantineOf(directory: string): Quarantine {
    return new Quarantine(this.#fileSystem, this.#storagePath, path.basename(directory), this.#now);
  }
}
