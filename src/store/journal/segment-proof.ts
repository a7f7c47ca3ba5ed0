import { InTurn } from '../../in-turn';
import type { FileSystem } from '../file-system';
import type { JournalKey, SegmentHeader } from './format';
import { inspectSegmentFile } from './segment-files';
import type { Segment, SegmentTable } from './segment-table';
import type { JournalNotice } from './types';

/**
 * Makes sure that files are the segments that their names say. Opening does not: it would cost more for a longer queue.
 * So it is done before a segment is read, and before its file is removed: that with the name of a dead segment may hold
 * one that is needed.
 */
export class SegmentProof {
  readonly #fileSystem: FileSystem;
  readonly #key: JournalKey;
  readonly #table: SegmentTable;
  readonly #notice: (notice: JournalNotice) => void;
  readonly #inTurn = new InTurn();

  constructor(fileSystem: FileSystem, key: JournalKey, table: SegmentTable, notice: (notice: JournalNotice) => void) {
    this.#fileSystem = fileSystem;
    this.#key = key;
    this.#table = table;
    this.#notice = notice;
  }

  /**
   * Gives `segment` the path of the file that holds it, which another segment may have had. Resolves to why there is none,
   * undefined when there is, or when its header cannot be read: then its records tell.
   * @throws SessionError `ERR_SESSION_VERSION`; the system's error.
   */
  prove(segment: Segment): Promise<string | undefined> {
    return this.#inTurn.run(() => this.#prove(segment));
  }

  async #prove(segment: Segment): Promise<string | undefined> {
    if (!segment.isUnproven) return undefined;
    const header = await this.#headerOf(segment);
    if (header !== undefined && !this.#holds(header, segment)) {
      const other = await this.#findHolderOf(segment);
      if (other === undefined) {
        return this.#isOurs(header) ? `it holds segment ${header.number}` : 'it belongs to another session';
      }
      [segment.path, other.path] = [other.path, segment.path];
      this.#notice({ level: 'warn', text: `Segment ${segment.number} of the journal was found as ${segment.path}` });
    }
    segment.isUnproven = false;
    return undefined;
  }

  async #findHolderOf(segment: Segment): Promise<Segment | undefined> {
    for (const other of this.#table.segments) {
      if (other === segment || !other.isUnproven) continue;
      const header = await this.#headerOf(other);
      if (header !== undefined && this.#holds(header, segment)) return other;
    }
    return undefined;
  }

  async #headerOf({ path }: Segment): Promise<SegmentHeader | undefined> {
    return (await inspectSegmentFile(this.#fileSystem, path))?.header;
  }

  #holds(header: SegmentHeader, segment: Segment): boolean {
    return this.#isOurs(header) && header.number === segment.number;
  }

  #isOurs(header: SegmentHeader): boolean {
    return header.uid.equals(this.#key.uid);
  }
}
