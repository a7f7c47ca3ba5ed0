import type { JournalEvents, RecoveredSession, SessionJournal, StoredRecord } from '../client/ports';
import { SessionError } from '../errors';
import { decodeMcpsV2, type McpsV2Snapshot } from '../mcps/v2';
import type { SessionMetadata, SessionState } from '../session/state';
import type { FileSystem } from './file-system';
import type { Journal } from './journal/journal';
import type { Lock } from './lock';
import type { Scheduler } from './scheduler';
import { writeSnapshot } from './snapshots';
import type { SpaceMonitor } from './space-monitor';

export interface FileSessionParts<R> {
  fileSystem: FileSystem;
  scheduler: Scheduler;
  directory: string;
  lock: Lock;
  journal: Journal<R>;
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
  private readonly parts: FileSessionParts<R>;
  private snapshot: Buffer;
  /** Checkpoints and the closing run one after the other. */
  private last: Promise<unknown> = Promise.resolve();
  private closing: Promise<void> | undefined;
  private writeFailure: Error | undefined;
  private lost: Error | undefined;

  constructor(parts: FileSessionParts<R>) {
    this.parts = parts;
    this.recovered = parts.recovered;
    this.snapshot = parts.snapshot;
  }

  get events(): JournalEvents<R> {
    return this.parts.journal.events;
  }

  set events(events: JournalEvents<R>) {
    this.parts.journal.events = {
      durable: (sequence) => {
        this.writeFailure = undefined;
        events.durable(sequence);
      },
      failed: (error, records) => {
        this.writeFailure = error;
        events.failed(error, records);
      },
      checkpointDue: () => events.checkpointDue(),
      lost: (error) => {
        this.lost = error;
        events.lost(error);
      },
    };
  }

  /** Takes a record into the next group commit; a disk fault comes by `events.failed`. */
  append(sequence: number, record: R): void {
    this.parts.journal.append(sequence, record);
  }

  /** Messages above `after`, in order, as far as they are durable, until `maxBytes` are exceeded; at least one. */
  read(after: number, maxBytes: number): Promise<StoredRecord<R>[]> {
    return this.parts.journal.read(after, maxBytes);
  }

  /**
   * Makes `state` the snapshot, durably and atomically, then frees the segments that hold nothing at or above
   * `neededFrom`. The stored creation time stays; the last access is now.
   */
  checkpoint(state: SessionState, metadata: SessionMetadata, neededFrom: number): Promise<void> {
    if (this.closing) {
      return Promise.reject(new SessionError('ERR_SESSION_CLOSED', `${this.parts.directory} is closed.`));
    }
    const result = this.last.then(() => this.makeCheckpoint(state, metadata, neededFrom));
    this.last = result.catch(() => {});
    return result;
  }

  /** Why no new message may be stored now: a failing disk, or too little free space. */
  admission(): Error | undefined {
    return this.writeFailure ?? this.parts.space.check();
  }

  statistics(): ReturnType<Journal<R>['statistics']> {
    return this.parts.journal.statistics();
  }

  /** Commits what was appended, notes the time of access, closes files and releases the lock. */
  close(): Promise<void> {
    this.closing ??= this.last.then(() => this.finish());
    return this.closing;
  }

  private async makeCheckpoint(state: SessionState, metadata: SessionMetadata, neededFrom: number): Promise<void> {
    const { journal } = this.parts;
    // Records above the state are replayed onto it at the next opening, so they are needed whatever the caller says.
    const oldestNeeded = Math.min(neededFrom, state.sequence + 1);
    await journal.synced(state.sequence);
    await this.write({
      metadata: { ...metadata, clientId: this.recovered.metadata.clientId, createdAt: this.recovered.metadata.createdAt },
      state,
      journal: journal.position(oldestNeeded),
    });
    await journal.release(oldestNeeded);
  }

  private async write(snapshot: McpsV2Snapshot): Promise<void> {
    const { fileSystem, scheduler, directory, recovered } = this.parts;
    const lastAccessAt = accessTime(recovered.metadata.lastAccessAt, scheduler);
    this.snapshot = await writeSnapshot(fileSystem, directory, {
      ...snapshot,
      metadata: { ...snapshot.metadata, lastAccessAt },
    });
  }

  private async finish(): Promise<void> {
    const { journal, lock, onClosed } = this.parts;
    try {
      await journal.close();
      if (!this.lost) await this.write(decodeMcpsV2(this.snapshot));
    } finally {
      try {
        await lock.release();
      } finally {
        onClosed();
      }
    }
  }
}

/**
 * Now, in whole milliseconds; never before the stored time: a clock that starts in the past and jumps forward later
 * must not make a session look long unused.
 */
export function accessTime(stored: number, scheduler: Scheduler): number {
  return Math.max(stored, Math.floor(scheduler.now()));
}
