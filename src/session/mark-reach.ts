/** Messages beyond the window, for the records in between. */
const BEYOND_WINDOW = 64;
/** At the size of the message that moves the mark; what it covers is in memory after a crash. */
const BYTES = 1024 * 1024;
/** The same where the disk is slow. */
const STRETCHED_BYTES = 8 * BYTES;
/** Half of the packet identifiers: what is covered is never more than can be in use. */
const MESSAGES_MAX = 32_768;
const STRETCH_MAX = 512;
/** So many marks in a row that nothing waited for, and the next one reaches half as far. */
const MARKS_UNTIL_SHORTER = 16;

/**
 * How far the mark of what may have been sent runs ahead: a window, and where sending waits for it nevertheless (a sync
 * takes longer than the broker needs for a window) twice as far each time. Otherwise a slow disk would let one window
 * out per sync, whatever the number of messages that one sync stores.
 */
export class MarkReach {
  #stretch = 1;
  #wasWaitedFor = false;
  #unhindered = 0;

  /** @returns messages, for messages of `size` bytes and a window of `window` messages. */
  of(window: number, size: number): number {
    const bytes = Math.min(BYTES * this.#stretch, STRETCHED_BYTES);
    return Math.min((window + BEYOND_WINDOW) * this.#stretch, Math.floor(bytes / size), MESSAGES_MAX);
  }

  /** The mark is on its way to the disk. */
  moved(): void {
    if (this.#wasWaitedFor) this.#unhindered = 0;
    else this.#unhindered += 1;
    this.#wasWaitedFor = false;
    if (this.#unhindered < MARKS_UNTIL_SHORTER) return;
    this.#unhindered = 0;
    this.#stretch = Math.max(1, this.#stretch / 2);
  }

  /** A message that is durable itself waits for the mark, although that was moved ahead of need. */
  waitedFor(): void {
    if (this.#wasWaitedFor) return;
    this.#wasWaitedFor = true;
    this.#stretch = Math.min(STRETCH_MAX, 2 * this.#stretch);
  }
}
