import type { CleanUpOptions, CleanUpResult, Removal } from './clean-up';
import type { Scheduler } from './scheduler';

/** The first round comes so long after the first user, when sessions are open and the start is over. */
const FIRST_ROUND_MS = 60_000;

/** Whoever wants a store cleaned up regularly. */
export interface CleanUpUser {
  /** Seconds between two rounds; 0: this user wants none. */
  interval: number;
  /** See `CleanUpOptions`. */
  keepFailedDays: number;
  isInUse(clientId: string): boolean;
  /** One thing was removed. */
  removed(removal: Removal): void;
  /** A round ended. Only called when something was removed, or something failed. */
  ended(result: CleanUpResult): void;
  /** The round could not be made. */
  failed(error: Error): void;
}

/**
 * Rounds of clean-up in one store, which may have several users: the shortest interval counts, what any of them uses is
 * in use, and dead letters and quarantine stay as long as the one wants who wants it longest. The user that came first,
 * of those that want rounds, is told.
 */
export class CleanUpTimer {
  readonly #cleanUp: (options: CleanUpOptions) => Promise<CleanUpResult>;
  readonly #scheduler: Scheduler;
  readonly #users = new Set<CleanUpUser>();
  #lastRound: number | undefined;
  #firstUser: number | undefined;
  #cancel: (() => void) | undefined;
  #isRunning = false;
  #isStopped = false;

  constructor(cleanUp: (options: CleanUpOptions) => Promise<CleanUpResult>, scheduler: Scheduler) {
    this.#cleanUp = cleanUp;
    this.#scheduler = scheduler;
  }

  /** @returns what ends it. */
  add(user: CleanUpUser): () => void {
    this.#users.add(user);
    this.#firstUser ??= this.#scheduler.now();
    this.#schedule();
    return () => {
      this.#users.delete(user);
      this.#schedule();
    };
  }

  stop(): void {
    this.#isStopped = true;
    this.#schedule();
  }

  #schedule(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    const intervals = this.#wanting().map(({ interval }) => interval * 1000);
    if (this.#isStopped || this.#isRunning || intervals.length === 0) return;
    const interval = Math.min(...intervals);
    const due =
      this.#lastRound === undefined
        ? (this.#firstUser ?? 0) + Math.min(interval, FIRST_ROUND_MS)
        : this.#lastRound + interval;
    // A longer delay would be taken for none; waking up too early only plans anew.
    const delay = Math.min(Math.max(0, due - this.#scheduler.now()), 0x7fff_ffff);
    this.#cancel = this.#scheduler.after(delay, () => {
      this.#cancel = undefined;
      if (this.#scheduler.now() < due) this.#schedule();
      else void this.#round();
    });
  }

  #wanting(): CleanUpUser[] {
    return [...this.#users].filter(({ interval }) => interval > 0);
  }

  async #round(): Promise<void> {
    const [told] = this.#wanting();
    this.#isRunning = true;
    try {
      const result = await this.#cleanUp({
        isInUse: (clientId) => [...this.#users].some((user) => user.isInUse(clientId)),
        keepFailedDays: Math.max(...[...this.#users].map(({ keepFailedDays }) => keepFailedDays)),
        onRemoved: (removal) => told?.removed(removal),
      });
      if (result.sessions.length + result.quarantined + result.deadLetters + result.failed.length > 0) {
        told?.ended(result);
      }
    } catch (error) {
      if (!this.#isStopped) told?.failed(error as Error);
    } finally {
      this.#isRunning = false;
      this.#lastRound = this.#scheduler.now();
      this.#schedule();
    }
  }
}
