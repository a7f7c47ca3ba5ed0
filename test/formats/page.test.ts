import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { MCPS_MAGIC } from '../../src/mcps/header';
import { MCPS_VERSION_2 } from '../../src/mcps/v2';
import { REQUIRED_BIT, SectionId } from '../../src/mcps/v2-sections';
import { RecordKind } from '../../src/session/records';
import {
  BATCH_HEADER_BYTES,
  encodeSegmentHeader,
  JournalKey,
  RECORD_HEADER_BYTES,
  SEGMENT_HEADER_BYTES,
  SEGMENT_VERSION,
} from '../../src/store/journal/format';
import { crc32 } from './bytes';

const page = fs.readFileSync(path.join(__dirname, '../../docs/formats.md'), 'utf8');
const decoderFiles = ['bytes', 'decoder', 'journal-decoder', 'mcps-decoder', 'record-decoder', 'segment-reader'];

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
