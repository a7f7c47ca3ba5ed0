import type { Scheduler } from './scheduler';

/** Directories of the sessions that this process has open or is opening, each with the promise of its end. */
const occupied = new Map<string, Promise<void>>();

/**
 * Reserves a session within this process, waiting up to `waitMs` for the instance that has it to close. The lock file
 * cannot do that: it would name our own process as the holder.
 * Resolves to the function that ends the reservation, or to undefined when the other instance is still there.
 */
export async function enterSession(
  directory: string,
  scheduler: Scheduler,
  waitMs: number,
): Promise<(() => void) | undefined> {
  const deadline = scheduler.now() + waitMs;
  for (;;) {
    const current = occupied.get(directory);
    if (!current) break;
    const remainingMs = deadline - scheduler.now();
    if (remainingMs <= 0) return undefined;
    await settledWithin(current, scheduler, remainingMs);
  }
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  occupied.set(directory, ended);
  return () => {
    if (occupied.get(directory) === ended) occupied.delete(directory);
    end();
  };
}

/** Whether this process has the session open, or is opening or closing it. */
export function isOccupied(directory: string): boolean {
  return occupied.has(directory);
}

function settledWithin(promise: Promise<void>, scheduler: Scheduler, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    const cancel = scheduler.after(delayMs, resolve);
    void promise.then(() => {
      cancel();
      resolve();
    });
  });
}
