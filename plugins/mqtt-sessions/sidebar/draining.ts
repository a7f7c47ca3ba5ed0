import type { Session } from './types';

export interface Draining {
  /** How much is gone of what the queue held when it began to fall, and of what came since: 0 to 1. */
  share: number;
  perSecond: number;
  leftMs: number;
}

/** A queue that ends sooner is not worth showing. */
const QUEUE_MIN = 20;

/** How a queue becomes shorter; undefined: it does not. */
export function drainingOf({ status, paused, messages, trend }: Session): Draining | undefined {
  if (status !== 'connected' || paused || trend === undefined || messages === 0 || trend.begunWith < QUEUE_MIN)
    return undefined;
  const { begunWith, fallingPerSecond } = trend;
  if (fallingPerSecond === 0) return undefined;
  return {
    share: Math.min(1, Math.max(0, 1 - messages / begunWith)),
    perSecond: fallingPerSecond,
    leftMs: (messages / fallingPerSecond) * 1000,
  };
}
