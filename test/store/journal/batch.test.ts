import * as assert from 'node:assert/strict';
import { Batch, BufferPool } from '../../../src/store/journal/batch';
import { JournalKey } from '../../../src/store/journal/format';
import { MESSAGE, testCodec } from './support';

describe('a batch that was reported and waits for its sync', () => {
  it('keeps its bytes in hardly more memory than they take', () => {
    const pool = new BufferPool();
    const batch = new Batch<{ kind: number; text: string }>(1, 1, pool.take());
    const record = { kind: MESSAGE, text: 'small' };
    batch.add(new JournalKey(Buffer.alloc(16)), testCodec, record, testCodec.size(record));
    const bytes = Buffer.from(batch.buffer.subarray(0, batch.length));
    batch.settle(pool);
    assert.ok(batch.buffer.length < 2 * batch.length, `${batch.buffer.length} bytes for ${batch.length}`);
    assert.deepEqual(batch.buffer.subarray(0, batch.length), bytes);
    assert.deepEqual(batch.records, []);
    // What is left over is used for the next batch, and small ones never are.
    pool.give(batch.buffer);
    assert.ok(pool.take().length >= 16 * 1024);
    assert.ok(pool.take().length >= 16 * 1024);
  });
});
