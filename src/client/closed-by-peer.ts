import type { ConnectionEnd } from '../connection/types';

/** Reasons of a server's DISCONNECT that are about itself or about another client, not about what we sent (3.14.2.1 (5.0)). */
const NOT_ABOUT_US: ReadonlySet<number> = new Set([
  0x89, // Server busy
  0x8b, // Server shutting down
  0x8d, // Keep Alive timeout
  0x8e, // Session taken over
  0x98, // Administrative action
  0x9c, // Use another server
  0x9d, // Server moved
  0x9f, // Connection rate exceeded
  0xa0, // Maximum connect time
]);

/** Whether the peer ended the connection, perhaps because of what we sent. 3.1.1 gives no reason. */
export function isClosedByPeer({ kind, reasonCode }: ConnectionEnd): boolean {
  if (kind === 'server-disconnect') return reasonCode === undefined || !NOT_ABOUT_US.has(reasonCode);
  return kind === 'closed';
}
