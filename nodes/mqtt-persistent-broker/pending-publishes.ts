import type { PublishObserver } from '../../src/client/publish-observers';

interface Pending {
  isStored: boolean;
  done: (error?: Error) => void;
}

/** Publishes of which the flow wants to hear when the broker has acknowledged them. */
export class PendingPublishes {
  readonly #pending = new Set<Pending>();

  /** `done` is called exactly once. */
  add(done: (error?: Error) => void): PublishObserver & { failed(error: Error): void } {
    const pending: Pending = { isStored: false, done };
    this.#pending.add(pending);
    const end = (error?: Error) => {
      if (this.#pending.delete(pending)) done(error);
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
      this.#pending.delete(pending);
      pending.done(error);
    }
  }
}
