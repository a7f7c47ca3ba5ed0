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
  /** Made once per session: 32 hexadecimal digits. */
  uid: string;
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

/** Dead letters of a session: a file of its own beside the journal, in the order in which they were given up. */
export interface DeadLetterFile<R> {
  /**
   * Kept durably when resolved, in every durability of the store. The same key twice is one entry.
   * Rejects with the system's error when it cannot be written; nothing has changed then, and the call may be repeated.
   * @param key At most 255 bytes of UTF-8.
   */
  keep(key: string, record: R): Promise<void>;
  /**
   * Entries with an id above `after`, oldest first, at most `limit`; fewer also when they are large. None: there are no
   * more. Ids rise and are never given twice in a session. `size`: bytes in the file.
   */
  list(after: number, limit: number): Promise<{ id: number; record: R; size: number }[]>;
  /** Durable when resolved. Resolves to how many there were; unknown ids are passed over. */
  remove(ids: readonly number[]): Promise<number>;
  /**
   * Entries now, as far as the file has been read (that begins when the session is opened), and how many were pushed out,
   * by the bound or by age, since then.
   */
  statistics(): { count: number; bytes: number; evicted: number };
}

/** Reads the queue beside the session, for a copy. */
export interface QueueReader<R> {
  /** As `SessionJournal.read`, in rising order only: what was passed may be gone. */
  read(after: number, maxBytes: number): Promise<StoredRecord<R>[]>;
  /** What damage took away, each a sentence. */
  readonly lost: readonly string[];
  close(): Promise<void>;
}

/** One open session in a store. Created by `SessionStore.open`, ended by `close`. */
export interface SessionJournal<R> {
  readonly recovered: RecoveredSession<R>;
  /** Messages that were given up. */
  readonly deadLetters: DeadLetterFile<R>;
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
  /** Reads messages above `after` without disturbing `read`. Until it is closed what it has not passed is kept. */
  reader(after: number): QueueReader<R>;
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

/** What becomes of the dead letters of a session that is opened. */
export interface DeadLetterLimits {
  /** Bytes that they may take on the disk; beyond, the oldest are pushed out. Default: 10 % of 1 GiB. */
  deadLetterBytes?: number;
  /** Days after which one is removed, as far as the clock can be believed; Infinity: never. Default: 30. */
  keepFailedDays?: number;
}

/** Opens sessions. Declared here, beside its consumer; `store/` implements it on files. */
export interface SessionOpener {
  /**
   * Locks and recovers the session of `clientId`, creating it when there is none. Waits for an instance of this
   * process that is closing the same session.
   * @throws Error with code `ERR_SESSION_LOCKED` (another holder; `holder` says who), `ERR_SESSION_VERSION` (written by a
   * newer version), `ERR_STORE_PATH` (path missing and not creatable, or not writable) or the system's code.
   */
  open<R>(
    clientId: string,
    codec: RecordCodec<R>,
    expiryInterval: number | undefined,
    limits?: DeadLetterLimits,
  ): Promise<SessionJournal<R>>;
}
