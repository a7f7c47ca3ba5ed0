import type { Duplex } from 'node:stream';

/** Bytes that the stream has in hand at most. Small, so that the callbacks of its writes show progress on a slow link. */
const SLICE_BYTES = 64 * 1024;

/**
 * The one place that writes to the stream, so that no packet can land inside another. It hands over one slice at a time
 * and the next one when the operating system has taken the last: what a stream was given, nobody can count any more.
 */
export class WriteQueue {
  readonly #stream: Duplex;
  readonly #taken: () => void;
  #chunks: Buffer[] = [];
  #next = 0;
  #writing = false;
  /** Bytes accepted since the connection began. */
  acceptedBytes = 0;
  /** Of these, bytes that the operating system took. */
  takenBytes = 0;

  /** `taken` is called whenever the operating system took a slice; nothing is called after a failed write. */
  constructor(stream: Duplex, taken: () => void) {
    this.#stream = stream;
    this.#taken = taken;
  }

  /** Bytes accepted and not yet taken. */
  get bufferedBytes(): number {
    return this.acceptedBytes - this.takenBytes;
  }

  /** Accepts chunks that belong together; they must not be changed until they are taken. */
  write(chunks: readonly Buffer[]): void {
    for (const chunk of chunks) {
      this.#chunks.push(chunk);
      this.acceptedBytes += chunk.length;
    }
    this.#pump();
  }

  #pump(): void {
    if (this.#writing || this.#next === this.#chunks.length || this.#stream.destroyed) return;
    const slice = this.#nextSlice();
    let sliceBytes = 0;
    for (const part of slice) sliceBytes += part.length;
    this.#writing = true;
    const last = slice.length - 1;
    if (last > 0) this.#stream.cork();
    for (let index = 0; index < last; index++) this.#stream.write(slice[index]);
    this.#stream.write(slice[last], (error) => {
      if (error) return;
      this.#writing = false;
      this.takenBytes += sliceBytes;
      this.#pump();
      this.#taken();
    });
    if (last > 0) this.#stream.uncork();
  }

  /** Takes parts of together at most `SLICE_BYTES` from the front of the queue; at least one byte. */
  #nextSlice(): Buffer[] {
    const slice: Buffer[] = [];
    let room = SLICE_BYTES;
    while (room > 0 && this.#next < this.#chunks.length) {
      const chunk = this.#chunks[this.#next] as Buffer;
      if (chunk.length > room) {
        slice.push(chunk.subarray(0, room));
        this.#chunks[this.#next] = chunk.subarray(room);
        break;
      }
      slice.push(chunk);
      room -= chunk.length;
      this.#next++;
    }
    if (this.#next === this.#chunks.length) {
      this.#chunks = [];
      this.#next = 0;
    } else if (this.#next > 1024) {
      this.#chunks.splice(0, this.#next);
      this.#next = 0;
    }
    return slice;
  }
}
