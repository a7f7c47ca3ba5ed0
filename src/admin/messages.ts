import type { AdminContext } from './context';
import { openClient, withOpenSession } from './open-session';

/** How long `flush` waits when nothing else is said. */
export const FLUSH_TIMEOUT_MS = 60_000;

/**
 * Waits until the broker has acknowledged everything.
 * @returns whether that came to pass within `timeoutMs`.
 * @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_SESSION_CLOSED`.
 */
export async function flushMessages(
  context: AdminContext,
  clientId: string,
  timeoutMs: number = FLUSH_TIMEOUT_MS,
): Promise<boolean> {
  return openClient(context, clientId).flush(timeoutMs);
}

/**
 * Removes all messages that were not sent. Durable when resolved.
 * @returns how many, and the bytes they counted for.
 * @throws as `withOpenSession`.
 */
export function purgeMessages(context: AdminContext, clientId: string): Promise<{ count: number; bytes: number }> {
  return withOpenSession(context, clientId, (client) => client.purge());
}
