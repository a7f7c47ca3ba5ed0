import { Fifo } from './fifo';
import type { QueuedMessage } from './message';

/** Bytes of the queue's front that are kept in memory; the rest stays on disk. */
const READY_BYTES = 1024 * 1024;
/** Bytes asked for by one read of the journal. */
export const LOAD_BYTES = 256 * 1024;

/** A stored message that has not been given to the present broker session. */
export interface ReadyMessage {
  message: QueuedMessage;
  size: number;
  /** Sequence of its record, or of a later one, that must be durable before it is sent. */
  barrier: number;
  /** Sequence of the message before it in the queue, 0 when that is not known. */
  previous: number;
}

/**
 * The never-sent messages in order: in memory a bounded front (`ready`), behind it, on disk only, the tail.
 * A queue short enough is in memory as a whole, so that a connected session never reads what it has just written.
 */
export class OutboundQueue {
  readonly #ready = new Fifo<ReadyMessage>();
  #readyBytes = 0;
  /** The newest message of the queue, wherever it is. */
  #last: number;
  /** The newest message that was read or kept in memory: the tail on disk begins behind it. */
  #loadedUpTo: number;
  #loading = false;
  /** What was durable when the read under way, or the last one, was asked for. */
  #durableAtLoad = 0;
  /** A read found nothing more although the tail is not reached: what is missing is not durable yet. */
  #waiting = false;

  /** `after`: messages at or below are not in this queue. `last`: the newest message stored. */
  constructor(after: number, last: number) {
    this.#loadedUpTo = after;
    this.#last = Math.max(after, last);
  }

  get tailOnDisk(): boolean {
    return this.#loadedUpTo < this.#last;
  }

  /** After a read that found nothing: all of the tail was durable when it began, so there is no tail. */
  get tailMissing(): boolean {
    return this.tailOnDisk && this.#durableAtLoad >= this.#last;
  }

  get isFrontOnDisk(): boolean {
    return this.tailOnDisk && this.#ready.length === 0;
  }

  get readyCount(): number {
    return this.#ready.length;
  }

  get readyBytes(): number {
    return this.#readyBytes;
  }

  get last(): number {
    return this.#last;
  }

  /** A new message. Kept in memory while there is room and nothing before it is on disk only. */
  enqueue(message: QueuedMessage, size: number): void {
    const previous = this.#last;
    this.#last = message.sequence;
    if (this.#loadedUpTo !== previous || (this.#readyBytes + size > READY_BYTES && this.#ready.length > 0)) return;
    this.#push({ message, size, barrier: message.sequence, previous });
  }

  peek(): ReadyMessage | undefined {
    return this.#ready.peek();
  }

  shift(): ReadyMessage | undefined {
    const ready = this.#ready.shift();
    if (ready !== undefined) this.#readyBytes -= ready.size;
    return ready;
  }

  /** Where the next read starts, when one is wanted now; remembered as under way. */
  nextLoad(durable: number): number | undefined {
    if (this.#loading || this.#waiting || !this.tailOnDisk || this.#readyBytes > READY_BYTES / 2) return undefined;
    this.#loading = true;
    this.#durableAtLoad = durable;
    return this.#loadedUpTo;
  }

  /** Takes what a read brought, in order. `keep` is false for a message that is no longer stored. */
  loaded(messages: { message: QueuedMessage; size: number; keep: boolean }[], durable: number): void {
    this.#loading = false;
    // What became durable while the read was under way may be what it did not find.
    if (messages.length === 0) this.#waiting = durable === this.#durableAtLoad;
    for (const { message, size, keep } of messages) {
      if (message.sequence <= this.#loadedUpTo) continue;
      const previous = this.#loadedUpTo;
      if (keep) this.#push({ message, size, barrier: message.sequence, previous });
      else this.#loadedUpTo = message.sequence;
    }
  }

  /** More has become durable: a read may find more. */
  retryLoad(): void {
    this.#waiting = false;
  }

  /** The read that was under way failed; another may be tried. */
  loadFailed(): void {
    this.#loading = false;
  }

  /** Messages up to `sequence` are gone, wherever they are. */
  removeUpTo(sequence: number): void {
    for (let ready = this.peek(); ready !== undefined && ready.message.sequence <= sequence; ready = this.peek()) {
      this.shift();
    }
    this.#loadedUpTo = Math.max(this.#loadedUpTo, sequence);
  }

  /** Nothing is left on disk behind `loadedUpTo` (the journal could not prove more). */
  endTail(): void {
    this.#last = this.#loadedUpTo;
    this.#waiting = false;
  }

  /** Forgets every message above `durable`: the store could not keep it. */
  rejectAbove(durable: number): void {
    const wholeInMemory = !this.tailOnDisk;
    const kept = [...this.#ready].filter((ready) => ready.message.sequence <= durable);
    this.#ready.clear();
    this.#readyBytes = 0;
    for (const ready of kept) {
      this.#ready.push(ready);
      this.#readyBytes += ready.size;
    }
    this.#last = Math.min(this.#last, durable);
    this.#loadedUpTo = wholeInMemory ? this.#last : Math.min(this.#loadedUpTo, durable);
  }

  #push(ready: ReadyMessage): void {
    this.#ready.push(ready);
    this.#readyBytes += ready.size;
    this.#loadedUpTo = ready.message.sequence;
  }
}
