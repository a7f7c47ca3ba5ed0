import { crc32 } from 'node:zlib';
import { SessionError } from '../../errors';
import { readUInt64, writeUInt64 } from '../journal/format';

/**
 * Bytes of `failed.mcpj`, all integers little-endian:
 *
 *     header (64)        magic u32, version u16, flags u16, session uid (16), next id u64, oldest u64, length u64,
 *                        reserved (12), CRC-32 u32 of the 60 bytes before
 *     record (13 + body) magic u32 (derived from the uid), size u32 of all of it, CRC-32 u32 over kind and body, started
 *                        from the uid's seed XOR the size, kind u8, body
 *
 *     1 Entry            id u64, kept at u64, kind of its content u8, key length u8, key, content to the end
 *     2 Removed          first u64, last u64, and so on: entries before this record with these ids are gone
 *     3 Batch            position u64 (own offset in the file), next id u64: what is before it in the file was synced
 *                        when it was written; what is written together begins with one
 *
 * The header's `length` bytes were synced before the file got its name. Ids rise; none is given twice, also not after
 * its entry is gone: they begin at the highest `next id` of header and batches.
 */
export const HEADER_BYTES = 64;
export const RECORD_HEADER_BYTES = 13;
/** Of the body, before the key. */
export const ENTRY_HEADER_BYTES = 18;
export const KEY_BYTES_MAX = 255;
export const BATCH_BYTES = RECORD_HEADER_BYTES + 16;

export const ENTRY = 1;
export const REMOVED = 2;
export const BATCH = 3;

const FILE_MAGIC = 0x4d435046;
export const FILE_VERSION = 1;
const UID_BYTES = 16;

/** What ties records to one session. */
export class DeadLetterKey {
  readonly uid: Buffer;
  /** Start value of every checksum. */
  readonly seed: number;
  readonly magic: number;
  /** The magic as it stands on disk. */
  readonly magicBytes: Buffer;

  constructor(uid: Buffer) {
    this.uid = Buffer.from(uid);
    this.seed = crc32(this.uid);
    this.magic = (crc32('failed', this.seed) | 1) >>> 0;
    this.magicBytes = Buffer.alloc(4);
    this.magicBytes.writeUInt32LE(this.magic);
  }
}

export interface FileHeader {
  uid: Buffer;
  /** No id at or above it was given when the file was made. */
  nextId: number;
  /** Of the entries with which the file was made, the oldest time; 0: none. */
  oldest: number;
  /** Bytes with which the file was made, the header included. */
  length: number;
}

export function encodeHeader(header: FileHeader): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt32LE(FILE_MAGIC, 0);
  bytes.writeUInt16LE(FILE_VERSION, 4);
  header.uid.copy(bytes, 8);
  writeUInt64(bytes, header.nextId, 24);
  writeUInt64(bytes, header.oldest, 32);
  writeUInt64(bytes, header.length, 40);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

/**
 * The header at the start of `bytes`, or undefined when there is no valid one.
 * @throws SessionError `ERR_SESSION_VERSION` when a newer version wrote it.
 */
export function decodeHeader(bytes: Buffer, path: string): FileHeader | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== FILE_MAGIC) return undefined;
  if (bytes.readUInt32LE(60) !== crc32(bytes.subarray(0, 60))) return undefined;
  const version = bytes.readUInt16LE(4);
  if (version > FILE_VERSION) {
    throw new SessionError(
      'ERR_SESSION_VERSION',
      `The dead letters in ${path} were written by a newer version of this package (format ${version}, known up to ${FILE_VERSION}). They are left as they are; install that version again to use them.`,
      { details: { path, version } },
    );
  }
  return {
    uid: Buffer.from(bytes.subarray(8, 8 + UID_BYTES)),
    nextId: readUInt64(bytes, 24),
    oldest: readUInt64(bytes, 32),
    length: readUInt64(bytes, 40),
  };
}

/** An entry whose content takes `contentSize` bytes, which `writeContent` writes at an offset and answers with its end. */
export function encodeEntry(
  key: DeadLetterKey,
  entry: { id: number; keptAt: number; kind: number; key: string },
  contentSize: number,
  writeContent: (target: Buffer, offset: number) => number,
): Buffer {
  const name = Buffer.from(entry.key);
  if (name.length > KEY_BYTES_MAX) throw new RangeError(`The key of a dead letter has ${name.length} bytes`);
  const contentStart = RECORD_HEADER_BYTES + ENTRY_HEADER_BYTES + name.length;
  const bytes = Buffer.allocUnsafe(contentStart + contentSize);
  writeUInt64(bytes, entry.id, 13);
  writeUInt64(bytes, entry.keptAt, 21);
  bytes[29] = entry.kind;
  bytes[30] = name.length;
  name.copy(bytes, 31);
  const end = writeContent(bytes, contentStart);
  if (end !== bytes.length) throw new RangeError(`A dead letter took ${end - contentStart} bytes, not ${contentSize}`);
  return seal(key, bytes, ENTRY);
}

/** `ranges`: first and last ids. */
export function encodeRemoved(key: DeadLetterKey, ranges: readonly (readonly [first: number, last: number])[]): Buffer {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES + 16 * ranges.length);
  for (const [index, [first, last]] of ranges.entries()) {
    writeUInt64(bytes, first, RECORD_HEADER_BYTES + 16 * index);
    writeUInt64(bytes, last, RECORD_HEADER_BYTES + 16 * index + 8);
  }
  return seal(key, bytes, REMOVED);
}

export function encodeBatch(key: DeadLetterKey, position: number, nextId: number): Buffer {
  const bytes = Buffer.alloc(BATCH_BYTES);
  writeUInt64(bytes, position, RECORD_HEADER_BYTES);
  writeUInt64(bytes, nextId, RECORD_HEADER_BYTES + 8);
  return seal(key, bytes, BATCH);
}

/** Start value of the checksum of a record of `size` bytes; it covers the bytes from offset 12 on. */
export function checksumStart(key: DeadLetterKey, size: number): number {
  return (key.seed ^ size) >>> 0;
}

function seal(key: DeadLetterKey, bytes: Buffer, kind: number): Buffer {
  bytes.writeUInt32LE(key.magic, 0);
  bytes.writeUInt32LE(bytes.length, 4);
  bytes[12] = kind;
  bytes.writeUInt32LE(crc32(bytes.subarray(12), checksumStart(key, bytes.length)), 8);
  return bytes;
}

/** True when `bytes` are the whole record of the entry `id`. */
export function isEntry(key: DeadLetterKey, bytes: Buffer, id: number): boolean {
  return (
    bytes.length >= RECORD_HEADER_BYTES + ENTRY_HEADER_BYTES &&
    bytes.readUInt32LE(0) === key.magic &&
    bytes.readUInt32LE(4) === bytes.length &&
    bytes[12] === ENTRY &&
    bytes.readUInt32LE(8) === crc32(bytes.subarray(12), checksumStart(key, bytes.length)) &&
    readUInt64(bytes, 13) === id
  );
}
