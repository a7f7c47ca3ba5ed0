/**
 * MCPS version 2: the snapshot of a session.
 *
 *   header as in version 1 (version u16 = 2), then its CRC-32 (u32)
 *   sections: id u16, length u32, CRC-32 u32, bytes
 *   last section: id 0xFFFF, its bytes the number of sections before it (u32)
 *
 * A section's CRC covers id, length and bytes and is seeded with the header's CRC, so that a section of another file
 * does not fit. All integers little-endian. Times inside sections are doubles (milliseconds since the epoch).
 */
import { crc32 } from 'node:zlib';
import type { SessionMetadata, SessionState } from '../session/state';
import { ByteReader } from './byte-reader';
import { ByteWriter } from './byte-writer';
import { MCPS_VERSION_OFFSET, readMetadata, readVersion, writeHeader } from './header';
import { McpsError } from './mcps-error';
import * as sections from './v2-sections';
import {
  decodeSection,
  encodeSection,
  REQUIRED_BIT,
  SectionId,
  type SnapshotDeadLetters,
  type SnapshotJournal,
} from './v2-sections';

export type { SnapshotDeadLetters, SnapshotJournal } from './v2-sections';

export const MCPS_VERSION_2 = 2;

/** A session between two processes: all that is not in its journal. */
export interface McpsV2Snapshot {
  metadata: SessionMetadata;
  state: SessionState;
  journal: SnapshotJournal;
  /** Absent: not known. */
  deadLetters?: SnapshotDeadLetters;
}

/**
 * Writes a snapshot.
 * @throws McpsError `ERR_MCPS_VALUE` or `ERR_MCPS_LENGTH` for what the format cannot hold.
 */
export function encodeMcpsV2(snapshot: McpsV2Snapshot): Buffer {
  const { metadata, state } = snapshot;
  const writer = new ByteWriter();
  writeHeader(writer, MCPS_VERSION_2, metadata);
  const seed = crc32(writer.finish());
  writer.u32(seed, 'header checksum');

  const content: [number, Buffer][] = [
    [SectionId.Counters, encodeSection(sections.counters, state)],
    [SectionId.Subscriptions, encodeSection(sections.subscriptions, state.subscriptions)],
    [SectionId.Received, encodeSection(sections.received, state.received)],
    [SectionId.Journal, encodeSection(sections.journal, snapshot.journal)],
    [SectionId.Open, encodeSection(sections.open, state.open)],
    [SectionId.Paused, encodeSection(sections.paused, state.paused)],
    [SectionId.Broker, encodeSection(sections.broker, state.broker)],
    [SectionId.Window, encodeSection(sections.window, state.window)],
    [SectionId.Transfers, encodeSection(sections.transfers, state.transfers)],
    [SectionId.GivenUp, encodeSection(sections.givenUp, state.givenUp)],
    [SectionId.Reserved, encodeSection(sections.received, state.reserved)],
  ];
  if (snapshot.deadLetters !== undefined) {
    content.push([SectionId.DeadLetters, encodeSection(sections.deadLetters, snapshot.deadLetters)]);
  }
  for (const [id, bytes] of content) writeSection(writer, id, bytes, seed);
  const end = Buffer.alloc(4);
  end.writeUInt32LE(content.length);
  writeSection(writer, SectionId.End, end, seed);
  return writer.finish();
}

/**
 * Reads a snapshot. Any change of its bytes is an error, never another content.
 * @throws McpsError with code `ERR_MCPS_VERSION` (`details.version` says which), `_CHECKSUM`, `_TRUNCATED`, `_SECTION`
 * (missing, repeated, or unknown but required), `_TRAILING`, `_MAGIC`, `_VALUE`, `_COUNT` or `_UTF8`.
 */
export function decodeMcpsV2(bytes: Buffer): McpsV2Snapshot {
  const reader = new ByteReader(bytes);
  const version = readVersion(reader);
  if (version !== MCPS_VERSION_2) {
    if (isVersion2WithWrongVersion(bytes)) throw checksumError('the header');
    throw new McpsError('ERR_MCPS_VERSION', `session file has version ${version}, not 2`, { version });
  }
  const metadata = readMetadata(reader);
  const seed = crc32(bytes.subarray(0, reader.offset));
  if (reader.u32('header checksum') !== seed) throw checksumError('the header');

  const found = readSections(reader, seed);
  const required = (id: number, name: string): Buffer => {
    const content = found.get(id);
    if (!content) throw new McpsError('ERR_MCPS_SECTION', `section "${name}" is missing`);
    return content;
  };
  const window = found.get(SectionId.Window);
  const transfers = found.get(SectionId.Transfers);
  const givenUp = found.get(SectionId.GivenUp);
  const reserved = found.get(SectionId.Reserved);
  const deadLetters = found.get(SectionId.DeadLetters);
  return {
    metadata,
    state: {
      ...decodeSection(sections.counters, required(SectionId.Counters, 'counters'), 'counters'),
      subscriptions: decodeSection(
        sections.subscriptions,
        required(SectionId.Subscriptions, 'subscriptions'),
        'subscriptions',
      ),
      received: decodeSection(sections.received, required(SectionId.Received, 'received'), 'received identifiers'),
      open: decodeSection(sections.open, required(SectionId.Open, 'open messages'), 'open messages'),
      paused: decodeSection(sections.paused, required(SectionId.Paused, 'paused'), 'paused'),
      broker: decodeSection(sections.broker, required(SectionId.Broker, 'broker'), 'broker'),
      window: window ? decodeSection(sections.window, window, 'window') : { size: 0, ceiling: 0 },
      transfers: transfers ? decodeSection(sections.transfers, transfers, 'transfers') : [],
      givenUp: givenUp ? decodeSection(sections.givenUp, givenUp, 'messages given up') : [],
      reserved: reserved ? decodeSection(sections.received, reserved, 'reserved identifiers') : [],
    },
    journal: decodeSection(sections.journal, required(SectionId.Journal, 'journal'), 'journal position'),
    ...(deadLetters ? { deadLetters: decodeSection(sections.deadLetters, deadLetters, 'dead letters') } : {}),
  };
}

function writeSection(writer: ByteWriter, id: number, bytes: Buffer, seed: number): void {
  writer.u16(id, 'section id');
  writer.u32(bytes.length, 'section length');
  writer.u32(sectionChecksum(id, bytes, seed), 'section checksum');
  writer.raw(bytes);
}

function readSections(reader: ByteReader, seed: number): Map<number, Buffer> {
  const known = new Set<number>(Object.values(SectionId));
  const found = new Map<number, Buffer>();
  for (;;) {
    const id = reader.u16('section id');
    const length = reader.u32('section length');
    const checksum = reader.u32('section checksum');
    const content = reader.raw(length, `section ${id}`);
    if (sectionChecksum(id, content, seed) !== checksum) throw checksumError(`section ${id}`);
    if (id === SectionId.End) {
      const count = decodeSection(
        { read: (end) => end.u32('section count'), write: () => {} },
        content,
        'the end mark',
      );
      if (count !== found.size) {
        throw new McpsError('ERR_MCPS_SECTION', `${found.size} sections, but the end mark says ${count}`);
      }
      reader.finish('the end mark');
      return found;
    }
    if (found.has(id)) throw new McpsError('ERR_MCPS_SECTION', `section ${id} is repeated`);
    if (id & REQUIRED_BIT && !known.has(id)) {
      throw new McpsError('ERR_MCPS_SECTION', `section ${id} is required and unknown: written by a newer version`, {
        newer: true,
      });
    }
    found.set(id, content);
  }
}

function sectionChecksum(id: number, bytes: Buffer, seed: number): number {
  const head = Buffer.alloc(6);
  head.writeUInt16LE(id, 0);
  head.writeUInt32LE(bytes.length, 2);
  return crc32(bytes, crc32(head, seed));
}

/** A newer version is left alone, a damaged version field is damage: the header's checksum tells which it is. */
function isVersion2WithWrongVersion(bytes: Buffer): boolean {
  const copy = Buffer.from(bytes);
  copy.writeUInt16LE(MCPS_VERSION_2, MCPS_VERSION_OFFSET);
  const reader = new ByteReader(copy, MCPS_VERSION_OFFSET + 2);
  try {
    readMetadata(reader);
    const checksum = crc32(copy.subarray(0, reader.offset));
    return reader.u32('header checksum') === checksum;
  } catch (error) {
    if (error instanceof McpsError) return false;
    throw error;
  }
}

function checksumError(where: string): McpsError {
  return new McpsError('ERR_MCPS_CHECKSUM', `the checksum of ${where} does not hold: the file is damaged`);
}
