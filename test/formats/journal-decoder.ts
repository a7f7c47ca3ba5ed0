import * as fs from 'node:fs';
import * as path from 'node:path';
import { crc32 } from './bytes';
import { NewerVersion, type Snapshot } from './mcps-decoder';
import { SegmentReader } from './segment-reader';

/** docs/formats.md, sections 5 and 7. */
export interface RawRecord {
  sequence: number;
  kind: number;
  body: Buffer;
}

export interface DecodedJournal {
  uid: Buffer | undefined;
  /** Those that count, in order. */
  records: RawRecord[];
  /** Sequences of records that the disk had confirmed and that are not there. */
  lost: number[];
}

interface SegmentHeader {
  uid: Buffer;
  number: number;
  attempt: number;
  firstSequence: number;
  replacesFrom: number;
}

interface SegmentFile {
  epoch: number;
  number: number;
  bytes: Buffer;
  /** Undefined: damaged. */
  header: SegmentHeader | undefined;
}

interface ChosenSegment {
  file: SegmentFile;
  firstSequence: number;
  /** 0: the whole file. */
  length: number;
  listed: boolean;
}

const HEADER_BYTES = 64;

export function decodeJournal(directory: string, snapshot: Snapshot | undefined): DecodedJournal {
  const files = readSegmentFiles(directory);
  const uid = snapshot?.journal.uid ?? files.findLast((file) => file.header !== undefined)?.header?.uid;
  if (uid === undefined) return { uid, records: [], lost: [] };
  const stateSequence = snapshot?.sequence ?? 0;
  const { records, mark } = collect(uid, chooseSegments(files, uid, snapshot), stateSequence);
  const first = Math.min(snapshot?.journal.segments[0]?.firstSequence ?? stateSequence + 1, stateSequence + 1);
  return { uid, ...judge(records, first, mark) };
}

/** By number, the highest epoch of a number first. */
function readSegmentFiles(directory: string): SegmentFile[] {
  const files: SegmentFile[] = [];
  for (const name of fs.readdirSync(directory)) {
    const match = /^(\d{1,15})-(\d{8,10})\.mcpj$/.exec(name);
    if (!match) continue;
    const [epoch, number] = [Number(match[1]), Number(match[2])];
    if (number < 1 || number >= 2 ** 32 || name !== `${epoch}-${String(number).padStart(8, '0')}.mcpj`) continue;
    const bytes = fs.readFileSync(path.join(directory, name));
    files.push({ epoch, number, bytes, header: readSegmentHeader(bytes) });
  }
  return files.sort((one, other) => one.number - other.number || other.epoch - one.epoch);
}

function readSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== 0x4d43504a) return undefined;
  if (bytes.readUInt32LE(60) !== crc32(bytes.subarray(0, 60))) return undefined;
  if (bytes.readUInt16LE(4) > 1) throw new NewerVersion(`journal version ${bytes.readUInt16LE(4)}`);
  return {
    uid: bytes.subarray(8, 24),
    number: bytes.readUInt32LE(32),
    attempt: bytes.readUInt32LE(36),
    firstSequence: Number(bytes.readBigUInt64LE(40)),
    replacesFrom: Number(bytes.readBigUInt64LE(48)),
  };
}

function chooseSegments(files: SegmentFile[], uid: Buffer, snapshot: Snapshot | undefined): ChosenSegment[] {
  const epoch = snapshot?.journal.epoch ?? 0;
  const listed = snapshot?.journal.segments ?? [];
  const isOurs = (file: SegmentFile, number: number): boolean =>
    file.header?.number === number && file.header.uid.equals(uid);
  const choose = (number: number, candidates: SegmentFile[]): SegmentFile | undefined =>
    candidates.find((file) => file.header === undefined || isOurs(file, number)) ??
    files.find((file) => isOurs(file, number));

  const chosen: ChosenSegment[] = [];
  for (const { number, firstSequence, length } of listed) {
    const named = files.filter((file) => file.number === number);
    const file = choose(number, named);
    if (file) chosen.push({ file, firstSequence, length, listed: true });
  }
  const later = files.filter((file) => file.number > (listed.at(-1)?.number ?? 0) && file.epoch >= epoch);
  for (const number of new Set(later.map((file) => file.number))) {
    const named = later.filter((file) => file.number === number);
    const file = choose(number, named);
    if (file) chosen.push({ file, firstSequence: file.header?.firstSequence ?? 0, length: 0, listed: false });
  }
  return chosen;
}

function collect(
  uid: Buffer,
  segments: ChosenSegment[],
  stateSequence: number,
): { records: RawRecord[]; mark: number } {
  const records: RawRecord[] = [];
  let mark = stateSequence;
  for (const { file, firstSequence, length, listed } of segments) {
    const { header, bytes } = file;
    const replacesFrom = header?.replacesFrom ?? 0;
    if (replacesFrom > 0) {
      while ((records.at(-1)?.sequence ?? 0) >= replacesFrom) records.pop();
      mark = Math.max(stateSequence, Math.min(mark, replacesFrom - 1));
    }
    const reader = new SegmentReader(uid, length > 0 ? bytes.subarray(0, length) : bytes, {
      attempt: header?.attempt ?? 0,
      lastSequence: Math.max(0, firstSequence - 1),
    });
    const last = records.at(-1)?.sequence ?? 0;
    const added = reader.readAll().filter((record) => record.sequence > last);
    if (header === undefined && !listed && !(added[0] && reader.durable >= added[0].sequence)) continue;
    records.push(...added);
    mark = Math.max(mark, reader.durable, firstSequence - 1);
  }
  return { records, mark };
}

function judge(records: RawRecord[], first: number, mark: number): { records: RawRecord[]; lost: number[] } {
  const counted: RawRecord[] = [];
  const lost: number[] = [];
  let due = first;
  for (const record of records) {
    if (record.sequence < due) continue;
    for (; due < record.sequence && due <= mark; due++) lost.push(due);
    if (due < record.sequence) return { records: counted, lost };
    counted.push(record);
    due++;
  }
  for (; due <= mark; due++) lost.push(due);
  return { records: counted, lost };
}
