/** Snapshots of a session: one at a time, and one more when another became due meanwhile. */
export class Checkpoints {
  #running: Promise<void> | undefined;
  #again = false;
  #ended = false;

  /**
   * @param snapshot Makes one. Must take the state and give it to the journal in one turn: the state may only speak of
   * records that the journal has been given, and has not handed back.
   */
  constructor(
    private readonly snapshot: () => Promise<void>,
    private readonly failed: (error: Error) => void,
  ) {}

  /** Makes a snapshot of the session as it is now. @throws the error of the journal. */
  async make(): Promise<void> {
    // Not in the middle of a round: the snapshot would speak of records that the journal has not been given yet.
    await Promise.resolve();
    while (this.#running !== undefined) await this.#running.catch(() => undefined);
    this.#running = this.snapshot();
    try {
      await this.#running;
    } finally {
      this.#running = undefined;
    }
  }

  /** The journal asks for one. */
  due(): void {
    if (this.#ended) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#again = false;
    this.make().then(
      () => {
        if (this.#again) this.due();
      },
      (error: Error) => {
        if (!this.#ended) this.failed(error);
      },
    );
  }

  /** None is made on demand of the journal any more. */
  end(): void {
    this.#ended = true;
  }
}
