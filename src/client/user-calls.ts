import { shownValue } from '../errors';

/**
 * Calls code that is not ours: handlers, observers, listeners. Whatever it throws, or the promise it returns rejects
 * with, is reported and disturbs nothing: the round under way goes on.
 */
export class UserCalls {
  constructor(private readonly report: (error: Error) => void) {}

  run(call: () => unknown): void {
    void this.settled(call);
  }

  /** As `run`. @returns for a call that answers a promise: a promise that resolves when that one is settled. */
  settled(call: () => unknown): Promise<void> | undefined {
    try {
      const result = call();
      if (!(result instanceof Promise)) return undefined;
      return result.then(
        () => undefined,
        (error: unknown) => this.report(toError(error)),
      );
    } catch (error) {
      this.report(toError(error));
      return undefined;
    }
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(shownValue(thrown));
}
