import * as assert from 'node:assert/strict';
import { Batch, BufferPool } from '../../../src/store/journal/batch';
import {
  BATCH_HEADER_BYTES,
  JournalKey,
  SEGMENT_HEADER_BYTES,
  writeBatchHeader,
} from '../../../src/store/journal/format';
import { SegmentScanner } from '../../../src/store/journal/scanner';
import { MESSAGE, testCodec } from './support';

const key = new JournalKey(Buffer.alloc(16, 7));

/** A segment with `damaged` in the place of the records of its first batch, and a sound batch behind. */
function segment(damaged: Buffer): Buffer {
  const start = SEGMENT_HEADER_BYTES;
  const first = Buffer.concat([Buffer.alloc(BATCH_HEADER_BYTES), damaged]);
  writeBatchHeader(key, first, first.length, 0, start, 1);
  const second = new Batch<{ kind: number; text: string }>(2, 2, new BufferPool().take());
  const record = { kind: MESSAGE, text: 'sound' };
  second.add(key, testCodec, record, testCodec.size(record));
  writeBatchHeader(key, second.buffer, second.length, 1, start + first.length, 2);
  return Buffer.concat([Buffer.alloc(start), first, second.buffer.subarray(0, second.length)]);
}

async function unused(): Promise<never> {
  assert.fail('only read is called');
}

async function scan(bytes: Buffer): Promise<{ sequences: number[]; turns: number }> {
  const file = {
    read: async (target: Buffer, offset: number, length: number, position: number) =>
      bytes.copy(target, offset, position, Math.min(bytes.length, position + length)),
    write: unused,
    sync: unused,
    truncate: unused,
    size: unused,
    close: unused,
  };
  const options = { file, start: SEGMENT_HEADER_BYTES, limit: bytes.length, attempt: 0, after: 0 };
  const scanner = new SegmentScanner(key, options);
  const sequences: number[] = [];
  let turns = 0;
  let isScanning = true;
  const count = () => {
    turns++;
    if (isScanning) setImmediate(count);
  };
  setImmediate(count);
  for (let step = scanner.advance(); step !== 'end'; step = scanner.advance()) {
    if (step === 'more') await scanner.fill();
    else sequences.push(scanner.sequence);
  }
  isScanning = false;
  return { sequences, turns };
}

describe('a large damaged record', () => {
  it('is passed without holding up the event loop, and what follows is found', async () => {
    const { sequences, turns } = await scan(segment(Buffer.alloc(5_000_000)));
    assert.deepEqual(sequences, [2]);
    assert.ok(turns >= 4, `the event loop ran ${turns} times`);
  });

  it('with a payload that looks like records all over does not cost a checksum at each', async () => {
    const damaged = Buffer.alloc(3_000_000);
    for (let offset = 0; offset + 17 <= damaged.length; offset += 17) {
      damaged.writeUInt32LE(damaged.length - offset, offset);
      damaged.writeUInt32LE(1, offset + 8);
    }
    const { sequences } = await scan(segment(damaged));
    assert.deepEqual(sequences, [2]);
  });
});
