import type { Scheduler } from '../../src/store/scheduler';

/** A clock that moves only when told to. */
export class ManualScheduler implements Scheduler {
  #now = 1_700_000_000_000;
  readonly #tasks: { at: number; task: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(delayMs: number, task: () => void): () => void {
    const entry = { at: this.#now + delayMs, task };
    this.#tasks.push(entry);
    return () => {
      const index = this.#tasks.indexOf(entry);
      if (index >= 0) this.#tasks.splice(index, 1);
    };
  }

  /** How many tasks wait. */
  get pending(): number {
    return this.#tasks.length;
  }

  /** Moves time on and runs what is due on the way, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#tasks.filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#tasks.splice(this.#tasks.indexOf(due), 1);
      this.#now = Math.max(this.#now, due.at);
      due.task();
    }
    this.#now = end;
  }
}
