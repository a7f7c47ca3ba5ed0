/** Runs asynchronous tasks one after the other, in the order in which they were asked for. */
export class InTurn {
  #newest: Promise<unknown> = Promise.resolve();

  /** Resolves or rejects as `task` does. A task that fails is its caller's matter: the next one runs all the same. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#newest.then(task);
    this.#newest = result.catch(() => undefined);
    return result;
  }

  /** Resolves, never rejects, when everything asked for up to now has ended. */
  async settled(): Promise<void> {
    await this.#newest;
  }
}
