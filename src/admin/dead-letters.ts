import { type DeadLetter, deadLetter } from '../client/dead-letters';
import type { AdminContext } from './context';
import { openClient, withOpenSession } from './open-session';
import { readStored } from './stored-messages';

/** Most dead letters that one call lists. */
export const DEAD_LETTERS_PER_PAGE_MAX = 1_000;
const DEAD_LETTERS_PER_PAGE = 100;
/** No more is added to a page once it is this large. */
const PAGE_BYTES = 1024 * 1024;

interface Page {
  after: number;
  limit: number;
}

export interface DeadLetterPage {
  deadLetters: DeadLetter[];
  /** To be given as `after` for the next page; undefined: this was the last. */
  next: number | undefined;
  /** All that there are. */
  total: { count: number; bytes: number };
}

/**
 * Messages that were given up, oldest first, page by page. Each is there with its payload. Reads only: a session that
 * nobody uses is not opened for it, and what of its dead letters is damaged is passed over.
 * @param after The `next` of the page before; 0: from the start.
 * @throws as `openClient` and `readStored`.
 */
export function listDeadLetters(
  context: AdminContext,
  clientId: string,
  { after = 0, limit = DEAD_LETTERS_PER_PAGE }: { after?: number; limit?: number } = {},
): Promise<DeadLetterPage> {
  const page = { after, limit: Math.min(limit, DEAD_LETTERS_PER_PAGE_MAX) };
  return context.live(clientId) === undefined ? ofStored(context, clientId, page) : ofOpen(context, clientId, page);
}

async function ofOpen(context: AdminContext, clientId: string, { after, limit }: Page): Promise<DeadLetterPage> {
  const client = openClient(context, clientId);
  const deadLetters = await client.deadLetters(after, limit);
  const last = deadLetters.at(-1)?.id;
  // A page may be short because its messages are large.
  const more = last === undefined ? [] : await client.deadLetters(last, 1);
  const { deadLetters: count, deadLetterBytes: bytes } = client.statistics();
  return { deadLetters, next: more.length === 0 ? undefined : last, total: { count, bytes } };
}

function ofStored(context: AdminContext, clientId: string, { after, limit }: Page): Promise<DeadLetterPage> {
  return readStored(context, clientId, async (session) => {
    const stored = await session.deadLetters();
    const page: DeadLetterPage = { deadLetters: [], next: undefined, total: { count: 0, bytes: 0 } };
    if (stored === undefined) return page;
    try {
      page.total = { count: stored.count, bytes: stored.bytes };
      let bytes = 0;
      for await (const { entry, ...read } of stored.records(after)) {
        const found = 'record' in read ? deadLetter(entry.id, read.record, entry.size) : undefined;
        if (found === undefined) continue;
        if (page.deadLetters.length >= limit || bytes > PAGE_BYTES) {
          page.next = page.deadLetters.at(-1)?.id;
          break;
        }
        page.deadLetters.push(found);
        bytes += entry.size;
      }
      return page;
    } finally {
      await stored.close();
    }
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
