import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import type { SnapshotDeadLetters } from '../../mcps/v2';
import type { FileSystem, OpenFile } from '../file-system';
import { ifExists, TEMPORARY_SUFFIX, writeFully } from '../files';
import type { JournalNotice } from '../journal/types';
import { BATCH_BYTES, type DeadLetterKey, encodeBatch, encodeHeader, HEADER_BYTES } from './format';
import { type Entry, type Gap, type Scanned, scanDeadLetters } from './scan';

export const FAILED_NAME = 'failed.mcpj';
const COPY_CHUNK_BYTES = 1024 * 1024;

/** A rewriting that was interrupted; its rename must fail once the session is somebody else's. */
export function isFailedTemporary(name: string): boolean {
  return name.startsWith(`${FAILED_NAME}.`) && name.endsWith(TEMPORARY_SUFFIX);
}

/** An entry that is about to be written, as the bytes of its record. */
export interface FreshEntry extends Omit<Entry, 'offset'> {
  readonly bytes: Buffer;
}

export interface FailedFileOptions {
  fileSystem: FileSystem;
  /** Of the session; exists. */
  directory: string;
  key: DeadLetterKey;
  /**
   * Whether the last holder of the session ended in good order. Else it may still write to the file that it has open, and
   * what it wrote may not be on the disk; so the file is made anew before it is written to.
   */
  closedInOrder: boolean;
  /** What the snapshot says that there was; absent: it does not say. */
  expected?: SnapshotDeadLetters | undefined;
  /** Rejects when the session was taken over. */
  verifyHolder: () => Promise<void>;
  /** Copies a damaged file to where it is kept for inspection. */
  quarantine: (path: string, reason: string) => Promise<void>;
  notice: (notice: JournalNotice) => void;
}

/**
 * The file of dead letters on the disk. One call at a time. What a call could not do has not happened: the entries are
 * those of before.
 *
 * A late writer, of whom the session was taken while he was stopped, hits nothing: the file that he has open is replaced
 * by the next holder before he writes to it, a rename of his finds its temporary file removed, since that was made before
 * he last verified the lock, and he reports nothing as kept without verifying it again.
 */
export class FailedFile {
  readonly path: string;
  /** By id, in order. */
  entries = new Map<number, Entry>();
  byKey = new Map<string, Entry>();
  nextId = 1;
  /** Bytes of all entries. */
  bytes = 0;
  /** Where the next batch goes; 0: there is no file. */
  end = 0;
  /** There are bytes in it that count for nothing. Left there, every later opening takes them for new damage. */
  hasWaste = false;
  readonly #options: FailedFileOptions;
  #file: OpenFile | undefined;
  #isLoaded = false;
  /** At least once: what the snapshot said is old since. */
  #wasLoaded = false;
  /** Not to be appended to: others may have it open, or there may be bytes in it that count for nothing. */
  #mustRewrite: boolean;

  constructor(options: FailedFileOptions) {
    this.#options = options;
    this.#mustRewrite = !options.closedInOrder;
    this.path = path.join(options.directory, FAILED_NAME);
    this.nextId = Math.max(1, options.expected?.nextId ?? 1);
  }

  /** For a snapshot; undefined: the file has not been read. */
  get mark(): SnapshotDeadLetters | undefined {
    return this.#wasLoaded ? { nextId: this.nextId, count: this.entries.size } : undefined;
  }

  /** Nothing may be answered from the entries before they are on the disk in a file that only we write. */
  get mustRewrite(): boolean {
    return this.#mustRewrite;
  }

  /** To be called instead of `load` when there is no such file. */
  beginEmpty(): void {
    this.entries = new Map();
    this.byKey = new Map();
    this.bytes = 0;
    this.end = 0;
    this.#isLoaded = this.#wasLoaded = true;
    this.#mustRewrite = false;
    this.hasWaste = false;
  }

  /** Reads the file if that has not been done. @throws SessionError `ERR_SESSION_VERSION`, `ERR_SESSION_LOST`; the system's error. */
  async load(): Promise<void> {
    if (this.#isLoaded) return;
    const { fileSystem, key, verifyHolder } = this.#options;
    const file = await ifExists(fileSystem.open(this.path, 'write'));
    if (file === undefined) {
      this.#judgeMissing();
      this.beginEmpty();
      return;
    }
    try {
      // Only a file that was opened while the session was ours is certainly not that of a successor.
      await verifyHolder();
      const scanned = await scanDeadLetters(file, key, this.path);
      const isDamaged = await this.#judge(scanned);
      this.entries = new Map(scanned.entries.map((entry) => [entry.id, entry]));
      this.byKey = new Map(scanned.entries.map((entry) => [entry.key, entry]));
      this.bytes = scanned.entries.reduce((sum, { size }) => sum + size, 0);
      this.nextId = Math.max(this.nextId, scanned.nextId);
      this.end = scanned.size;
      this.hasWaste = isDamaged;
      this.#mustRewrite ||= isDamaged;
      this.#file = file;
      this.#isLoaded = this.#wasLoaded = true;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Adds entries, in order. Their ids are those from `nextId` on. */
  async append(fresh: readonly FreshEntry[]): Promise<void> {
    const { key } = this.#options;
    const nextId = (fresh.at(-1)?.id ?? this.nextId - 1) + 1;
    const start = this.end;
    await this.#write([encodeBatch(key, start, nextId), ...fresh.map(({ bytes }) => bytes)]);
    this.nextId = nextId;
    this.#add(fresh, start + BATCH_BYTES);
  }

  /** Removes the entries of `ids` by `record`, which says so. */
  async appendRemoval(ids: ReadonlySet<number>, record: Buffer): Promise<void> {
    await this.#write([encodeBatch(this.#options.key, this.end, this.nextId), record]);
    for (const id of ids) this.#drop(id);
  }

  /** Puts a new file in the place of the old one, with the entries of `kept`, which is in order, and `fresh` behind them. */
  async rewrite(kept: readonly Entry[], fresh: readonly FreshEntry[]): Promise<void> {
    const { fileSystem, directory, key, verifyHolder } = this.#options;
    const temporary = `${this.path}.${randomBytes(4).toString('hex')}${TEMPORARY_SUFFIX}`;
    const nextId = (fresh.at(-1)?.id ?? this.nextId - 1) + 1;
    const all = [...kept, ...fresh];
    const length = HEADER_BYTES + all.reduce((sum, { size }) => sum + size, 0);
    const oldest = all.reduce((least, { keptAt }) => Math.min(least, keptAt), Number.POSITIVE_INFINITY);
    const file = await fileSystem.open(temporary, 'create');
    let isInPlace = false;
    try {
      const header = { uid: key.uid, nextId, oldest: Number.isFinite(oldest) ? oldest : 0, length };
      await writeFully(file, encodeHeader(header));
      const moved = await this.#copy(kept, file);
      const end = moved.at(-1);
      let position = end === undefined ? HEADER_BYTES : end.offset + end.size;
      const freshStart = position;
      for (const { bytes } of fresh) {
        await writeFully(file, bytes, position);
        position += bytes.length;
      }
      await file.sync();
      await verifyHolder();
      // Windows renames over no file that is open.
      await this.#forget();
      await fileSystem.rename(temporary, this.path);
      isInPlace = true;
      await fileSystem.syncDirectory(directory);
      await verifyHolder();
      this.#file = file;
      this.#isLoaded = this.#wasLoaded = true;
      this.#mustRewrite = false;
      this.hasWaste = false;
      this.entries = new Map(moved.map((entry) => [entry.id, entry]));
      this.byKey = new Map(moved.map((entry) => [entry.key, entry]));
      this.bytes = length - HEADER_BYTES - (position - freshStart);
      this.end = position;
      this.nextId = nextId;
      this.#add(fresh, freshStart);
    } catch (error) {
      // A close that fails, too, must not keep the rest from being done; told is the first error.
      await file.close().catch(() => undefined);
      // Which of the two files has the name after a power cut is not known.
      if (isInPlace) this.#mustRewrite = true;
      else await ifExists(fileSystem.remove(temporary)).catch(() => undefined);
      throw error;
    }
  }

  /** The whole record of an entry. */
  async read({ offset, size }: Entry): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(size);
    let length = 0;
    while (length < size && this.#file) {
      const count = await this.#file.read(bytes, length, size - length, offset + length);
      if (count === 0) break;
      length += count;
    }
    return bytes.subarray(0, length);
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
  }

  /** Writes one batch behind the last one, and syncs it. */
  async #write(parts: Buffer[]): Promise<void> {
    const file = this.#file;
    if (file === undefined) throw new TypeError(`${this.path} is not open`);
    const bytes = Buffer.concat(parts);
    try {
      await writeFully(file, bytes, this.end);
    } catch (error) {
      await this.#cut(file);
      throw error;
    }
    try {
      await file.sync();
    } catch (error) {
      // What it held is not trusted, and another sync would succeed without doing anything.
      this.#mustRewrite = true;
      await this.#cut(file);
      throw error;
    }
    try {
      await this.#options.verifyHolder();
    } catch (error) {
      // They are on the disk, but were never reported.
      this.#mustRewrite = true;
      throw error;
    }
    this.end += bytes.length;
  }

  async #cut(file: OpenFile): Promise<void> {
    try {
      await file.truncate(this.end);
    } catch {
      // What stays there is passed over, as it is on the next opening.
      this.#mustRewrite = true;
    }
  }

  /** Copies the records of `kept`, neighbours together. Resolves to where they are now. */
  async #copy(kept: readonly Entry[], target: OpenFile): Promise<Entry[]> {
    const moved: Entry[] = [];
    let position = HEADER_BYTES;
    for (let index = 0; index < kept.length; ) {
      const start = kept[index]?.offset ?? 0;
      let end = start;
      for (let entry = kept[index]; entry?.offset === end; entry = kept[++index]) {
        moved.push({ ...entry, offset: position + end - start });
        end += entry.size;
      }
      await this.#copyBytes(target, start, end, position);
      position += end - start;
    }
    return moved;
  }

  async #copyBytes(target: OpenFile, start: number, end: number, position: number): Promise<void> {
    const chunk = Buffer.allocUnsafe(Math.min(COPY_CHUNK_BYTES, end - start));
    for (let from = start; from < end; ) {
      const count = (await this.#file?.read(chunk, 0, Math.min(chunk.length, end - from), from)) ?? 0;
      if (count === 0) {
        // A former holder has cut off what he had not reported. What is left is read again by the next call.
        await this.#forget();
        throw new Error(`${this.path} has become shorter: ${from} bytes in place of at least ${end}`);
      }
      await writeFully(target, chunk.subarray(0, count), position + from - start);
      from += count;
    }
  }

  #add(fresh: readonly FreshEntry[], start: number): void {
    let offset = start;
    for (const { id, key, keptAt, size } of fresh) {
      const entry: Entry = { id, key, keptAt, size, offset };
      this.entries.set(id, entry);
      this.byKey.set(key, entry);
      this.bytes += size;
      offset += size;
    }
  }

  #drop(id: number): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    this.entries.delete(id);
    if (this.byKey.get(entry.key) === entry) this.byKey.delete(entry.key);
    this.bytes -= entry.size;
  }

  /** From here on only the disk knows; the next call reads it, and writes a new file. */
  async #forget(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    this.#isLoaded = false;
    await file?.close();
  }

  /** It was written and is gone; told once, because the next snapshot knows of none. */
  #judgeMissing(): void {
    const { expected, notice } = this.#options;
    if (expected === undefined || expected.count === 0 || this.#wasLoaded) return;
    const text = `The dead letters in ${this.path} are lost: the file, in which there were ${expected.count}, is missing.`;
    notice({ level: 'error', text });
  }

  /** Tells a torn tail, which is normal, from damage, and reports both. Resolves to whether bytes have to go. */
  async #judge({ header, gaps, size, durable, entries, reached }: Scanned): Promise<boolean> {
    const { key, quarantine, notice, expected } = this.#options;
    const damaged = gaps.filter(({ start }) => start < durable || !this.#mustRewrite);
    let reason: string | undefined;
    if (header === undefined) reason = 'its header is not valid';
    else if (!header.uid.equals(key.uid)) reason = 'it belongs to another session';
    else if (header.length > size) reason = `it has ${size} bytes, but was made with ${header.length}`;
    else if (damaged.length > 0) reason = describeGaps(damaged, entries);
    else if (expected !== undefined && !this.#wasLoaded && reached < expected.nextId) {
      reason = `its end is missing, entries with ids ${reached} to ${expected.nextId - 1} may be lost`;
    }
    if (reason !== undefined) {
      // Before anything of it is replaced.
      await quarantine(this.path, reason);
      const lost = damaged.length > 0 && header !== undefined ? '' : `, ${describeGaps(damaged, entries)}`;
      notice({
        level: 'error',
        text: `The dead letters in ${this.path} are damaged: ${reason}${lost}. ${entries.length} can be read and are kept; a copy of the file is in quarantine.`,
      });
      return true;
    }
    const [torn] = gaps;
    if (torn === undefined) return false;
    notice({
      level: 'info',
      text: `The dead letters in ${this.path} ended with ${size - torn.start} bytes of an unfinished write, which were cut off.`,
    });
    return true;
  }
}

function describeGaps(gaps: readonly Gap[], entries: readonly Entry[]): string {
  if (gaps.length === 0) return 'no entry of this session is in it';
  return gaps
    .map(({ start, end, after }) => {
      const before = entries.find(({ id }) => id > after)?.id;
      const ids = before === undefined ? `above ${after}` : `between ${after} and ${before}`;
      return `bytes ${start} to ${end - 1} are no valid record, entries with ids ${ids} may be lost`;
    })
    .join('; ');
}
