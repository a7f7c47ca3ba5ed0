import type { FileSystem } from '../file-system';
import { type JournalKey, SEGMENT_HEADER_BYTES, type SegmentHeader } from './format';
import { type FoundFile, inspectSegmentFile } from './segment-files';
import type { JournalNotice, JournalPosition } from './types';

/** A file that counts as a segment of the journal. */
export interface SegmentSource {
  number: number;
  file: FoundFile;
  /** Undefined: damaged. */
  header: SegmentHeader | undefined;
  size: number;
  /** As the snapshot has it; 0: not in the snapshot. */
  firstSequence: number;
  /** As the snapshot has it; 0: not known, the file decides. */
  length: number;
  listed: boolean;
  /** Only its name says so far which segment it is: `header` and `size` have not been read. */
  isUnproven?: boolean;
}

export interface SegmentChoice {
  /** Only messages of the queue, read when their turn comes. */
  backlog: SegmentSource[];
  /** May hold records above the state's sequence. */
  scan: SegmentSource[];
  /** Listed by the snapshot, but not there. `lastSequence` 0: not known. */
  missing: { number: number; firstSequence: number; lastSequence: number }[];
  /** Named like a segment in use, with the content of something else. */
  foreign: { path: string; reason: string }[];
  notices: JournalNotice[];
}

type Listed = JournalPosition['segments'][number];

/**
 * Tells which of the files make up the journal: those that the snapshot lists, and those with a higher number that
 * were begun after it. A take-over that was interrupted leaves old and new names side by side; the higher epoch wins.
 * Names with an epoch below the snapshot's are leftovers, taken only where a listed segment would be missing.
 * @param trustNames Of segments that only hold the backlog the header is not read, as long as nothing is strange about
 * the names and the other segments: opening must not cost more for a longer queue.
 */
export async function chooseSegments(
  fileSystem: FileSystem,
  key: JournalKey,
  files: readonly FoundFile[],
  position: JournalPosition | undefined,
  stateSequence: number,
  trustNames = false,
): Promise<SegmentChoice> {
  if (trustNames && areNamesPlain(files, position)) {
    const quick = await choose(fileSystem, key, files, position, stateSequence, true);
    if (quick.missing.length + quick.foreign.length + quick.notices.length === 0) return quick;
  }
  return choose(fileSystem, key, files, position, stateSequence, false);
}

/** One file for each listed segment, and besides only newer ones. */
function areNamesPlain(files: readonly FoundFile[], position: JournalPosition | undefined): boolean {
  const listed = new Set(position?.segments.map(({ number }) => number));
  const last = Math.max(0, ...listed);
  const numbers = new Set(files.map(({ number }) => number));
  return numbers.size === files.length && files.every(({ number }) => number > last || listed.has(number));
}

async function choose(
  fileSystem: FileSystem,
  key: JournalKey,
  files: readonly FoundFile[],
  position: JournalPosition | undefined,
  stateSequence: number,
  trustNames: boolean,
): Promise<SegmentChoice> {
  const choice: SegmentChoice = { backlog: [], scan: [], missing: [], foreign: [], notices: [] };
  const chooser = new SegmentChooser(fileSystem, key, files, position?.epoch ?? 0, choice);
  const listed = position?.segments ?? [];
  const scanFrom = Math.max(
    0,
    listed.findLastIndex((segment) => segment.firstSequence <= stateSequence + 1),
  );
  for (const [index, segment] of listed.entries()) {
    const next = listed[index + 1];
    if (trustNames && index < scanFrom) chooser.trustName(segment);
    else await chooser.chooseListed(segment, index < scanFrom, next ? next.firstSequence - 1 : 0);
  }
  await chooser.chooseUnlisted(listed.at(-1)?.number ?? 0);
  return choice;
}

class SegmentChooser {
  readonly #fileSystem: FileSystem;
  readonly #key: JournalKey;
  readonly #files: readonly FoundFile[];
  readonly #epoch: number;
  readonly #choice: SegmentChoice;

  constructor(
    fileSystem: FileSystem,
    key: JournalKey,
    files: readonly FoundFile[],
    epoch: number,
    choice: SegmentChoice,
  ) {
    this.#fileSystem = fileSystem;
    this.#key = key;
    this.#files = files;
    this.#epoch = epoch;
    this.#choice = choice;
  }

  trustName({ number, firstSequence, length }: Listed): void {
    const file = this.#files.find((one) => one.number === number);
    if (file === undefined) {
      this.#choice.missing.push({ number, firstSequence, lastSequence: 0 });
      return;
    }
    const unread = { header: undefined, size: 0, isUnproven: true };
    this.#choice.backlog.push({ number, file, firstSequence, length, listed: true, ...unread });
  }

  async chooseListed(listed: Listed, isBacklog: boolean, lastSequence: number): Promise<void> {
    const named = this.#files.filter((file) => file.number === listed.number);
    const source = (await this.#firstMatch(named, listed.number)) ?? (await this.#anywhere(listed.number));
    if (source === undefined) {
      this.#choice.missing.push({ number: listed.number, firstSequence: listed.firstSequence, lastSequence });
      return;
    }
    const { firstSequence, length } = listed;
    this.#choice[isBacklog ? 'backlog' : 'scan'].push({ ...source, firstSequence, length, listed: true });
  }

  /** Segments begun after the snapshot was made. */
  async chooseUnlisted(lastListed: number): Promise<void> {
    const current = this.#files.filter((file) => file.epoch >= this.#epoch && file.number > lastListed);
    for (const number of new Set(current.map((file) => file.number))) {
      const named = current.filter((file) => file.number === number);
      const source = (await this.#firstMatch(named, number)) ?? (await this.#anywhere(number));
      if (source) this.#choice.scan.push(source);
    }
  }

  /** The first of `files` that is segment `number` of this journal, or could be as far as its header can be read. */
  async #firstMatch(files: readonly FoundFile[], number: number): Promise<SegmentSource | undefined> {
    for (const file of files) {
      const found = await inspectSegmentFile(this.#fileSystem, file.path);
      if (found === undefined) continue;
      const { header, size } = found;
      if (header === undefined || (this.#isOurs(header) && header.number === number)) {
        return { number, file, header, size, firstSequence: 0, length: 0, listed: false };
      }
      // Without records: the very first open was interrupted before there was a snapshot.
      if (size <= SEGMENT_HEADER_BYTES) continue;
      const reason = this.#isOurs(header) ? `it holds segment ${header.number}` : 'it belongs to another session';
      this.#choice.foreign.push({ path: file.path, reason });
    }
    return undefined;
  }

  /** Names were swapped: the header says which segment a file is. */
  async #anywhere(number: number): Promise<SegmentSource | undefined> {
    for (const file of this.#files) {
      const found = await inspectSegmentFile(this.#fileSystem, file.path);
      if (!found?.header || found.header.number !== number || !this.#isOurs(found.header)) continue;
      this.#choice.notices.push({ level: 'warn', text: `Segment ${number} of the journal was found as ${file.path}` });
      return { number, file, ...found, firstSequence: 0, length: 0, listed: false };
    }
    return undefined;
  }

  #isOurs(header: SegmentHeader): boolean {
    return header.uid.equals(this.#key.uid);
  }
}
