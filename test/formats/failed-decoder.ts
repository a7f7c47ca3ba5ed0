import { crc32, Fields } from './bytes';

export interface DecodedEntry {
  id: number;
  keptAt: number;
  key: string;
  kind: number;
  content: Buffer;
}

export interface DecodedFailed {
  header: { uid: Buffer; nextId: number; oldest: number; length: number } | undefined;
  /** In order, without those that were removed. */
  entries: DecodedEntry[];
  nextId: number;
  /** Passed over, although it was synced. */
  damaged: number[];
  /** Offset of the torn end. */
  torn: number | undefined;
}

type FailedRecord =
  | ({ name: 'Entry' } & DecodedEntry)
  | { name: 'Removed'; ranges: { first: number; last: number }[] }
  | { name: 'Batch'; nextId: number };

const HEADER_BYTES = 64;

/** docs/formats.md, section 10, failed.mcpj. `uid`: of the session. */
export function decodeFailed(bytes: Buffer, uid: Buffer): DecodedFailed {
  const header = readHeader(bytes);
  const isOurs = header?.uid.equals(uid) ?? false;
  const magic = (crc32('failed', crc32(uid)) | 1) >>> 0;
  const entries = new Map<number, DecodedEntry>();
  const passedOver: number[] = [];
  let durable = isOurs ? (header?.length ?? 0) : 0;
  let nextId = isOurs ? (header?.nextId ?? 1) : 1;
  let lastId = 0;
  let isPassing = false;
  for (let position = isOurs ? HEADER_BYTES : 0; position < bytes.length; ) {
    const record = readRecord(bytes, position, magic, crc32(uid));
    if (record === undefined) {
      if (!isPassing) passedOver.push(position);
      isPassing = true;
      position++;
      continue;
    }
    isPassing = false;
    if (record.name === 'Batch') {
      durable = Math.max(durable, position);
      nextId = Math.max(nextId, record.nextId);
    } else if (record.name === 'Removed') {
      for (const { first, last } of record.ranges) {
        for (const id of [...entries.keys()]) if (first <= id && id <= last) entries.delete(id);
      }
    } else if (record.id > lastId) {
      const { name, ...entry } = record;
      entries.set(record.id, entry);
      lastId = record.id;
    }
    position += bytes.readUInt32LE(position + 4);
  }
  return {
    header,
    entries: [...entries.values()],
    nextId: Math.max(nextId, lastId + 1),
    damaged: passedOver.filter((position) => position < durable),
    torn: passedOver.find((position) => position >= durable),
  };
}

function readHeader(bytes: Buffer): DecodedFailed['header'] {
  if (bytes.length < HEADER_BYTES || bytes.readUInt32LE(0) !== 0x4d435046) return undefined;
  if (bytes.readUInt32LE(60) !== crc32(bytes.subarray(0, 60))) return undefined;
  if (bytes.readUInt16LE(4) > 1) throw new Error('a newer version wrote it');
  const fields = new Fields(bytes.subarray(8));
  return { uid: fields.raw(16), nextId: fields.u64(), oldest: fields.u64(), length: fields.u64() };
}

function readRecord(bytes: Buffer, position: number, magic: number, seed: number): FailedRecord | undefined {
  if (position + 13 > bytes.length || bytes.readUInt32LE(position) !== magic) return undefined;
  const size = bytes.readUInt32LE(position + 4);
  if (size < 13 || position + size > bytes.length) return undefined;
  const checked = bytes.subarray(position + 12, position + size);
  if (bytes.readUInt32LE(position + 8) !== crc32(checked, (seed ^ size) >>> 0)) return undefined;
  const body = new Fields(checked.subarray(1));
  try {
    return readBody(checked.readUInt8(0), body, position);
  } catch {
    return undefined;
  }
}

function readBody(kind: number, body: Fields, position: number): FailedRecord | undefined {
  if (kind === 1) {
    const [id, keptAt, contentKind] = [body.u64(), body.u64(), body.u8()];
    const key = body.text(body.u8());
    return { name: 'Entry', id, keptAt, kind: contentKind, key, content: body.raw(body.rest) };
  }
  if (kind === 2) {
    return {
      name: 'Removed',
      ranges: body.list(Math.ceil(body.rest / 16), () => ({ first: body.u64(), last: body.u64() })),
    };
  }
  if (kind !== 3 || body.u64() !== position) return undefined;
  return body.end({ name: 'Batch', nextId: body.u64() });
}
