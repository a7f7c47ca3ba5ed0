import type { Timers } from '../../src/connection/timers';

/** Timers that run when the test says so. */
export class FakeTimers implements Timers {
  #now = 0;
  #tasks: { at: number; task: () => void }[] = [];

  after(delayMs: number, task: () => void): () => void {
    const entry = { at: this.#now + delayMs, task };
    this.#tasks.push(entry);
    return () => {
      this.#tasks = this.#tasks.filter((other) => other !== entry);
    };
  }

  get pending(): number {
    return this.#tasks.length;
  }

  /** Lets time pass, running what falls due in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const due = this.#tasks.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#tasks = this.#tasks.filter((other) => other !== due);
      this.#now = due.at;
      due.task();
    }
    this.#now = until;
  }
}
