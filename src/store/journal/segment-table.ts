import * as path from 'node:path';
import { segmentName } from './format';
import type { JournalPosition } from './types';

/** A segment of the journal that counts. */
export interface Segment {
  readonly number: number;
  /** Full path of its file. */
  path: string;
  /** Only the file's name says so far that it is this segment; see `SegmentProof`. */
  isUnproven?: boolean;
  /** Its first record; for one without records yet, the next record of the journal. */
  readonly firstSequence: number;
  /** Valid, durable bytes, header included. */
  length: number;
}

/** The segments of one journal in order; the last one is the one being written. */
export class SegmentTable {
  readonly segments: Segment[];
  readonly #directory: string;
  readonly #epoch: number;
  #lastNumber: number;

  /** `lastNumber`: the highest number that any file in the directory has. */
  constructor(directory: string, epoch: number, segments: Segment[], lastNumber: number) {
    this.#directory = directory;
    this.#epoch = epoch;
    this.segments = segments;
    this.#lastNumber = lastNumber;
  }

  /** A number that no segment had before, and the path that goes with it. */
  allot(): { number: number; path: string } {
    const number = ++this.#lastNumber;
    return { number, path: path.join(this.#directory, segmentName(this.#epoch, number)) };
  }

  get active(): Segment | undefined {
    return this.segments.at(-1);
  }

  get bytes(): number {
    let bytes = 0;
    for (const segment of this.segments) bytes += segment.length;
    return bytes;
  }

  /** Index of the segment that holds `sequence`, or would; 0 when it is older than all. */
  indexOf(sequence: number): number {
    let [low, high] = [0, this.segments.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.segmentAt(middle).firstSequence <= sequence) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  segmentAt(index: number): Segment {
    const segment = this.segments[index];
    if (segment === undefined) throw new RangeError(`No segment ${index} among ${this.segments.length}`);
    return segment;
  }

  /** The first sequence that is not in `segment` or an older one; Infinity for the newest. */
  endOf(segment: Segment): number {
    const next = this.segments[this.segments.indexOf(segment) + 1];
    return next === undefined || next === segment ? Number.POSITIVE_INFINITY : next.firstSequence;
  }

  /** The segments at the front that hold nothing at or above `neededFrom`. */
  dead(neededFrom: number): Segment[] {
    let count = 0;
    while (count + 1 < this.segments.length && this.segmentAt(count + 1).firstSequence <= neededFrom) count++;
    return this.segments.slice(0, count);
  }

  /** Without the first `skipped` segments. */
  position(uid: Buffer, skipped: number): JournalPosition {
    return {
      uid,
      epoch: this.#epoch,
      segments: this.segments.slice(skipped).map((segment) => ({
        number: segment.number,
        firstSequence: segment.firstSequence,
        length: segment === this.active ? 0 : segment.length,
      })),
    };
  }
}
