import type { Scheduler } from '../scheduler';

/** Callers that wait until nothing is stored any more. */
export class DrainWatch {
  #waiting: ((drained: boolean) => void)[] = [];

  constructor(private readonly scheduler: Scheduler) {}

  /** Resolves to true at the next `drained`, to false after `timeoutMs` or at `end`. */
  wait(timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const cancel = this.scheduler.after(
        timeoutMs,
        () => {
          this.#waiting = this.#waiting.filter((waiting) => waiting !== answer);
          resolve(false);
        },
        true,
      );
      const answer = (drained: boolean) => {
        cancel();
        resolve(drained);
      };
      this.#waiting.push(answer);
    });
  }

  drained(): void {
    for (const answer of this.#waiting.splice(0)) answer(true);
  }

  end(): void {
    for (const answer of this.#waiting.splice(0)) answer(false);
  }
}
