import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { MCPS_MAGIC } from '../../src/mcps/header';
import { MCPS_VERSION_2 } from '../../src/mcps/v2';
import { REQUIRED_BIT, SectionId } from '../../src/mcps/v2-sections';
import { recordCodec } from '../../src/session/record-codec';
import { RecordKind, type SessionRecord } from '../../src/session/records';
import { Batch } from '../../src/store/journal/batch';
import {
  BATCH_HEADER_BYTES,
  encodeSegmentHeader,
  JournalKey,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  SEGMENT_VERSION,
  writeBatchHeader,
} from '../../src/store/journal/format';
import { crc32 } from './bytes';
import { decodeRecord } from './record-decoder';
import { SegmentReader } from './segment-reader';

const page = fs.readFileSync(path.join(__dirname, '../../docs/formats.md'), 'utf8');
const decoderFiles = [
  'bytes',
  'decoder',
  'failed-decoder',
  'journal-decoder',
  'mcps-decoder',
  'record-decoder',
  'segment-reader',
];

/** First and second column of the table behind the header row `| <columns> |`. */
function rowsOf(columns: string): Map<number, string> {
  const lines = page.split('\n');
  const start = lines.indexOf(columns);
  assert.ok(start > 0, `no table ${columns}`);
  const rows = new Map<number, string>();
  for (const line of lines.slice(start + 2)) {
    const match = /^\| (\S+) \| (\S+) \|/.exec(line);
    if (!match) break;
    rows.set(Number(match[1]), match[2]!);
  }
  return rows;
}

function hexadecimal(value: number): string {
  return `0x${value.toString(16).toUpperCase().padStart(8, '0')}`;
}

describe('formats: docs/formats.md', () => {
  it('names every kind of record, and no other', () => {
    const kinds = Object.entries(RecordKind).map(([name, kind]): [number, string] => [kind, name]);
    assert.deepEqual(rowsOf('| kind | record | body |'), new Map(kinds));
  });

  it('says what every kind of record does', () => {
    for (const name of Object.keys(RecordKind)) assert.match(page, new RegExp(`^\\| ${name} \\| `, 'm'));
  });

  it('names every section of a snapshot, and no other', () => {
    const sections = Object.entries(SectionId).map(([name, id]): [number, string] => [id, name]);
    assert.deepEqual(rowsOf('| id | section | content |'), new Map(sections));
    assert.ok(page.includes(`0x${REQUIRED_BIT.toString(16)}`));
  });

  it('has the sizes, magic numbers and versions of the source', () => {
    for (const [title, bytes] of [
      ['### Segment header', SEGMENT_HEADER_BYTES],
      ['### Batch header', BATCH_HEADER_BYTES],
      ['### Record', RECORD_HEADER_BYTES],
    ] as const) {
      assert.match(page, new RegExp(`^${title} \\(${bytes} bytes`, 'm'));
    }
    const header = encodeSegmentHeader({
      uid: Buffer.alloc(16),
      epoch: 1,
      number: 1,
      attempt: 0,
      firstSequence: 0,
      replacesFrom: 0,
    });
    assert.ok(page.includes(`| u32 | magic ${hexadecimal(header.readUInt32LE(0))}`));
    assert.ok(page.includes(`| magic | u32 | ${hexadecimal(MCPS_MAGIC)}`));
    assert.ok(page.includes(`| 4 | u16 | version: ${SEGMENT_VERSION} |`));
    assert.ok(page.includes(`| version | u16 | ${MCPS_VERSION_2} |`));
  });

  it('has examples that hold', () => {
    const key = new JournalKey(Buffer.from(Array.from({ length: 16 }, (_, index) => index)));
    assert.ok(page.includes(`the seed is ${hexadecimal(key.seed)} and the batch magic ${hexadecimal(key.batchMagic)}`));
    assert.ok(page.replace(/\s+/g, ' ').includes(`"123456789" is ${hexadecimal(crc32('123456789'))}`));
  });

  it('has an example segment that the package would write, and that its own rules read', () => {
    const example = /```text\n((?:(?:[0-9a-f]{2} ?)+\n)+)```/.exec(page)?.[1];
    const bytes = Buffer.from(example?.replace(/\s/g, '') ?? '', 'hex');
    const uid = Buffer.from(Array.from({ length: 16 }, (_, index) => index));
    const key = new JournalKey(uid);
    const header = { uid, epoch: 3, number: 2, attempt: 0, firstSequence: 41, replacesFrom: 41 };
    const record = { kind: RecordKind.Mark, upTo: 105 };
    const batch = new Batch<SessionRecord>(1, 41, Buffer.alloc(0));
    batch.add(key, recordCodec, record, recordCodec.size(record));
    writeBatchHeader(key, batch.buffer, batch.length, 40, SEGMENT_HEADER_BYTES, 1);
    assert.deepEqual(bytes, Buffer.concat([encodeSegmentHeader(header), batch.buffer.subarray(0, batch.length)]));

    const reader = new SegmentReader(uid, bytes, { attempt: 0, lastSequence: 40 });
    const decoded = reader.readAll().map(({ sequence, kind, body }) => decodeRecord(kind, sequence, body));
    assert.deepEqual([decoded, reader.durable], [[{ name: 'Mark', upTo: 105 }], 40]);
  });

  it('is all that the decoder knows: it imports nothing of the package', () => {
    for (const name of decoderFiles) {
      const text = fs.readFileSync(path.join(__dirname, `${name}.ts`), 'utf8');
      const imported = [...text.matchAll(/\b(?:from|require\(|import\()\s*'([^']+)'/g)].map((match) => match[1]!);
      const allowed = ['node:zlib', 'node:crypto', 'node:fs', 'node:path', ...decoderFiles.map((file) => `./${file}`)];
      assert.deepEqual(
        imported.filter((module) => !allowed.includes(module)),
        [],
        name,
      );
    }
  });
});
