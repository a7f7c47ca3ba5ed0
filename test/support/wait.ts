import { setTimeout as sleep } from 'node:timers/promises';

export interface WaitOptions {
  /** What is waited for, in words; the first thing in the error. */
  what: string;
  /** Milliseconds until the wait fails. Default 10,000. */
  timeoutMs?: number;
  /** Milliseconds between two looks at the condition. Default 10. */
  intervalMs?: number;
  /** Called when the wait fails; its answer is appended to the error (state of the broker, last packets, ...). */
  detail?: () => string;
}

/** A condition did not become true in time. */
export class WaitTimeoutError extends Error {
  readonly code = 'WAIT_TIMEOUT';
}

/**
 * Waits until `condition` answers something truthy and returns that answer.
 *
 * A condition that throws ends the wait at once with its error: a broken look-up is not "not yet".
 *
 * @throws WaitTimeoutError when the time is over.
 */
export async function waitFor<T>(condition: () => T | Promise<T>, options: WaitOptions): Promise<NonNullable<T>> {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (performance.now() >= deadline) {
      const detail = options.detail ? `\n${options.detail()}` : '';
      throw new WaitTimeoutError(`waited ${timeoutMs} ms for: ${options.what}${detail}`);
    }
    await sleep(options.intervalMs ?? 10);
  }
}

/**
 * Waits for a promise, but not for ever.
 *
 * @throws WaitTimeoutError when the time is over; otherwise what the promise throws.
 */
export async function within<T>(promise: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new WaitTimeoutError(`waited ${timeoutMs} ms for: ${what}`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
