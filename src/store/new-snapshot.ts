import { randomBytes } from 'node:crypto';
import type { McpsV2Snapshot } from '../mcps/v2';

const UID_BYTES = 16;

/** The snapshot of a session that has never been used. `uid` ties journal segments to their session. */
export function newSnapshot(clientId: string, createdAt: number, uid: Buffer = randomBytes(UID_BYTES)): McpsV2Snapshot {
  return {
    metadata: { clientId, createdAt, lastAccessAt: createdAt, expiryInterval: 0 },
    state: {
      sequence: 0,
      mark: 0,
      queueAfter: 0,
      stored: { count: 0, bytes: 0 },
      oldestEnqueuedAt: 0,
      open: [],
      received: [],
      subscriptions: [],
      paused: false,
      window: { size: 0, ceiling: 0 },
      broker: '',
      adoptedUntil: 0,
      transfers: [],
      givenUp: [],
      reserved: [],
    },
    journal: { uid, epoch: 0, segments: [] },
  };
}
