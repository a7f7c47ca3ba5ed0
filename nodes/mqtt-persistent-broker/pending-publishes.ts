import type { PublishObserver } from '../../src/client/publish-observers';

interface Pending {
  isStored: boolean;
  bytes: number;
  done: (error?: Error) => void;
}

/** What waits keeps its message in memory, while the queue is on disk: it must not grow with the queue. */
export const PENDING_MAX = 10_000;
const PENDING_BYTES_MAX = 16 * 1024 * 1024;

/** Publishes of which the flow wants to hear when the broker has acknowledged them; a bounded number. */
export class PendingPublishes {
  readonly #pending = new Set<Pending>();
  #bytes = 0;

  /** No more of them can wait. One message may, however large it is. */
  get isFull(): boolean {
    return this.#pending.size >= PENDING_MAX || this.#bytes >= PENDING_BYTES_MAX;
  }

  /** `done` is called exactly once. `bytes`: of the payload. */
  add(bytes: number, done: (error?: Error) => void): PublishObserver & { failed(error: Error): void } {
    const pending: Pending = { isStored: false, bytes, done };
    this.#pending.add(pending);
    this.#bytes += bytes;
    const end = (error?: Error) => {
      if (this.#delete(pending)) done(error);
    };
    return {
      stored: () => {
        pending.isStored = true;
      },
      acknowledged: () => end(),
      failed: end,
    };
  }

  /**
   * The client that would tell of acknowledgements is gone. What is stored will be delivered by the next one, so it is
   * done; with `error` it is not.
   */
  release(error?: Error): void {
    for (const pending of [...this.#pending]) {
      if (!pending.isStored) continue;
      this.#delete(pending);
      pending.done(error);
    }
  }

  #delete(pending: Pending): boolean {
    if (!this.#pending.delete(pending)) return false;
    this.#bytes -= pending.bytes;
    return true;
  }
}
