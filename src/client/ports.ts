import type { RecordCodec, SessionMetadata, SessionState } from '../session/state';

/** A record read back from the journal. */
export interface StoredRecord<R> {
  sequence: number;
  record: R;
  /** Bytes the record takes in the journal, framing included. */
  size: number;
}

/** What a store found when it opened a session: the newest valid snapshot and every valid record above it. */
export interface RecoveredSession<R> {
  metadata: SessionMetadata;
  /** The state of the snapshot; an empty one for a new session. */
  state: SessionState;
  /** All records with a sequence above `state.sequence`, in order. */
  records: StoredRecord<R>[];
  /** True when nothing was stored under this client id before. */
  isNew: boolean;
  /**
   * True when the last records may be gone although they counted as durable: the machine went down, and the store's
   * setting does not survive that. Sequences, and with them packet identifiers, are then given out a second time.
   */
  mayHaveLostRecords: boolean;
  /** What recovery had to cut, repair or set aside; each a sentence for the log. Empty after a clean close. */
  notices: { level: 'info' | 'warn' | 'error'; text: string }[];
}

export interface JournalEvents<R> {
  /** Every record up to `sequence` is as durable as the store's setting promises. Called once per group commit. */
  durable(sequence: number): void;
  /**
   * Writing failed. None of these records, which are all above the last durable one, is kept: the journal has taken
   * its next sequence back to the one behind the last durable. The caller appends again what must not be lost;
   * the journal itself waits before it tries the disk again (so calling `append` at once does not spin).
   */
  failed(error: Error, records: { sequence: number; record: R }[]): void;
  /** A segment is full, or the oldest one is no longer needed: the caller makes a snapshot by `checkpoint`. */
  checkpointDue(): void;
  /** Another process took the session over: nothing more is written. The caller stops. */
  lost(error: Error): void;
}

/** One open session in a store. Created by `SessionStore.open`, ended by `close`. */
export interface SessionJournal<R> {
  readonly recovered: RecoveredSession<R>;
  /** To be set before the first `append`. */
  events: JournalEvents<R>;
  /**
   * Takes a record into the next group commit. `sequence` must be the next one.
   * Never throws for a disk fault; that comes by `events.failed`.
   */
  append(sequence: number, record: R): void;
  /**
   * Reads messages of the queue (kinds with the high bit) with a sequence above `after`, in order, as far as they
   * are durable, until `maxBytes` are exceeded (at least one message if there is any). Empty: none (yet).
   * What is damaged is skipped and reported by the store. @throws the system's error.
   */
  read(after: number, maxBytes: number): Promise<StoredRecord<R>[]>;
  /**
   * Makes `state` the snapshot (durably, atomically), then frees the segments that hold nothing at or above
   * `neededFrom`: the oldest sequence that may still be read.
   */
  checkpoint(state: SessionState, metadata: SessionMetadata, neededFrom: number): Promise<void>;
  /** An error when no new message may be stored now (free-space floor, failing disk), with what to do about it. */
  admission(): Error | undefined;
  /** Bytes in segments, and numbers for statistics, since open. */
  statistics(): { journalBytes: number; bytesWritten: number; writes: number; syncs: number; segments: number };
  /** Commits what was appended, closes files and releases the lock. A snapshot before it is the caller's. */
  close(): Promise<void>;
}

/** Opens sessions. Declared here, beside its consumer; `store/` implements it on files. */
export interface SessionOpener {
  /**
   * Locks and recovers the session of `clientId`, creating it when there is none. Waits for an instance of this
   * process that is closing the same session.
   * @throws Error with code `ERR_SESSION_LOCKED` (another holder; `holder` says who), `ERR_SESSION_VERSION` (written by a
   * newer version), `ERR_STORE_PATH` (path missing and not creatable, or not writable) or the system's code.
   */
  open<R>(clientId: string, codec: RecordCodec<R>, expiryInterval: number | undefined): Promise<SessionJournal<R>>;
}
