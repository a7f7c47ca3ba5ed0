import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { RecordKind } from '../../src/session/records';
import {
  BATCH_BYTES,
  DeadLetterKey,
  encodeHeader,
  FILE_VERSION,
  HEADER_BYTES,
  RECORD_HEADER_BYTES,
} from '../../src/store/dead-letters/format';
import { FAILED, idsOf, keep, listed, openPlant } from '../store/dead-letters/support';
import { temporaryDirectory } from '../store/support';
import { MemoryDisk, seededRandom } from '../support/memory-disk';
import { directoryName } from './decoder';
import { decodeFailed } from './failed-decoder';
import { NOW, RealSession } from './real-session';
import { decodeRecord } from './record-decoder';
import { CLIENT_ID, FULL_MESSAGE, ORIGIN } from './scenario';

const page = fs.readFileSync(path.join(__dirname, '../../docs/formats.md'), 'utf8');

describe('formats: failed.mcpj by docs/formats.md', function () {
  this.timeout(30_000);
  const directory = temporaryDirectory();

  /** A file that was made, appended to, and from which entries were removed; with what it holds. */
  async function made(rewritten: boolean): Promise<{ disk: MemoryDisk; uid: Buffer; texts: string[] }> {
    const disk = new MemoryDisk();
    const { session } = await openPlant(disk);
    const large = 'l'.repeat(80_000);
    await keep(session, 'a', large, 'b');
    await keep(session, 'c', 'd', 'e');
    await keep(session, 'grüße');
    if (rewritten) await session.deadLetters.remove(await idsOf(session, large));
    await session.deadLetters.remove(await idsOf(session, 'b', 'd'));
    await keep(session, 'f');
    const texts = await listed(session);
    await session.close();
    const uid = Buffer.from(disk.contents(FAILED).subarray(8, 24));
    return { disk, uid, texts };
  }

  for (const rewritten of [false, true]) {
    it(`has every dead letter (${rewritten ? 'after it was replaced' : 'appended to'})`, async () => {
      const { disk, uid, texts } = await made(rewritten);
      const decoded = decodeFailed(disk.contents(FAILED), uid);
      assert.deepEqual(
        decoded.entries.map(({ content }) => content.toString()),
        texts,
      );
      assert.deepEqual(
        decoded.entries.map(({ key }) => key),
        texts.map((text) => text.slice(0, 100)),
      );
      assert.deepEqual([decoded.damaged, decoded.torn], [[], undefined]);
      assert.equal(decoded.nextId, 9);
      assert.ok(decoded.entries.every(({ keptAt, kind }) => keptAt === 1_700_000_000_000 && kind === 0x81));
      assert.equal(decoded.header?.oldest, 1_700_000_000_000);
    });
  }

  it('has a message with the reason for which it was given up', async () => {
    const session = await RealSession.open(directory(), CLIENT_ID);
    const { origin, ...message } = { ...FULL_MESSAGE, origin: ORIGIN };
    const failed = {
      kind: RecordKind.Failed,
      sequence: 41,
      message,
      enqueuedAt: NOW,
      origin,
      reason: 'refused',
      reasonCode: 0x87,
      reasonString: 'not authorised ✗',
      failedAt: NOW + 5,
    } as const;
    await session.journal.deadLetters.keep(`41.${NOW}`, failed);
    await session.close();
    const bytes = fs.readFileSync(path.join(directory(), directoryName(CLIENT_ID), 'failed.mcpj'));
    const [entry, ...others] = decodeFailed(bytes, bytes.subarray(8, 24)).entries;
    assert.ok(entry !== undefined && others.length === 0);
    assert.equal(entry.key, `41.${NOW}`);
    const decoded = decodeRecord(entry.kind, 0, entry.content);
    assert.ok(decoded.name === 'Failed');
    const { reasonCode, reasonString, failedAt } = decoded;
    assert.deepEqual([reasonCode, reasonString, failedAt], [0x87, 'not authorised ✗', NOW + 5]);
    assert.deepEqual(
      [decoded.message.sequence, decoded.message.enqueuedAt, decoded.message.topic, decoded.message.payload],
      [41, NOW, message.topic, message.payload],
    );
  });

  it('is read alike by the page and the package, whatever is changed in it', async () => {
    const { disk: origin, uid } = await made(true);
    const random = seededRandom(7);
    for (let round = 0; round < 300; round++) {
      const disk = origin.clone(round);
      let bytes = Buffer.from(disk.contents(FAILED));
      for (let count = random() * 3; count > 0; count--) {
        const position = Math.floor(random() * bytes.length);
        const choice = random();
        if (choice < 0.5) bytes.writeUInt8(Math.floor(random() * 256), position);
        else if (choice < 0.7) bytes = bytes.subarray(0, position + 1);
        else if (choice < 0.9) bytes.fill(0, position, Math.min(bytes.length, position + Math.floor(random() * 100)));
        else bytes = Buffer.concat([bytes, bytes.subarray(position)]);
      }
      disk.place(FAILED, bytes);
      const decoded = decodeFailed(bytes, uid);
      const { session, notices } = await openPlant(disk);
      const situation = `round ${round}`;
      assert.deepEqual(
        await listed(session),
        decoded.entries.map(({ content }) => content.toString()),
        situation,
      );
      if (decoded.damaged.length > 0)
        assert.ok(
          notices.some(({ level }) => level === 'error'),
          situation,
        );
      await session.close();
    }
  });

  it('has the sizes, magic numbers and versions of the source', () => {
    const uid = Buffer.from(Array.from({ length: 16 }, (_, index) => index));
    const header = encodeHeader({ uid, nextId: 1, oldest: 0, length: HEADER_BYTES });
    const hexadecimal = (value: number) => `0x${value.toString(16).toUpperCase().padStart(8, '0')}`;
    for (const text of [
      `| 0 | u32 | magic ${hexadecimal(header.readUInt32LE(0))}, so that the file begins with 46 50 43 4D |`,
      `| 4 | u16 | version: ${FILE_VERSION} |`,
      `field of the header (${HEADER_BYTES} bytes)`,
      `field of a record (${RECORD_HEADER_BYTES} bytes and the body)`,
      `**Batch** (${BATCH_BYTES} bytes)`,
      `For the uid 00 01 02 ... 0F the magic is ${hexadecimal(new DeadLetterKey(uid).magic)}.`,
    ]) {
      assert.ok(page.includes(text), text);
    }
    assert.deepEqual(header.subarray(0, 4), Buffer.from('4650434d', 'hex'));
  });
});
