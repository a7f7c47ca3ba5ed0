/** Time, so that a simulation can own it. */
export interface Scheduler {
  /** Milliseconds since the epoch on a clock that never jumps while the process runs. */
  now(): number;
  /**
   * Runs `task` once after `delayMs`; the returned function cancels it. Does not keep the process alive unless
   * `keepAlive` is set.
   */
  after(delayMs: number, task: () => void, keepAlive?: boolean): () => void;
}

// Reading it takes longer than the clock itself.
const { timeOrigin } = performance;

/** The process's clock and timers. `performance.timeOrigin` is the wall clock at start; from there on time is monotonic. */
export const systemScheduler: Scheduler = {
  now: () => timeOrigin + performance.now(),
  after(delayMs, task, keepAlive = false) {
    const timer = setTimeout(task, delayMs);
    if (!keepAlive) timer.unref();
    return () => clearTimeout(timer);
  },
};
