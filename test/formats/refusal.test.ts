import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { decodeMcpsV2 } from '../../src/mcps/v2';
import { decodeSegmentHeader } from '../../src/store/journal/format';
import { temporaryDirectory } from '../store/support';
import { crc32 } from './bytes';
import { decodeSession, directoryName } from './decoder';
import { decodeSnapshot, NewerVersion } from './mcps-decoder';
import { CLIENT_ID, fillSession } from './scenario';

const HEADER_BYTES = 4 + 2 + 8 + 8 + 4 + 2 + Buffer.byteLength(CLIENT_ID);
const SECTION_HEADER_BYTES = 10;

describe('formats: what docs/formats.md has a reader refuse', () => {
  const directory = temporaryDirectory();
  let location = '';
  let snapshotFile = '';
  let bytes: Buffer;

  beforeEach(async () => {
    location = path.join(directory(), 'store', directoryName(CLIENT_ID));
    const session = await fillSession(path.join(directory(), 'store'));
    await session.checkpoint(true);
    await session.close();
    snapshotFile = path.join(location, 'session.1.mcps');
    bytes = fs.readFileSync(snapshotFile);
  });

  /** The snapshot with one more section in front of the others, and the end mark that goes with it. */
  const withSection = (id: number, content: Buffer): Buffer => {
    const seed = bytes.readUInt32LE(HEADER_BYTES);
    const section = (sectionId: number, inside: Buffer): Buffer => {
      const head = Buffer.alloc(6);
      head.writeUInt16LE(sectionId, 0);
      head.writeUInt32LE(inside.length, 2);
      const checksum = Buffer.alloc(4);
      checksum.writeUInt32LE(crc32(inside, crc32(head, seed)));
      return Buffer.concat([head, checksum, inside]);
    };
    const end = Buffer.from(bytes.subarray(-4));
    end.writeUInt32LE(end.readUInt32LE(0) + 1);
    const start = HEADER_BYTES + 4;
    const others = bytes.subarray(start, -(SECTION_HEADER_BYTES + 4));
    return Buffer.concat([bytes.subarray(0, start), section(id, content), others, section(0xffff, end)]);
  };

  it('a snapshot with any byte changed', () => {
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << (at % 8);
      assert.throws(
        () => decodeSnapshot(changed),
        (error) => !(error instanceof NewerVersion),
        `byte ${at}`,
      );
    }
  });

  it('a snapshot that is cut, or goes on', () => {
    for (let length = 0; length < bytes.length; length++)
      assert.throws(() => decodeSnapshot(bytes.subarray(0, length)));
    assert.throws(() => decodeSnapshot(Buffer.concat([bytes, Buffer.alloc(1)])));
  });

  it('a snapshot of a newer version', () => {
    bytes.writeUInt16LE(3, 4);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_BYTES)), HEADER_BYTES);
    fs.writeFileSync(snapshotFile, bytes);
    assert.throws(() => decodeSession(location), NewerVersion);
    assert.throws(() => decodeMcpsV2(bytes), { code: 'ERR_MCPS_VERSION' });
  });

  it('a snapshot with a required section of a newer version', () => {
    const newer = withSection(0x8123, Buffer.from('new'));
    assert.throws(() => decodeSnapshot(newer), NewerVersion);
    assert.throws(() => decodeMcpsV2(newer), { code: 'ERR_MCPS_SECTION' });
  });

  it('but not one with a section that may be skipped', () => {
    const newer = withSection(0x0123, Buffer.from('new'));
    assert.deepEqual(decodeSnapshot(newer), decodeSnapshot(bytes));
    assert.deepEqual(decodeMcpsV2(newer), decodeMcpsV2(bytes));
  });

  it('a segment of a newer version', () => {
    const name = fs.readdirSync(location).find((file) => file.endsWith('.mcpj'))!;
    const segment = fs.readFileSync(path.join(location, name));
    segment.writeUInt16LE(2, 4);
    segment.writeUInt32LE(crc32(segment.subarray(0, 60)), 60);
    fs.writeFileSync(path.join(location, name), segment);
    assert.throws(() => decodeSession(location), NewerVersion);
    assert.throws(() => decodeSegmentHeader(segment), { code: 'ERR_SESSION_VERSION' });
  });
});
