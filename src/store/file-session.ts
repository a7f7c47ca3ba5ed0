import type {
  DeadLetterFile,
  JournalEvents,
  QueueReader,
  RecoveredSession,
  SessionJournal,
  StoredRecord,
} from '../client/ports';
import { errorCode, SessionError } from '../errors';
import { decodeMcpsV2, type McpsV2Snapshot } from '../mcps/v2';
import type { SessionMetadata, SessionState } from '../session/state';
import { isPlausible } from './age';
import type { DeadLetters } from './dead-letters/dead-letters';
import type { FileSystem } from './file-system';
import type { Journal } from './journal/journal';
import { isNoSpace } from './journal/segment-file';
import type { Lock } from './lock';
import type { Scheduler } from './scheduler';
import { writeSnapshot } from './snapshots';
import type { SpaceMonitor } from './space-monitor';

/** What is asked of the journal's reserve for a snapshot on a full disk. */
const SNAPSHOT_ROOM_BYTES = 128 * 1024;

export interface FileSessionParts<R> {
  fileSystem: FileSystem;
  scheduler: Scheduler;
  directory: string;
  lock: Lock;
  journal: Journal<R>;
  deadLetters: DeadLetters<R>;
  recovered: RecoveredSession<R>;
  space: SpaceMonitor;
  /** The snapshot in force, as written. */
  snapshot: Buffer;
  /** Called once, when everything is closed. */
  onClosed: () => void;
}

/** An open session in files: the journal for records, a snapshot for the state, the lock around both. */
export class FileSession<R> implements SessionJournal<R> {
  readonly recovered: RecoveredSession<R>;
  readonly #parts: FileSessionParts<R>;
  #snapshot: Buffer;
  /** The newest checkpoint; the closing waits for it. */
  #last: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  constructor(parts: FileSessionParts<R>) {
    this.#parts = parts;
    this.recovered = parts.recovered;
    this.#snapshot = parts.snapshot;
  }

  get events(): JournalEvents<R> {
    const { events } = this.#parts.journal;
    if (!events) throw new TypeError('events have not been set');
    return events;
  }

  set events(events: JournalEvents<R>) {
    this.#parts.journal.events = events;
  }

  get deadLetters(): DeadLetterFile<R> {
    return this.#parts.deadLetters;
  }

  /** Removes dead letters that are too old. Resolves to how many. */
  tidyDeadLetters(): Promise<number> {
    return this.#parts.deadLetters.tidy();
  }

  /** Takes a record into the next group commit; a disk fault comes by `events.failed`. */
  append(sequence: number, record: R): void {
    this.#parts.journal.append(sequence, record);
  }

  /** Messages above `after`, in order, as far as they are durable, until `maxBytes` are exceeded; at least one. */
  read(after: number, maxBytes: number): Promise<StoredRecord<R>[]> {
    return this.#parts.journal.read(after, maxBytes);
  }

  /** See `SessionJournal.reader`. */
  reader(after: number): QueueReader<R> {
    return this.#parts.journal.reader(after);
  }

  /**
   * Makes `state` the snapshot, durably and atomically, then frees the segments that hold nothing at or above
   * `neededFrom`. The stored creation time stays; the last access is now.
   */
  checkpoint(state: SessionState, metadata: SessionMetadata, neededFrom: number): Promise<void> {
    if (this.#closing !== undefined) {
      return Promise.reject(new SessionError('ERR_SESSION_CLOSED', `${this.#parts.directory} is closed.`));
    }
    // The journal makes one after the other; it must hear of each at once.
    const result = this.#makeCheckpoint(state, metadata, neededFrom);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Why no new message may be stored now: a failing disk, or too little free space. */
  admission(): Error | undefined {
    return this.#parts.journal.failure ?? this.#parts.space.check();
  }

  statistics(): ReturnType<Journal<R>['statistics']> {
    return this.#parts.journal.statistics();
  }

  /** Commits what was appended, notes the time of access, closes files and releases the lock. */
  close(): Promise<void> {
    this.#closing ??= this.#last.then(() => this.#finish());
    return this.#closing;
  }

  #makeCheckpoint(state: SessionState, metadata: SessionMetadata, neededFrom: number): Promise<void> {
    const { journal, recovered } = this.#parts;
    const { clientId, createdAt } = recovered.metadata;
    return journal.checkpoint(state.sequence, neededFrom, (position) =>
      this.#write({ metadata: { ...metadata, clientId, createdAt }, state, journal: position }),
    );
  }

  async #write(snapshot: McpsV2Snapshot): Promise<void> {
    const { fileSystem, scheduler, directory, journal, lock, recovered } = this.#parts;
    const lastAccessAt = accessTime(recovered.metadata.lastAccessAt, scheduler);
    const metadata = { ...snapshot.metadata, lastAccessAt };
    const { mark } = this.#parts.deadLetters;
    const deadLetters = mark === undefined ? {} : { deadLetters: mark };
    await lock.verify();
    this.#snapshot = await writeDespiteFullDisk(journal, () =>
      writeSnapshot(fileSystem, directory, { ...snapshot, metadata, ...deadLetters }),
    );
  }

  async #finish(): Promise<void> {
    const { journal, deadLetters, lock, onClosed } = this.#parts;
    try {
      try {
        await deadLetters.close();
      } finally {
        await journal.close();
      }
      await this.#write(decodeMcpsV2(this.#snapshot));
    } catch (error) {
      // Who was displaced has been told by `events.lost`; there is nothing left to close.
      if (errorCode(error) !== 'ERR_SESSION_LOST') throw error;
    } finally {
      try {
        await lock.release();
      } finally {
        onClosed();
      }
    }
  }
}

/** Runs `write`, a second time with room from the journal's reserve when the disk is full. */
export async function writeDespiteFullDisk<T>(
  journal: Pick<Journal<never>, 'yieldReserve'>,
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (!isNoSpace(error) || !(await journal.yieldReserve(SNAPSHOT_ROOM_BYTES))) throw error;
    return write();
  }
}

/**
 * Now, in whole milliseconds; never before the stored time, unless the clock is not set: then nobody knows when this
 * access was, and a stored time would make the session look unused since then when the clock jumps forward.
 */
export function accessTime(stored: number, scheduler: Scheduler): number {
  const now = Math.floor(scheduler.now());
  return isPlausible(now) ? Math.max(stored, now) : now;
}
