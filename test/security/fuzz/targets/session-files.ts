// Snapshots, records, journal segments, dead letters, client ids and locks: everything in a storage path.
import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { crc32 } from 'node:zlib';
import { decodeMcps } from '../../../../src/mcps/decode';
import { McpsError } from '../../../../src/mcps/mcps-error';
import { decodeMcpsV1, encodeMcpsV1, readV1ClientId } from '../../../../src/mcps/v1';
import { decodeMcpsV2, encodeMcpsV2 } from '../../../../src/mcps/v2';
import { recordCodec } from '../../../../src/session/record-codec';
import { Recovery } from '../../../../src/session/recovery';
import { Session } from '../../../../src/session/session';
import { ClientIds } from '../../../../src/store/client-ids';
import { DeadLetterKey } from '../../../../src/store/dead-letters/format';
import { scanDeadLetters } from '../../../../src/store/dead-letters/scan';
import { BATCH_HEADER_BYTES, JournalKey, SEGMENT_HEADER_BYTES } from '../../../../src/store/journal/format';
import { surveyJournal } from '../../../../src/store/journal/survey';
import { readLockFile } from '../../../../src/store/lock-chain';
import { factsOf, ManualScheduler, machine } from '../../../store/support';
import { mutateBytes, noise } from '../bytes';
import { memoryFile, memoryFiles } from '../memory-file';
import type { Random } from '../random';
import { storageSamples } from '../samples';
import { outcomeLater, outcomeOf, type TargetDefinition } from '../target';
import { mutatePlain, plain } from '../values';

const isMcpsError = (error: unknown) => error instanceof McpsError;
const isCode = (code: string) => (error: unknown) => (error as { code?: unknown }).code === code;

/** Puts right the checksums of an MCPS v2 file, as far as its lengths say where they stand. */
export function repairSnapshot(bytes: Buffer): Buffer {
  if (bytes.length < 32) return bytes;
  const headerEnd = 28 + bytes.readUInt16LE(26);
  if (headerEnd + 4 > bytes.length) return bytes;
  const seed = crc32(bytes.subarray(0, headerEnd));
  bytes.writeUInt32LE(seed, headerEnd);
  for (let at = headerEnd + 4; at + 10 <= bytes.length; ) {
    const end = at + 10 + bytes.readUInt32LE(at + 2);
    if (end > bytes.length) break;
    bytes.writeUInt32LE(crc32(bytes.subarray(at + 10, end), crc32(bytes.subarray(at, at + 6), seed)), at + 6);
    at = end;
  }
  return bytes;
}

/** Puts right the checksums of a segment: of its header, its batch headers and their records. */
export function repairSegment(key: JournalKey, bytes: Buffer): Buffer {
  if (bytes.length < SEGMENT_HEADER_BYTES) return bytes;
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  let at = SEGMENT_HEADER_BYTES;
  while (at + BATCH_HEADER_BYTES <= bytes.length) {
    bytes.writeUInt32LE(crc32(bytes.subarray(at, at + 28), key.seed), at + 28);
    const batchEnd = Math.min(bytes.length, at + BATCH_HEADER_BYTES + bytes.readUInt32LE(at + 4));
    const attempt = bytes.readUInt32LE(at + 24);
    let record = at + BATCH_HEADER_BYTES;
    while (record + 17 <= batchEnd) {
      const size = bytes.readUInt32LE(record);
      if (size < 17 || record + size > batchEnd) break;
      const checksum = crc32(bytes.subarray(record + 8, record + size), (key.seed ^ size) >>> 0);
      bytes.writeUInt32LE((checksum ^ attempt) >>> 0, record + 4);
      record += size;
    }
    if (batchEnd <= at + BATCH_HEADER_BYTES) break;
    at = batchEnd;
  }
  return bytes;
}

/** Puts right the checksums of a file of dead letters. */
export function repairDeadLetters(key: DeadLetterKey, bytes: Buffer): Buffer {
  if (bytes.length < 64) return bytes;
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  for (let at = 64; at + 13 <= bytes.length; ) {
    const size = bytes.readUInt32LE(at + 4);
    if (size < 13 || at + size > bytes.length) break;
    bytes.writeUInt32LE(crc32(bytes.subarray(at + 12, at + size), (key.seed ^ size) >>> 0), at + 8);
    at += size;
  }
  return bytes;
}

/** Of mutated inputs, most get their checksums back, so that the code behind these is reached. */
function repaired(random: Random, bytes: Buffer, repair: (bytes: Buffer) => Buffer): Buffer {
  return random.chance(0.8) ? repair(Buffer.from(bytes)) : bytes;
}

const FIXTURES = path.join(__dirname, '../../../fixtures/mcps-v1');

const mcps1: TargetDefinition = {
  name: 'mcps-v1',
  what: 'session files of version 1, which are imported and migrated',
  async open() {
    const samples = fs
      .readdirSync(FIXTURES)
      .filter((name) => name.endsWith('.mcps'))
      .map((name) => fs.readFileSync(path.join(FIXTURES, name)));
    return {
      feed(random) {
        const bytes = mutateBytes(random, random.pick(samples), samples);
        readV1ClientId(bytes);
        return outcomeOf(
          bytes.length,
          () => {
            const session = decodeMcpsV1(bytes);
            assert.deepEqual(decodeMcpsV1(encodeMcpsV1(session)), session);
          },
          isMcpsError,
        );
      },
    };
  },
};

const mcps2: TargetDefinition = {
  name: 'mcps-v2',
  what: 'snapshots, and the recovery of a session from what they say',
  async open() {
    const { snapshots } = await storageSamples();
    const options = { maxInflight: 10, maxBytes: 2 ** 26, whenFull: 'reject', onSessionLost: 'republish' } as const;
    const others = { keepFailed: true, maxSendRate: 0, receiveMaximum: 20, handshakesMax: 20 } as const;
    return {
      feed(random) {
        const bytes = repaired(random, mutateBytes(random, random.pick(snapshots), snapshots), repairSnapshot);
        return outcomeOf(
          bytes.length,
          () => {
            decodeMcps(bytes);
            const snapshot = decodeMcpsV2(bytes);
            assert.deepEqual(decodeMcpsV2(encodeMcpsV2(snapshot)), snapshot);
            const recovery = new Recovery(snapshot.state, []);
            for (let read = recovery.nextRead(); read !== undefined; read = recovery.nextRead()) recovery.readDone([]);
            const session = new Session(recovery, { ...options, ...others }, 0);
            session.snapshot(true);
          },
          isMcpsError,
        );
      },
    };
  },
};

const records: TargetDefinition = {
  name: 'records',
  what: 'bodies of journal records',
  async open() {
    const { bodies } = await storageSamples();
    const raw = bodies.map(({ body }) => body);
    return {
      feed(random) {
        const { kind, body } = random.pick(bodies);
        const bytes = mutateBytes(random, body, raw);
        return outcomeOf(
          bytes.length,
          () => {
            const record = recordCodec.read(random.chance(0.9) ? kind : random.below(256), bytes);
            const again = Buffer.alloc(recordCodec.size(record));
            assert.equal(recordCodec.write(record, again, 0), again.length);
            const { origin: _cut, ...read } = recordCodec.read(recordCodec.kind(record), again) as { origin?: unknown };
            // Names of nodes are cut to 255 bytes, which those with replaced characters may exceed.
            const { origin: _whole, ...written } = record as { origin?: unknown };
            assert.deepEqual(read, written);
          },
          isCode('ERR_RECORD_INVALID'),
        );
      },
    };
  },
};

const journal: TargetDefinition = {
  name: 'journal',
  what: 'journal segments: one to three files, found, chosen, scanned and judged as opening does',
  async open() {
    const { segments, uid, position, sequence } = await storageSamples();
    const key = new JournalKey(uid);
    const contents = [...segments.values()];
    return {
      async feed(random) {
        const files: Record<string, Buffer> = {};
        for (const [name, content] of segments) {
          const bytes = random.chance(0.5) ? content : mutateBytes(random, content, contents);
          files[name] = repaired(random, bytes, (one) => repairSegment(key, one));
        }
        const size = Object.values(files).reduce((sum, { length }) => sum + length, 0);
        const fileSystem = await memoryFiles('/s', files);
        const known = random.chance(0.5) ? position : undefined;
        return outcomeLater(size, async () => {
          const { records: read } = await surveyJournal(fileSystem, '/s', key, recordCodec, known, sequence);
          for (const [index, { sequence: one }] of read.entries()) {
            assert.ok(Number.isSafeInteger(one) && one > (read[index - 1]?.sequence ?? 0));
          }
        });
      },
    };
  },
};

const deadLetters: TargetDefinition = {
  name: 'dead-letters',
  what: 'failed.mcpj',
  async open() {
    const { failed, uid } = await storageSamples();
    const key = new DeadLetterKey(uid);
    return {
      feed(random) {
        const bytes = repaired(random, mutateBytes(random, failed, [failed]), (one) => repairDeadLetters(key, one));
        return outcomeLater(bytes.length, async () => {
          const { entries } = await scanDeadLetters(memoryFile(bytes), key, 'failed.mcpj');
          for (const { offset, size } of entries) assert.ok(offset + size <= bytes.length);
        });
      },
    };
  },
};

const clientIds: TargetDefinition = {
  name: 'client-ids',
  what: 'client-ids.json',
  async open() {
    const { clientIdsFile } = await storageSamples();
    const value = JSON.parse(clientIdsFile.toString('utf8')) as Record<string, unknown>;
    // As somebody writes it by hand: with the checksum no change is accepted.
    delete value[''];
    const scheduler = new ManualScheduler();
    return {
      async feed(random) {
        const bytes = random.chance(0.5)
          ? mutateBytes(random, clientIdsFile, [clientIdsFile])
          : Buffer.from(JSON.stringify(mutatePlain(random, value)) ?? '');
        const fileSystem = await memoryFiles('/s', { 'client-ids.json': bytes });
        const ids = new ClientIds(fileSystem, scheduler, factsOf(machine), '/s');
        return outcomeLater(
          bytes.length,
          async () => {
            for (const clientId of (await ids.all()).values()) assert.equal(typeof clientId, 'string');
          },
          isCode('ERR_CLIENT_ID_FILE'),
        );
      },
    };
  },
};

const locks: TargetDefinition = {
  name: 'lock',
  what: 'lock files',
  async open() {
    const content = { ...machine, nonce: '0'.repeat(32), beats: false, beat: 1 };
    const sample = Buffer.from(JSON.stringify(content));
    return {
      async feed(random) {
        const bytes = random.chance(0.5)
          ? mutateBytes(random, sample, [sample])
          : Buffer.from(JSON.stringify(random.chance(0.2) ? plain(random) : mutatePlain(random, content)) ?? '');
        const fileSystem = await memoryFiles('/s', { lock: random.chance(0.05) ? noise(random, 100) : bytes });
        const file = await readLockFile(fileSystem, '/s/lock');
        // What is not a lock of ours never names a process.
        assert.ok(file !== undefined);
        // It becomes part of a file's name.
        assert.match(file.nonce, /^[0-9a-f]{32}$|^\d+-\d+$/);
        return { size: bytes.length, accepted: file.content !== undefined };
      },
    };
  },
};

export const sessionFileTargets = [mcps1, mcps2, records, journal, deadLetters, clientIds, locks];
