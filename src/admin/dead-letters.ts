import type { DeadLetter } from '../client/dead-letters';
import type { AdminContext } from './context';
import { withOpenSession } from './open-session';

/** Most dead letters that one call lists. */
export const DEAD_LETTERS_PER_PAGE_MAX = 1_000;
const DEAD_LETTERS_PER_PAGE = 100;

export interface DeadLetterPage {
  deadLetters: DeadLetter[];
  /** To be given as `after` for the next page; undefined: this was the last. */
  next: number | undefined;
  /** All that there are. */
  total: { count: number; bytes: number };
}

/**
 * Messages that were given up, oldest first, page by page. Each is there with its payload.
 * @param after The `next` of the page before; 0: from the start.
 * @throws as `withOpenSession`.
 */
export function listDeadLetters(
  context: AdminContext,
  clientId: string,
  { after = 0, limit = DEAD_LETTERS_PER_PAGE }: { after?: number; limit?: number } = {},
): Promise<DeadLetterPage> {
  return withOpenSession(context, clientId, async (client) => {
    const deadLetters = await client.deadLetters(after, Math.min(limit, DEAD_LETTERS_PER_PAGE_MAX));
    const last = deadLetters.at(-1)?.id;
    // A page may be short because its messages are large.
    const more = last === undefined ? [] : await client.deadLetters(last, 1);
    const { deadLetters: count, deadLetterBytes: bytes } = client.statistics();
    return { deadLetters, next: more.length === 0 ? undefined : last, total: { count, bytes } };
  });
}

/**
 * Puts dead letters back into the queue, as new messages: those with these ids, or all.
 * @returns how many.
 * @throws as `withOpenSession`, and as publishing; `replayed` of the error says how many are in the queue already.
 */
export function replayDeadLetters(context: AdminContext, clientId: string, ids?: readonly number[]): Promise<number> {
  return withOpenSession(context, clientId, (client) => client.replayDeadLetters(ids));
}

/** Removes dead letters for good: those with these ids, or all. @returns how many. @throws as `withOpenSession`. */
export function discardDeadLetters(context: AdminContext, clientId: string, ids?: readonly number[]): Promise<number> {
  return withOpenSession(context, clientId, (client) => client.discardDeadLetters(ids));
}
