import type { StoredRecord } from '../../client/ports';
import { errorCode } from '../../errors';
import { InTurn } from '../../in-turn';
import type { RecordCodec } from '../../session/state';
import type { FileSystem, OpenFile } from '../file-system';
import { ifExists } from '../files';
import { decodeSegmentHeader, type JournalKey, MESSAGE_KIND_BIT, SEGMENT_HEADER_BYTES } from './format';
import { SegmentScanner } from './scanner';
import type { SegmentProof } from './segment-proof';
import type { Segment, SegmentTable } from './segment-table';

interface Cursor {
  segment: Segment;
  file: OpenFile;
  scanner: SegmentScanner;
  /** Every record up to here was passed. */
  passed: number;
  /** From here up to `passed` there are no messages. */
  quietFrom: number;
  /** The first sequence that is not this segment's. */
  end: number;
  /** The last durable sequence when the scanner's limit was set. */
  reach: number;
}

export interface ReaderOptions<R> {
  fileSystem: FileSystem;
  key: JournalKey;
  codec: RecordCodec<R>;
  table: SegmentTable;
  /** Where segments may be unproven. */
  proof?: SegmentProof;
  /** Every record up to here may be read. */
  durable: () => number;
  /** Records from `first` to `last` of the segment cannot be read any more. */
  damaged: (segment: Segment, first: number, last: number, reason: string) => Promise<void>;
  /** The oldest segment that is read moved on. */
  crossed: () => void;
}

/** Reads the queue in order. Remembers where it stopped, so that reading on costs the same whatever the backlog. */
export class JournalReader<R> {
  readonly #options: ReaderOptions<R>;
  #cursor: Cursor | undefined;
  /** The segment that was read last, 0: none yet. */
  #segmentNumber = 0;
  readonly #inTurn = new InTurn();

  constructor(options: ReaderOptions<R>) {
    this.#options = options;
  }

  /** See `SessionJournal.read`. Calls made while one runs wait for it. */
  read(after: number, maxBytes: number): Promise<StoredRecord<R>[]> {
    return this.#inTurn.run(() => this.#read(after, maxBytes));
  }

  async close(): Promise<void> {
    await this.#inTurn.settled();
    await this.#leave();
  }

  async #read(after: number, maxBytes: number): Promise<StoredRecord<R>[]> {
    const messages: StoredRecord<R>[] = [];
    const durable = this.#options.durable();
    let passed = after;
    let bytesLeft = maxBytes;
    while (passed < durable && (bytesLeft > 0 || messages.length === 0)) {
      const cursor = await this.#seek(passed);
      if (typeof cursor === 'number') {
        passed = cursor;
        continue;
      }
      const { scanner } = cursor;
      passed = Math.max(passed, cursor.passed);
      while (bytesLeft > 0 || messages.length === 0) {
        const step = scanner.advance();
        if (step === 'more') {
          await scanner.fill();
          continue;
        }
        const { sequence } = scanner;
        if (step === 'end' || sequence >= cursor.end) {
          passed = Math.max(passed, await this.#finish(cursor));
          break;
        }
        if (sequence > cursor.passed + 1) await this.#lost(cursor, cursor.passed + 1, sequence - 1);
        cursor.passed = sequence;
        const isMessage = (scanner.kind & MESSAGE_KIND_BIT) !== 0;
        if (isMessage) cursor.quietFrom = sequence;
        if (sequence <= passed) continue;
        passed = sequence;
        if (!isMessage) continue;
        const { size } = scanner;
        try {
          messages.push({ sequence, record: this.#options.codec.read(scanner.kind, scanner.copyBody()), size });
          bytesLeft -= size;
        } catch (error) {
          if (errorCode(error) !== 'ERR_RECORD_INVALID') throw error;
          await this.#options.damaged(cursor.segment, sequence, sequence, String(error));
        }
      }
    }
    return messages;
  }

  /** The cursor before the first record above `passed`; or, when there is nothing to read, what counts as passed. */
  async #seek(passed: number): Promise<Cursor | number> {
    const { table, durable } = this.#options;
    const current = this.#cursor;
    const goesOn = current !== undefined && current.quietFrom <= passed;
    const from = (goesOn ? Math.max(passed, current.passed) : passed) + 1;
    if (goesOn) {
      const end = table.endOf(current.segment);
      if (from < end) {
        current.end = end;
        current.reach = durable();
        current.scanner.extend(current.segment.length);
        return current;
      }
    }
    if (from > durable()) return from - 1;
    const segment = table.segmentAt(table.indexOf(from));
    const quietFrom = goesOn && from === segment.firstSequence ? current.quietFrom : segment.firstSequence - 1;
    await this.#leave();
    const entered = await this.#enter(segment, quietFrom);
    if (segment.number > this.#segmentNumber && this.#segmentNumber > 0) this.#options.crossed();
    this.#segmentNumber = segment.number;
    if (typeof entered !== 'string') return entered;
    const last = Math.min(table.endOf(segment) - 1, durable());
    await this.#options.damaged(segment, Math.max(segment.firstSequence, from), last, entered);
    return last;
  }

  /** Opens a segment at its start; or says why it cannot be read. */
  async #enter(segment: Segment, quietFrom: number): Promise<Cursor | string> {
    const { fileSystem, key, durable, table, proof } = this.#options;
    const reason = segment.isUnproven ? await proof?.prove(segment) : undefined;
    if (reason !== undefined) return reason;
    const file = await ifExists(fileSystem.open(segment.path, 'read'));
    if (file === undefined) return 'the file is missing';
    try {
      const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
      await file.read(bytes, 0, bytes.length, 0);
      const attempt = decodeSegmentHeader(bytes)?.attempt ?? 0;
      const after = segment.firstSequence - 1;
      const limit = segment.length;
      const scanner = new SegmentScanner(key, { file, start: SEGMENT_HEADER_BYTES, limit, attempt, after });
      // Only now: while the file was being opened, the segment may have ended and the next one become durable.
      const end = table.endOf(segment);
      this.#cursor = { segment, file, scanner, passed: after, quietFrom, end, reach: durable() };
      return this.#cursor;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Nothing more in the segment: what should have followed in it is lost. Returns what counts as passed. */
  async #finish(cursor: Cursor): Promise<number> {
    const last = Math.min(cursor.end - 1, cursor.reach);
    if (last > cursor.passed) await this.#lost(cursor, cursor.passed + 1, last);
    cursor.passed = Math.max(cursor.passed, last);
    return last;
  }

  #lost(cursor: Cursor, first: number, last: number): Promise<void> {
    return this.#options.damaged(cursor.segment, first, last, 'the bytes are no valid record');
  }

  async #leave(): Promise<void> {
    const cursor = this.#cursor;
    this.#cursor = undefined;
    await cursor?.file.close();
  }
}
