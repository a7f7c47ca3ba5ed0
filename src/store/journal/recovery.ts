import type { StoredRecord } from '../../client/ports';
import { errorCode } from '../../errors';
import type { RecordCodec } from '../../session/state';
import type { FileSystem } from '../file-system';
import { type JournalKey, SEGMENT_HEADER_BYTES } from './format';
import { recoveryCaseFor } from './recovery-decisions';
import { SegmentScanner } from './scanner';
import type { SegmentSource } from './segment-choice';
import type { JournalNotice } from './types';

/** A segment of which at least one record counts. */
export interface ScannedSegment {
  source: SegmentSource;
  firstSequence: number;
  /** Behind the last record that counts. */
  length: number;
  /** Up to here the journal itself says that it is on the disk. */
  durableLength: number;
}

export interface ScanResult<R> {
  segments: ScannedSegment[];
  /** Records above the state's sequence, in order. */
  records: StoredRecord<R>[];
  /** The last sequence that counts, at least the state's. */
  lastSequence: number;
  notices: JournalNotice[];
  /** Files in which records were lost, to be kept for inspection. */
  damaged: { path: string; reason: string }[];
}

/** A place where the chain of records does not simply go on. */
interface Interruption {
  /** The file with bytes that are no record; undefined when there are none. */
  unreadableIn: SegmentSource | undefined;
  /** Sequence of the record that should have come. */
  expected: number;
  /** Sequence of the record that came; undefined at the end of the journal. */
  found: number | undefined;
  superseded: boolean;
}

interface ProvenRecord<R> {
  sequence: number;
  source: SegmentSource;
  /** Where the record ends in the file. */
  end: number;
  /** Undefined when it was not asked for (the state includes the record already), or cannot be decoded. */
  stored: StoredRecord<R> | undefined;
}

/**
 * Reads segments that can hold records above `stateSequence`, in order, and decides what of them counts. Read only.
 * @param decodeFrom Records from here on are decoded and returned; by default those above the state's sequence.
 */
export async function scanJournal<R>(
  fileSystem: FileSystem,
  key: JournalKey,
  codec: Pick<RecordCodec<R>, 'read'>,
  sources: readonly SegmentSource[],
  stateSequence: number,
  decodeFrom = stateSequence + 1,
): Promise<ScanResult<R>> {
  const firstSequence = sources[0]?.firstSequence || stateSequence + 1;
  const scan = new JournalScan(key, codec, stateSequence, firstSequence, decodeFrom);
  for (const source of sources) await scan.read(fileSystem, source);
  return scan.judge();
}

class JournalScan<R> {
  readonly #key: JournalKey;
  readonly #codec: Pick<RecordCodec<R>, 'read'>;
  readonly #stateSequence: number;
  readonly #decodeFrom: number;
  readonly #notices: JournalNotice[] = [];
  readonly #damaged: { path: string; reason: string }[] = [];
  #records: ProvenRecord<R>[] = [];
  #interruptions: Interruption[] = [];
  /** A file with unreadable bytes behind the last record. */
  #unreadableIn: SegmentSource | undefined;
  /** The highest sequence known to have been durable. */
  #mark: number;
  /** The sequence that comes next when nothing is missing. */
  #expected: number;

  constructor(
    key: JournalKey,
    codec: Pick<RecordCodec<R>, 'read'>,
    stateSequence: number,
    firstSequence: number,
    decodeFrom: number,
  ) {
    this.#key = key;
    this.#codec = codec;
    this.#stateSequence = stateSequence;
    this.#decodeFrom = decodeFrom;
    this.#mark = stateSequence;
    this.#expected = Math.min(firstSequence, stateSequence + 1);
  }

  async read(fileSystem: FileSystem, source: SegmentSource): Promise<void> {
    const { header, listed, size, length } = source;
    const firstSequence = source.firstSequence || header?.firstSequence || 0;
    if (header && header.replacesFrom > 0) this.#supersede(header.replacesFrom);
    const before = {
      records: this.#records.length,
      interruptions: this.#interruptions.length,
      unreadableIn: this.#unreadableIn,
      expected: this.#expected,
    };
    const file = await fileSystem.open(source.file.path, 'read');
    let durableMark: number;
    try {
      const scanner = new SegmentScanner(this.#key, {
        file,
        start: SEGMENT_HEADER_BYTES,
        limit: length > 0 ? Math.min(length, size) : size,
        attempt: header?.attempt ?? 0,
        after: Math.max(0, firstSequence - 1),
      });
      await this.#scan(scanner, source);
      durableMark = scanner.durableMark;
    } finally {
      await file.close();
    }
    const first = this.#records[before.records]?.sequence;
    if (header === undefined && !listed && (first === undefined || durableMark < first)) {
      // A rewrite that was interrupted before it counted: the older segments tell.
      this.#records.length = before.records;
      this.#interruptions.length = before.interruptions;
      this.#unreadableIn = before.unreadableIn;
      this.#expected = before.expected;
      return;
    }
    this.#mark = Math.max(this.#mark, durableMark, firstSequence - 1);
  }

  async #scan(scanner: SegmentScanner, source: SegmentSource): Promise<void> {
    let unreadableCount = 0;
    for (;;) {
      const step = scanner.advance();
      if (step === 'more') {
        await scanner.fill();
        continue;
      }
      if (scanner.unreadable.length > unreadableCount) {
        unreadableCount = scanner.unreadable.length;
        this.#unreadableIn ??= source;
      }
      if (step === 'end') return;
      const { sequence } = scanner;
      if (sequence < this.#expected) continue;
      if (sequence > this.#expected || this.#unreadableIn) this.#interrupt(sequence);
      const stored = sequence >= this.#decodeFrom ? this.#decode(scanner, source) : undefined;
      this.#records.push({ sequence, source, end: scanner.offset, stored });
      this.#expected = sequence + 1;
    }
  }

  #decode(scanner: SegmentScanner, source: SegmentSource): StoredRecord<R> | undefined {
    const { sequence, kind, size } = scanner;
    try {
      return { sequence, record: this.#codec.read(kind, scanner.copyBody()), size };
    } catch (error) {
      if (errorCode(error) !== 'ERR_RECORD_INVALID') throw error;
      this.#damage(source, `record ${sequence} cannot be understood (${String(error)}) and is left out`);
      return undefined;
    }
  }

  #interrupt(found: number | undefined): void {
    const { unreadableIn, expected } = { unreadableIn: this.#unreadableIn, expected: this.#expected };
    this.#interruptions.push({ unreadableIn, expected, found, superseded: false });
    this.#unreadableIn = undefined;
  }

  /** A newer segment replaces everything from `sequence` on. */
  #supersede(sequence: number): void {
    while ((this.#records.at(-1)?.sequence ?? 0) >= sequence) this.#records.pop();
    if (this.#unreadableIn !== undefined) this.#interrupt(undefined);
    for (const interruption of this.#interruptions) {
      if (interruption.expected >= sequence) interruption.superseded = true;
    }
    const last = this.#interruptions.at(-1);
    if (last && !last.superseded && (last.found ?? sequence) >= sequence) {
      // What came behind the gap does not count; the gap stays, up to what replaces it.
      this.#interruptions.pop();
      this.#unreadableIn = last.unreadableIn;
      this.#expected = last.expected;
    }
    this.#expected = Math.min(this.#expected, sequence);
    this.#mark = Math.max(this.#stateSequence, Math.min(this.#mark, sequence - 1));
  }

  /** Decides every interruption by the table of cases. */
  judge(): ScanResult<R> {
    if (this.#unreadableIn !== undefined || this.#expected <= this.#mark) this.#interrupt(undefined);
    for (const interruption of this.#interruptions) {
      const cut = this.#decide(interruption);
      if (cut === undefined) continue;
      this.#records = this.#records.filter((record) => record.sequence < cut);
      break;
    }
    const records: StoredRecord<R>[] = [];
    const segments: ScannedSegment[] = [];
    for (const { source, sequence, end, stored } of this.#records) {
      let segment = segments.at(-1);
      if (segment?.source !== source) {
        const firstSequence = source.firstSequence || source.header?.firstSequence || sequence;
        segment = { source, firstSequence, length: end, durableLength: SEGMENT_HEADER_BYTES };
        segments.push(segment);
      }
      segment.length = end;
      if (sequence <= this.#mark) segment.durableLength = end;
      if (stored) records.push(stored);
    }
    const lastSequence = Math.max(this.#stateSequence, this.#records.at(-1)?.sequence ?? 0);
    return { segments, records, lastSequence, notices: this.#notices, damaged: this.#damaged };
  }

  /** Returns the sequence from which on nothing is kept, or undefined when the journal goes on. */
  #decide({ unreadableIn, expected, found, superseded }: Interruption): number | undefined {
    const missing = found === undefined ? expected <= this.#mark : found > expected;
    const { decision, label } = recoveryCaseFor({
      superseded,
      unreadable: unreadableIn !== undefined,
      missing,
      durable: missing && expected <= this.#mark,
      followed: found !== undefined,
    });
    const where = unreadableIn?.file.path ?? 'The journal';
    switch (decision) {
      case 'intact':
      case 'ignore':
        return undefined;
      case 'torn':
        this.#notices.push({
          level: 'info',
          text: `${where} ended in an interrupted write; it was cut back to record ${expected - 1}, the last whole one`,
        });
        return expected;
      case 'scar':
        this.#notices.push({
          level: 'warn',
          text: `${where} is damaged before record ${expected}; no record was lost`,
        });
        return undefined;
      case 'damage': {
        const last = Math.min(this.#mark, (found ?? Number.POSITIVE_INFINITY) - 1);
        this.#damage(unreadableIn, `records ${expected} to ${last} are lost`);
        return last + 1 === found || found === undefined ? undefined : found;
      }
      case 'impossible':
        throw new Error(`${where}, before record ${expected}: ${label}`);
    }
  }

  #damage(source: SegmentSource | undefined, reason: string): void {
    const where = source?.file.path ?? 'The journal (a missing or shortened file)';
    this.#notices.push({ level: 'error', text: `${where} is damaged: ${reason}` });
    if (source) this.#damaged.push({ path: source.file.path, reason });
  }
}
