import type { Session } from './types';

export interface Draining {
  /** How much of the queue at its longest is gone, 0 to 1. */
  share: number;
  perSecond: number;
  leftMs: number;
}

/** A queue that ends sooner is not worth showing. */
const PEAK_MIN = 20;

/** How a queue becomes shorter; undefined: it does not. */
export function drainingOf({ status, paused, messages, trend }: Session): Draining | undefined {
  if (status !== 'connected' || paused || trend === undefined || messages === 0 || trend.peak < PEAK_MIN)
    return undefined;
  const { peak, fallingPerSecond } = trend;
  if (fallingPerSecond === 0) return undefined;
  return {
    share: Math.min(1, Math.max(0, 1 - messages / peak)),
    perSecond: fallingPerSecond,
    leftMs: (messages / fallingPerSecond) * 1000,
  };
}
