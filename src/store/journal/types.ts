/** Where a session's journal stands, as its snapshot keeps it. */
export interface JournalPosition {
  /** Identity of the session, 16 bytes; every byte of the journal is tied to it. */
  uid: Buffer;
  /** Files named with a lower epoch are leftovers of an earlier holder. */
  epoch: number;
  /** In order. `length`: valid bytes, header included, of a segment that is not written any more; 0 for the open one. */
  segments: { number: number; firstSequence: number; length: number }[];
}

/** A sentence for the log about what had to be cut, repaired or set aside. */
export interface JournalNotice {
  level: 'info' | 'warn' | 'error';
  text: string;
}
