/** Stamps before 2024 come from a machine whose clock was not set; no age is computed from them. */
const PLAUSIBLE_TIME = Date.UTC(2024, 0, 1);

/** Whether the clock was set when it showed `time`. */
export function isPlausible(time: number): boolean {
  return time >= PLAUSIBLE_TIME;
}

/**
 * Milliseconds from `stamp` to `now`, both since the epoch; 0 when the clock was not set then, or has gone back since: a
 * gateway without a clock battery boots in the past and jumps years forward, and nothing may be removed by that.
 */
export function plausibleAge(stamp: number, now: number): number {
  return !isPlausible(stamp) || now < stamp ? 0 : now - stamp;
}
