import { shownValue } from '../errors';

/**
 * Calls code that is not ours: handlers, observers, listeners. Whatever it throws, or the promise it returns rejects
 * with, is reported and disturbs nothing: the round under way goes on.
 */
export class UserCalls {
  /** The last promise that a call answered, and what became of it: the calls of one turn often answer the same. */
  #last: { answer: Promise<unknown>; settled: Promise<void> } | undefined;

  constructor(private readonly report: (error: Error) => void) {}

  run(call: () => unknown): void {
    void this.settled(call);
  }

  /** As `run`. @returns for a call that answers a promise: a promise that resolves when that one is settled. */
  settled(call: () => unknown): Promise<void> | undefined {
    try {
      const result = call();
      if (!(result instanceof Promise)) return undefined;
      if (this.#last?.answer !== result) {
        const settled = result.then(
          () => undefined,
          (error: unknown) => this.report(toError(error)),
        );
        this.#last = { answer: result, settled };
      }
      return this.#last.settled;
    } catch (error) {
      this.report(toError(error));
      return undefined;
    }
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(shownValue(thrown));
}
