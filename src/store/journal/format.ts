import { crc32 } from 'node:zlib';
import { SessionError } from '../../errors';

/**
 * Bytes of a journal segment, all integers little-endian:
 *
 *     segment header (64)   magic u32, version u16, flags u16, session uid (16), epoch u64, number u32, attempt u32,
 *                           first sequence u64, replaces-from u64, reserved u32, CRC-32 u32 of the 60 bytes before
 *     batch header (32)     magic u32 (derived from the uid), length u32 of the records behind it, durable u64,
 *                           position u64 (own offset in the file), attempt u32, CRC-32 u32 seeded with the uid
 *     record (17 + body)    length u32 (of all of it), CRC-32 u32, sequence u64, kind u8, body
 *
 * A record belongs to its batch: its CRC-32 (over sequence, kind and body, started from the uid's seed XOR the length)
 * is XORed with the batch's attempt number, which rises by one with every batch of an epoch (modulo 2^32). So neither zeros, nor another
 * session's file, nor what a failed write left at the same place, nor a journal sent as payload is taken for records.
 *
 * First sequence is 0 in a segment that was prepared before its first record was known; there the first batch tells.
 * Replaces-from X (0: none): records at or above X in segments with a lower number do not count.
 */
export const SEGMENT_HEADER_BYTES = 64;
export const BATCH_HEADER_BYTES = 32;
/** Kinds of records with this bit are messages of the queue, the only ones that are read back in order. */
export const MESSAGE_KIND_BIT = 0x80;
/** Framing of one record; its size on disk is this and the body. */
export const RECORD_HEADER_BYTES = 17;

const SEGMENT_MAGIC = 0x4d43504a;
export const SEGMENT_VERSION = 1;
const UID_BYTES = 16;
const UINT32 = 0x1_0000_0000;
/** Fifteen digits. */
const EPOCH_MAX = 999_999_999_999_999;

/** What ties bytes to one session. */
export class JournalKey {
  readonly uid: Buffer;
  /** Start value of every checksum. */
  readonly seed: number;
  readonly batchMagic: number;
  /** The magic as it stands on disk. */
  readonly batchMagicBytes: Buffer;

  constructor(uid: Buffer) {
    if (uid.length !== UID_BYTES) throw new TypeError(`A session uid has ${UID_BYTES} bytes, not ${uid.length}`);
    this.uid = Buffer.from(uid);
    this.seed = crc32(this.uid);
    this.batchMagic = (crc32('batch', this.seed) | 1) >>> 0;
    this.batchMagicBytes = Buffer.alloc(4);
    this.batchMagicBytes.writeUInt32LE(this.batchMagic);
  }
}

export interface SegmentHeader {
  uid: Buffer;
  epoch: number;
  number: number;
  /** Batches in it have higher attempt numbers than this. */
  attempt: number;
  /** 0: not known when the segment was prepared. */
  firstSequence: number;
  /** 0: replaces nothing. */
  replacesFrom: number;
}

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  bytes.writeUInt32LE(SEGMENT_MAGIC, 0);
  bytes.writeUInt16LE(SEGMENT_VERSION, 4);
  header.uid.copy(bytes, 8);
  writeUInt64(bytes, header.epoch, 24);
  bytes.writeUInt32LE(header.number, 32);
  bytes.writeUInt32LE(header.attempt >>> 0, 36);
  writeUInt64(bytes, header.firstSequence, 40);
  writeUInt64(bytes, header.replacesFrom, 48);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

/**
 * The header at the start of `bytes`, or undefined when there is no valid one.
 * @throws Error with code `ERR_SESSION_VERSION` when a newer version wrote it.
 */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES || bytes.readUInt32LE(0) !== SEGMENT_MAGIC) return undefined;
  if (bytes.readUInt32LE(60) !== crc32(bytes.subarray(0, 60))) return undefined;
  const version = bytes.readUInt16LE(4);
  if (version > SEGMENT_VERSION) {
    throw new SessionError(
      'ERR_SESSION_VERSION',
      `The journal was written by a newer version of this program (format ${version}, known up to ${SEGMENT_VERSION}); update it`,
    );
  }
  return {
    uid: Buffer.from(bytes.subarray(8, 8 + UID_BYTES)),
    epoch: readUInt64(bytes, 24),
    number: bytes.readUInt32LE(32),
    attempt: bytes.readUInt32LE(36),
    firstSequence: readUInt64(bytes, 40),
    replacesFrom: readUInt64(bytes, 48),
  };
}

/** Fills the batch header at the start of `batch`, whose `length` bytes include it. */
export function writeBatchHeader(
  key: JournalKey,
  batch: Buffer,
  length: number,
  durable: number,
  position: number,
  attempt: number,
): void {
  batch.writeUInt32LE(key.batchMagic, 0);
  batch.writeUInt32LE(length - BATCH_HEADER_BYTES, 4);
  writeUInt64(batch, durable, 8);
  writeUInt64(batch, position, 16);
  batch.writeUInt32LE(attempt, 24);
  batch.writeUInt32LE(crc32(batch.subarray(0, 28), key.seed), 28);
}

/** True when a batch header that was written for `position` stands at `offset`. */
export function isBatchHeader(key: JournalKey, bytes: Buffer, offset: number, position: number): boolean {
  return (
    bytes.readUInt32LE(offset) === key.batchMagic &&
    readUInt64(bytes, offset + 16) === position &&
    bytes.readUInt32LE(offset + 28) === crc32(bytes.subarray(offset, offset + 28), key.seed)
  );
}

/** The checksum of the record of `size` bytes at `offset`, before the attempt number is mixed in. */
export function recordChecksum(key: JournalKey, bytes: Buffer, offset: number, size: number): number {
  return crc32(bytes.subarray(offset + 8, offset + size), (key.seed ^ size) >>> 0);
}

/** Frames the record of `size` bytes at `offset` whose body is already in place. */
export function sealRecord(
  key: JournalKey,
  bytes: Buffer,
  offset: number,
  size: number,
  sequence: number,
  kind: number,
  attempt: number,
): void {
  bytes.writeUInt32LE(size, offset);
  writeUInt64(bytes, sequence, offset + 8);
  bytes[offset + 16] = kind;
  bytes.writeUInt32LE((recordChecksum(key, bytes, offset, size) ^ attempt) >>> 0, offset + 4);
}

/** Exact up to 2^53; what is above reads as Infinity, which no sequence or position equals. */
export function readUInt64(bytes: Buffer, offset: number): number {
  const high = bytes.readUInt32LE(offset + 4);
  return high >= 0x20_0000 ? Number.POSITIVE_INFINITY : high * UINT32 + bytes.readUInt32LE(offset);
}

export function writeUInt64(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32LE(value % UINT32, offset);
  bytes.writeUInt32LE(Math.floor(value / UINT32), offset + 4);
}

/**
 * A journal file's name says under which epoch it was last taken over, and its place in the journal.
 * @throws SessionError `ERR_STORE_PATH` for what `parseSegmentName` would not find again.
 */
export function segmentName(epoch: number, number: number): string {
  if (epoch > EPOCH_MAX || number >= UINT32) {
    throw new SessionError(
      'ERR_STORE_PATH',
      `No journal file can follow epoch ${epoch - 1} or number ${number - 1}: remove the file with such a name, which is not one of ours`,
    );
  }
  return `${epoch}-${String(number).padStart(8, '0')}.mcpj`;
}

/** Epoch and number in a journal file's name; undefined when it is not one. */
export function parseSegmentName(name: string): { epoch: number; number: number } | undefined {
  const match = /^(\d{1,15})-(\d{8,10})\.mcpj$/.exec(name);
  if (!match) return undefined;
  const [epoch, number] = [Number(match[1]), Number(match[2])];
  return number >= 1 && number < UINT32 && segmentName(epoch, number) === name ? { epoch, number } : undefined;
}
