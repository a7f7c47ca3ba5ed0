import * as assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { decodeMcps } from '../../src/mcps/decode';
import { McpsError } from '../../src/mcps/mcps-error';
import { decodeMcpsV2, encodeMcpsV2 } from '../../src/mcps/v2';
import { randomSnapshot, seeded } from './random-snapshot';

const SEED = 20_261_123;

/** Inserts a section in front of the end mark and counts it there. */
function withSection(bytes: Buffer, id: number): Buffer {
  const END_BYTES = 14;
  const clientIdLength = bytes.readUInt16LE(26);
  const seed = bytes.readUInt32LE(28 + clientIdLength);
  const section = (sectionId: number, content: Buffer): Buffer => {
    const head = Buffer.alloc(10);
    head.writeUInt16LE(sectionId, 0);
    head.writeUInt32LE(content.length, 2);
    head.writeUInt32LE(crc32(content, crc32(head.subarray(0, 6), seed)), 6);
    return Buffer.concat([head, content]);
  };
  const count = Buffer.alloc(4);
  count.writeUInt32LE(bytes.readUInt32LE(bytes.length - 4) + 1);
  return Buffer.concat([bytes.subarray(0, -END_BYTES), section(id, Buffer.from('new')), section(0xffff, count)]);
}

describe('MCPS version 2', () => {
  it('reads back what was written', () => {
    const random = seeded(SEED);
    for (let i = 0; i < 500; i++) {
      const snapshot = randomSnapshot(random);
      const bytes = encodeMcpsV2(snapshot);
      assert.deepEqual(decodeMcpsV2(bytes), snapshot, `seed ${SEED}, case ${i}`);
      assert.ok(encodeMcpsV2(decodeMcpsV2(bytes)).equals(bytes));
    }
  });

  it('cut at any byte is a named error', () => {
    const bytes = encodeMcpsV2(randomSnapshot(seeded(SEED)));
    for (let length = 0; length < bytes.length; length++) {
      assert.throws(() => decodeMcps(bytes.subarray(0, length)), McpsError, `cut at ${length}`);
    }
  });

  it('with any byte changed is a named error, never another content', () => {
    const random = seeded(SEED + 1);
    for (let i = 0; i < 5; i++) {
      const bytes = encodeMcpsV2(randomSnapshot(random));
      for (let offset = 0; offset < bytes.length; offset++) {
        for (const flip of [0x01, 0x03, 0x80, 0xff]) {
          const copy = Buffer.from(bytes);
          copy[offset]! ^= flip;
          assert.throws(
            () => decodeMcps(copy),
            McpsError,
            `seed ${SEED + 1}, file ${i}, offset ${offset}, flip ${flip}`,
          );
        }
      }
    }
  });

  it('does not take a section of another file', () => {
    const snapshot = randomSnapshot(seeded(SEED));
    const a = encodeMcpsV2({ ...snapshot, metadata: { ...snapshot.metadata, clientId: 'a' } });
    const b = encodeMcpsV2({ ...snapshot, metadata: { ...snapshot.metadata, clientId: 'b' } });
    const headerLength = 28 + 1 + 4;
    const mixed = Buffer.concat([a.subarray(0, headerLength), b.subarray(headerLength)]);
    assert.throws(() => decodeMcpsV2(mixed), { code: 'ERR_MCPS_CHECKSUM' });
  });

  it('names the version of a file from a newer release', () => {
    const bytes = encodeMcpsV2(randomSnapshot(seeded(SEED)));
    const newer = Buffer.concat([bytes.subarray(0, 4), Buffer.from([3, 0]), Buffer.alloc(100, 7)]);
    assert.throws(() => decodeMcps(newer), { code: 'ERR_MCPS_VERSION', details: { version: 3 } });
  });

  it('tells a damaged version field from a newer release', () => {
    const bytes = encodeMcpsV2(randomSnapshot(seeded(SEED)));
    bytes[4] = 9;
    assert.throws(() => decodeMcps(bytes), { code: 'ERR_MCPS_CHECKSUM' });
  });

  it('skips an unknown section without the high bit, and refuses one with it', () => {
    const snapshot = randomSnapshot(seeded(SEED));
    const bytes = encodeMcpsV2(snapshot);
    assert.deepEqual(decodeMcpsV2(withSection(bytes, 0x0123)), snapshot);
    assert.throws(() => decodeMcpsV2(withSection(bytes, 0x8123)), {
      code: 'ERR_MCPS_SECTION',
      details: { newer: true },
    });
  });

  it('refuses a repeated section', () => {
    const bytes = encodeMcpsV2(randomSnapshot(seeded(SEED)));
    assert.throws(() => decodeMcpsV2(withSection(bytes, 0x0008)), { code: 'ERR_MCPS_SECTION' });
  });
});
