/**
 * The journal of one session: append-only records in segment files, written by group commit, read in order, dropped
 * from the front. It knows bytes and files; what a record means is its codec's business. `format.ts` has the layout,
 * `recovery-decisions.ts` what happens to a journal that was interrupted or damaged.
 *
 * How a store uses it
 *
 * 1. Lock the session. Read the newest valid snapshot. Raise the epoch: above the snapshot's and above
 *    `highestEpoch(directory)`, which also counts take-overs that were interrupted before their snapshot.
 * 2. `openJournal` with the snapshot's position and sequence. It renames the segments it takes over to the new epoch's
 *    names, cuts a torn tail, and begins a new segment; it never appends to an old one. What a former holder still
 *    writes to its open file lands behind the recorded length, or behind what the new segment replaces.
 * 3. Write a snapshot with the new epoch and `position`. From then on the new epoch is the valid one. Interrupted
 *    anywhere before, the next open starts again from the old snapshot.
 * 4. Snapshots later: `checkpoint(state.sequence, neededFrom, write)`. It waits until all records that the state
 *    includes are synced (in every durability), calls `write(position)` (temporary file, sync, rename, directory sync),
 *    and only then unlinks segments, from the front, that hold nothing at or above `neededFrom`. The position leaves
 *    those out already, so that a segment which the newest snapshot lists and which is not there is always a loss.
 * 5. `close` commits what was appended. A snapshot before it is the store's.
 *
 * The uid is made once per session (16 random bytes) and stays. When the snapshot is lost, `readJournalUid` finds it.
 */
import type { JournalEvents, QueueReader, StoredRecord } from '../../client/ports';
import { InTurn } from '../../in-turn';
import type { RecordCodec } from '../../session/state';
import type { FileSystem } from '../file-system';
import { removeIfExists } from '../files';
import type { Scheduler } from '../scheduler';
import type { SyncLimiter } from '../sync-limiter';
import type { JournalKey } from './format';
import { JournalReader } from './reader';
import type { Reserve } from './reserve';
import type { JournalCounters, SegmentFile } from './segment-file';
import { SegmentProof } from './segment-proof';
import type { Segment, SegmentTable } from './segment-table';
import { type Quarantine, setAside } from './take-over';
import type { JournalNotice, JournalPosition } from './types';
import { type Durability, JournalWriter } from './writer';

export { RECORD_HEADER_BYTES } from './format';
export { highestEpoch, readJournalUid } from './segment-files';
export type { Quarantine } from './take-over';
export type { JournalNotice, JournalPosition } from './types';
export type { Durability } from './writer';

const SEGMENT_BYTES = 8 * 1024 * 1024;

export interface JournalOptions<R> {
  fileSystem: FileSystem;
  scheduler: Scheduler;
  /** Of the session; exists. */
  directory: string;
  codec: RecordCodec<R>;
  /** 16 bytes. */
  uid: Buffer;
  /** Above that of every earlier open, see above. */
  epoch: number;
  durability: Durability;
  /** From the snapshot; undefined: none yet. */
  position: JournalPosition | undefined;
  /** The last record that the snapshot's state includes; those above it are returned. */
  stateSequence: number;
  syncLimiter: SyncLimiter;
  /** Rejects when the session was taken over, and for no other reason. Called after every sync, before reporting. */
  verifyHolder: () => Promise<void>;
  /** Copies a damaged file to where it is kept for inspection. */
  quarantine: Quarantine;
  /** Damage or trouble found after opening. */
  notice: (notice: JournalNotice) => void;
  /** Size at which a segment ends; default 8 MiB. */
  segmentBytes?: number;
  /** Room kept for state records on a full disk; default 256 KiB, 0: none. */
  reserveBytes?: number;
}

/** An open journal. Made by `openJournal`. */
export class Journal<R> {
  /** To be set before the first `append`. */
  events: JournalEvents<R> | undefined;

  readonly #options: JournalOptions<R>;
  readonly #key: JournalKey;
  readonly #table: SegmentTable;
  readonly #counters: JournalCounters;
  readonly #reserve: Reserve;
  readonly #writer: JournalWriter<R>;
  readonly #reader: JournalReader<R>;
  readonly #proof: SegmentProof;
  /** Files that count no more, to be removed after the next snapshot. */
  #removable: string[];
  /** Damage is reported once, however often it is read. */
  readonly #reported = new Set<string>();
  readonly #setAside = new Set<string>();
  readonly #checkpoints = new InTurn();
  /** What readers beside the session have not passed yet. */
  readonly #pins = new Set<{ from: number }>();

  /** @internal */
  constructor(
    options: JournalOptions<R>,
    key: JournalKey,
    table: SegmentTable,
    active: SegmentFile,
    counters: JournalCounters,
    reserve: Reserve,
    nextSequence: number,
    removable: string[],
  ) {
    this.#options = options;
    this.#key = key;
    this.#table = table;
    this.#counters = counters;
    this.#reserve = reserve;
    this.#removable = removable;
    const { fileSystem, codec } = options;
    const disk = { fileSystem, syncLimiter: options.syncLimiter, counters };
    const events = () => this.#events();
    const { epoch, durability, scheduler, verifyHolder, notice } = options;
    const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#writer = new JournalWriter(
      {
        key,
        codec,
        epoch,
        durability,
        segmentBytes,
        disk,
        scheduler,
        table,
        reserve,
        nextSequence,
        verifyHolder,
        events,
        notice,
      },
      active,
    );
    this.#proof = new SegmentProof(fileSystem, key, table, notice);
    this.#reader = new JournalReader({
      fileSystem,
      key,
      codec,
      table,
      proof: this.#proof,
      durable: () => this.#writer.reported,
      damaged: (segment, first, last, reason) => this.#damaged(segment, first, last, reason),
      crossed: () => this.events?.checkpointDue(),
    });
  }

  /** Why nothing can be written now; undefined while writing works. */
  get failure(): Error | undefined {
    return this.#writer.failure;
  }

  /** The sequence that the next appended record must have. */
  get nextSequence(): number {
    return this.#writer.nextSequence;
  }

  /** See `SessionJournal.append`. @throws TypeError for a wrong sequence, SessionError `ERR_JOURNAL_CLOSED`. */
  append(sequence: number, record: R): void {
    this.#writer.append(sequence, record);
  }

  /** See `SessionJournal.read`. What is damaged is skipped and reported by `notice`. */
  read(after: number, maxBytes: number): Promise<StoredRecord<R>[]> {
    return this.#reader.read(after, maxBytes);
  }

  /** See `SessionJournal.reader`. */
  reader(after: number): QueueReader<R> {
    const { fileSystem, codec } = this.#options;
    const lost: string[] = [];
    const reader = new JournalReader({
      fileSystem,
      key: this.#key,
      codec,
      table: this.#table,
      durable: () => this.#writer.reported,
      damaged: async (segment, first, last, reason) => {
        lost.push(`records ${first} to ${last} in ${segment.path}: ${reason}`);
        await this.#damaged(segment, first, last, reason);
      },
      crossed: () => undefined,
    });
    const pin = { from: after + 1 };
    this.#pins.add(pin);
    return {
      lost,
      read: async (above, maxBytes) => {
        pin.from = Math.max(pin.from, above + 1);
        return reader.read(above, maxBytes);
      },
      close: async () => {
        this.#pins.delete(pin);
        await reader.close();
      },
    };
  }

  /** Where the journal stands, with all its segments. */
  position(): JournalPosition {
    return this.#table.position(this.#key.uid, 0);
  }

  /** Resolves when all records up to `sequence` are on the disk, whatever the durability. */
  synced(sequence: number): Promise<void> {
    return this.#writer.synced(sequence);
  }

  /**
   * Makes a snapshot durable by `write` and frees what it makes superfluous; see above. To be called in the same turn in
   * which the state was taken.
   * @param stateSequence The last record that the snapshot's state includes.
   * @param neededFrom The oldest sequence that may still be read.
   */
  checkpoint(
    stateSequence: number,
    neededFrom: number,
    write: (position: JournalPosition) => Promise<void>,
  ): Promise<void> {
    // Asked at once: a failure from here on hands records back, and their sequences become those of others, of which the
    // state does not speak.
    const synced = this.synced(stateSequence);
    // Awaited when those before it are done: a rejection until then would count as one that nobody handles.
    synced.catch(() => undefined);
    return this.#checkpoints.run(async () => {
      await synced;
      // Exactly what the written position leaves out is removed: meanwhile more may have become superfluous.
      const pinned = [...this.#pins].map(({ from }) => from);
      const dead = this.#table.dead(Math.min(neededFrom, stateSequence + 1, ...pinned));
      await write(this.#table.position(this.#key.uid, dead.length));
      // Whoever took over while that was being written goes by the former snapshot, and by the files it lists.
      await this.#options.verifyHolder();
      await this.#release(dead);
    });
  }

  /** Removes segments that the newest snapshot does not list any more. */
  async #release(dead: readonly Segment[]): Promise<void> {
    // A file with the name of a dead segment may be one that is needed.
    for (const segment of dead) {
      const reason = segment.isUnproven ? await this.#proof.prove(segment) : undefined;
      if (reason !== undefined) await this.#setAsideOnce(segment.path, reason);
    }
    this.#table.segments.splice(0, dead.length);
    const paths = [...this.#removable, ...dead.map((segment) => segment.path)];
    this.#removable = [];
    for (const path of paths) {
      await removeIfExists(this.#options.fileSystem, path).catch((error: unknown) => {
        this.#removable.push(path);
        this.#options.notice({ level: 'warn', text: `${path} could not be removed yet: ${String(error)}` });
      });
    }
    if (this.#reserve.isFull || this.failure !== undefined) return;
    await this.#reserve.fill().catch((error: unknown) => {
      this.#options.notice({ level: 'warn', text: `No room could be reserved: ${String(error)}` });
    });
  }

  /** Gives back room from the reserve, so that a snapshot can be written on a full disk. False: none is left. */
  yieldReserve(bytes: number): Promise<boolean> {
    return this.#reserve.shrink(bytes);
  }

  statistics(): { journalBytes: number; bytesWritten: number; writes: number; syncs: number; segments: number } {
    const { bytesWritten, writes, syncs } = this.#counters;
    return { journalBytes: this.#table.bytes, bytesWritten, writes, syncs, segments: this.#table.segments.length };
  }

  /** Commits and syncs what was appended and closes the files. @throws the error when that did not work. */
  async close(): Promise<void> {
    await this.#checkpoints.settled();
    try {
      await this.#writer.close();
    } finally {
      await this.#reader.close();
    }
  }

  #events(): JournalEvents<R> {
    if (this.events === undefined) throw new TypeError('Journal.events must be set before the first append');
    return this.events;
  }

  async #damaged(segment: Segment, first: number, last: number, reason: string): Promise<void> {
    const { notice } = this.#options;
    const text = `${segment.path} is damaged, records ${first} to ${last} are lost: ${reason}`;
    if (this.#reported.has(text)) return;
    this.#reported.add(text);
    notice({ level: 'error', text });
    await this.#setAsideOnce(segment.path, reason);
  }

  async #setAsideOnce(path: string, reason: string): Promise<void> {
    const { quarantine, notice } = this.#options;
    if (this.#setAside.has(path)) return;
    this.#setAside.add(path);
    const notices: JournalNotice[] = [];
    await setAside(quarantine, path, reason, notices);
    notices.forEach(notice);
  }
}
