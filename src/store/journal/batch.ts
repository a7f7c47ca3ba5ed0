import type { RecordCodec } from '../../session/state';
import { BATCH_HEADER_BYTES, type JournalKey, MESSAGE_KIND_BIT, RECORD_HEADER_BYTES, sealRecord } from './format';

const BUFFER_BYTES_MIN = 16 * 1024;
/** Of what the pool keeps while nothing is written. */
const IDLE_BUFFER_BYTES_MAX = 16 * BUFFER_BYTES_MIN;
/** A batch takes further records up to this size; a single record may be larger. */
export const BATCH_BYTES_MAX = 1024 * 1024;

/** Records encoded as they will stand in the file, with room for the batch header in front. */
export class Batch<R> {
  /** Its first `length` bytes are the batch. */
  buffer: Buffer;
  length = BATCH_HEADER_BYTES;
  readonly attempt: number;
  readonly first: number;
  /** Sequence of the last record. */
  last: number;
  /** The records themselves, to be handed back if writing fails; emptied when they are reported durable. */
  records: R[] = [];
  hasMessages = false;

  constructor(attempt: number, first: number, buffer: Buffer) {
    this.attempt = attempt >>> 0;
    this.first = first;
    this.last = first - 1;
    this.buffer = buffer;
  }

  /** True when a record with `bodySize` bytes may still join a batch of at most `bytesMax`. */
  accepts(bodySize: number, bytesMax: number): boolean {
    return this.length + RECORD_HEADER_BYTES + bodySize <= bytesMax;
  }

  /** Adds a record whose body takes `bodySize` bytes. Nothing changes when the codec throws. */
  add(key: JournalKey, codec: RecordCodec<R>, record: R, bodySize: number): void {
    const start = this.length;
    const size = RECORD_HEADER_BYTES + bodySize;
    if (start + size > this.buffer.length) this.#grow(start + size);
    const kind = codec.kind(record);
    const end = codec.write(record, this.buffer, start + RECORD_HEADER_BYTES);
    if (end !== start + size) throw new RangeError(`A record of kind ${kind} took ${end - start} bytes, not ${size}`);
    sealRecord(key, this.buffer, start, size, this.last + 1, kind, this.attempt);
    this.length = end;
    this.last++;
    this.records.push(record);
    if ((kind & MESSAGE_KIND_BIT) !== 0) this.hasMessages = true;
  }

  /** Its records were reported. Until they are synced it waits to be written again, in no more memory than that takes. */
  settle(pool: BufferPool): void {
    this.records = [];
    if (this.buffer.length < 2 * this.length) return;
    const buffer = Buffer.from(this.buffer.subarray(0, this.length));
    pool.give(this.buffer);
    this.buffer = buffer;
  }

  #grow(needed: number): void {
    let bytes = Math.max(BUFFER_BYTES_MIN, this.buffer.length * 2);
    while (bytes < needed && bytes < BATCH_BYTES_MAX) bytes *= 2;
    const buffer = Buffer.allocUnsafeSlow(Math.max(needed, bytes));
    this.buffer.copy(buffer, 0, 0, this.length);
    this.buffer = buffer;
  }
}

/** Buffers between batches, as large as the last ones had to become. */
export class BufferPool {
  #free: Buffer[] = [];

  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES_MIN);
  }

  give(buffer: Buffer): void {
    const { length } = buffer;
    if (this.#free.length < 2 && length >= BUFFER_BYTES_MIN && length <= 2 * BATCH_BYTES_MAX) this.#free.push(buffer);
  }

  /** Nothing is being written: a burst must not leave megabytes behind in an idle session. */
  rest(): void {
    this.#free = this.#free.filter(({ length }) => length <= IDLE_BUFFER_BYTES_MAX);
  }
}
