import { crc32 } from 'node:zlib';
import type { OpenFile } from '../file-system';
import { readUInt64 } from '../journal/format';
import {
  BATCH,
  BATCH_BYTES,
  checksumStart,
  type DeadLetterKey,
  decodeHeader,
  ENTRY,
  ENTRY_HEADER_BYTES,
  type FileHeader,
  HEADER_BYTES,
  RECORD_HEADER_BYTES,
  REMOVED,
} from './format';

const WINDOW_BYTES = 1024 * 1024;
/**
 * Checksums are taken over at most so many times the size of the file, once for what is in order: bytes that were made to
 * look like the beginnings of long records must not be read again for each of them.
 */
const CHECKED_SIZES_MAX = 8;

/** What is kept in memory of a dead letter. */
export interface Entry {
  readonly id: number;
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly keptAt: number;
  /** Of its record in the file. */
  readonly offset: number;
  readonly size: number;
}

export interface Scanned {
  /** Undefined: there is no valid one. */
  header: FileHeader | undefined;
  size: number;
  /** In the order of their ids, without those that were removed. */
  entries: Entry[];
  nextId: number;
  /** Entries up to below this id are, or were, in the file. A batch may speak of more, of which nothing is there. */
  reached: number;
  /** Bytes that are no valid record. */
  gaps: Gap[];
  /** What is before it was on the disk before what is behind it was written. */
  durable: number;
}

export interface Gap {
  start: number;
  end: number;
  /** The id of the entry before; 0: none. */
  after: number;
}

/**
 * Reads a file of dead letters from its start to its end, with the memory of its index.
 * @throws SessionError `ERR_SESSION_VERSION`; the system's error.
 */
export async function scanDeadLetters(file: OpenFile, key: DeadLetterKey, path: string): Promise<Scanned> {
  const window = new FileWindow(file, await file.size());
  const header = decodeHeader(await window.at(0, HEADER_BYTES), path);
  const isOurs = header?.uid.equals(key.uid) ?? false;
  const entries = new Map<number, Entry>();
  const gaps: Gap[] = [];
  let lastId = 0;
  let nextId = header && isOurs ? header.nextId : 1;
  let durable = header && isOurs ? header.length : 0;
  let position = header === undefined ? 0 : HEADER_BYTES;
  if (header === undefined) gaps.push({ start: 0, end: Math.min(HEADER_BYTES, window.size), after: 0 });

  while (position < window.size) {
    const record = await readRecord(window, key, position);
    if (record === undefined) {
      const isHopeless = window.checkedBytes > CHECKED_SIZES_MAX * window.size;
      const next = isHopeless ? window.size : await window.find(key.magicBytes, position + 1);
      const gap = gaps.at(-1);
      if (gap && gap.end >= position) gap.end = next;
      else gaps.push({ start: position, end: next, after: lastId });
      position = next;
      continue;
    }
    if (record.kind === BATCH) {
      durable = Math.max(durable, position);
      nextId = Math.max(nextId, record.nextId);
    } else if (record.kind === REMOVED) {
      for (const [first, last] of record.ranges) {
        // Of ids, not of entries: a range may span many that are long gone.
        if (last - first < entries.size) for (let id = first; id <= last; id++) entries.delete(id);
        else for (const id of [...entries.keys()]) if (id >= first && id <= last) entries.delete(id);
      }
    } else if (record.id > lastId) {
      const { id, key: name, keptAt } = record;
      entries.set(id, { id, key: name, keptAt, offset: position, size: record.size });
      lastId = id;
    }
    position += record.size;
  }
  return {
    header,
    size: window.size,
    entries: [...entries.values()],
    nextId: Math.max(nextId, lastId + 1),
    reached: Math.max(header && isOurs ? header.nextId : 1, lastId + 1),
    gaps,
    durable,
  };
}

type ScannedRecord =
  | { kind: typeof ENTRY; size: number; id: number; keptAt: number; key: string }
  | { kind: typeof REMOVED; size: number; ranges: [number, number][] }
  | { kind: typeof BATCH; size: number; nextId: number };

/** The record at `position`, undefined when there is no valid one. */
async function readRecord(
  window: FileWindow,
  key: DeadLetterKey,
  position: number,
): Promise<ScannedRecord | undefined> {
  const head = await window.at(position, RECORD_HEADER_BYTES + ENTRY_HEADER_BYTES);
  if (head.length < RECORD_HEADER_BYTES || head.readUInt32LE(0) !== key.magic) return undefined;
  const size = head.readUInt32LE(4);
  const kind = head.readUInt8(12);
  if (size < RECORD_HEADER_BYTES || position + size > window.size) return undefined;
  const checksum = head.readUInt32LE(8);
  // A copy: the window moves on while the checksum is taken.
  const fields = Buffer.from(head);
  if ((await window.checksum(position + 12, position + size, checksumStart(key, size))) !== checksum) return undefined;

  if (kind === BATCH) {
    if (size !== BATCH_BYTES || readUInt64(fields, 13) !== position) return undefined;
    return { kind, size, nextId: readUInt64(fields, 21) };
  }
  if (kind === REMOVED) {
    if ((size - RECORD_HEADER_BYTES) % 16 !== 0) return undefined;
    const ranges: [number, number][] = [];
    for (let at = position + RECORD_HEADER_BYTES; at < position + size; at += 16) {
      const range = await window.at(at, 16);
      ranges.push([readUInt64(range, 0), readUInt64(range, 8)]);
    }
    return { kind, size, ranges };
  }
  if (kind !== ENTRY || size < RECORD_HEADER_BYTES + ENTRY_HEADER_BYTES) return undefined;
  const keyLength = fields.readUInt8(30);
  const keyStart = RECORD_HEADER_BYTES + ENTRY_HEADER_BYTES;
  if (size < keyStart + keyLength) return undefined;
  const name = (await window.at(position + keyStart, keyLength)).toString('utf8');
  return { kind, size, id: readUInt64(fields, 13), keptAt: readUInt64(fields, 21), key: name };
}

/** A file, seen piece by piece. */
class FileWindow {
  readonly #file: OpenFile;
  readonly size: number;
  /** Over which checksums were taken. */
  checkedBytes = 0;
  readonly #buffer: Buffer;
  #start = 0;
  #length = 0;

  constructor(file: OpenFile, size: number) {
    this.#file = file;
    this.size = size;
    this.#buffer = Buffer.allocUnsafe(Math.min(size, WINDOW_BYTES));
  }

  /** At most `length` bytes at `position`, which the next call may overwrite; fewer at the end of the file. */
  async at(position: number, length: number): Promise<Buffer> {
    const end = Math.min(position + length, this.size);
    if (position < this.#start || end > this.#start + this.#length) await this.#load(position);
    return this.#buffer.subarray(position - this.#start, Math.min(end - this.#start, this.#length));
  }

  /** CRC-32 of the bytes from `start` to `end`, continued from `from`. */
  async checksum(start: number, end: number, from: number): Promise<number> {
    let value = from;
    for (let position = start; position < end; ) {
      const bytes = await this.#rest(position);
      const piece = bytes.subarray(0, end - position);
      if (piece.length === 0) return -1;
      value = crc32(piece, value);
      this.checkedBytes += piece.length;
      position += piece.length;
    }
    return value;
  }

  /** Where `pattern` begins at or behind `from`; the end of the file when nowhere. */
  async find(pattern: Buffer, from: number): Promise<number> {
    for (let position = from; position + pattern.length <= this.size; ) {
      let bytes = await this.#rest(position);
      if (bytes.length < pattern.length) {
        await this.#load(position);
        bytes = await this.#rest(position);
        if (bytes.length < pattern.length) break;
      }
      const index = bytes.indexOf(pattern);
      if (index >= 0) return position + index;
      position += bytes.length - pattern.length + 1;
    }
    return this.size;
  }

  /** What of the window is at `position` and behind. */
  async #rest(position: number): Promise<Buffer> {
    if (position < this.#start || position >= this.#start + this.#length) await this.#load(position);
    return this.#buffer.subarray(position - this.#start, this.#length);
  }

  async #load(position: number): Promise<void> {
    this.#start = position;
    this.#length = 0;
    while (this.#length < this.#buffer.length) {
      const count = await this.#file.read(
        this.#buffer,
        this.#length,
        this.#buffer.length - this.#length,
        position + this.#length,
      );
      if (count === 0) break;
      this.#length += count;
    }
  }
}
