import type { Scheduler } from '../scheduler';

/** Asks whether the session is still ours. */
export class HolderCheck {
  readonly #verifyHolder: () => Promise<void>;
  readonly #scheduler: Scheduler;
  #verifiedAt: number;

  constructor(verifyHolder: () => Promise<void>, scheduler: Scheduler) {
    this.#verifyHolder = verifyHolder;
    this.#scheduler = scheduler;
    this.#verifiedAt = scheduler.now();
  }

  /** @throws HolderLost when the session was taken over. Asks again only when the last answer is older than `ageMs`. */
  async verify(ageMs: number): Promise<void> {
    const now = this.#scheduler.now();
    if (ageMs > 0 && now - this.#verifiedAt < ageMs) return;
    try {
      await this.#verifyHolder();
    } catch (error) {
      throw new HolderLost(error);
    }
    this.#verifiedAt = now;
  }
}

/** The session was taken over; `cause` says by whom. */
export class HolderLost extends Error {
  constructor(cause: unknown) {
    super('The session was taken over', { cause });
  }
}
