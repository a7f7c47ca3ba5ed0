import type { SessionOverview } from '../../src/admin/session-info';

/** A session in the list of all stores. */
export type ListedSession = SessionOverview & { store: string };

export const STATE_FILTERS = ['all', 'messages', 'trouble', 'orphaned', 'failed'] as const;
export type StateFilter = (typeof STATE_FILTERS)[number];

/** By what the list can be sorted, and the value that says it; texts rise, numbers fall. */
const SORT_VALUES = {
  clientId: ({ clientId }) => clientId,
  status: ({ status }) => status,
  broker: ({ broker }) => broker,
  messages: ({ messages }) => messages,
  bytes: ({ messageBytes }) => messageBytes,
  // The oldest first, those without messages last.
  oldest: ({ oldestEnqueuedAt }) => (oldestEnqueuedAt === 0 ? Number.NEGATIVE_INFINITY : -oldestEnqueuedAt),
  expiry: ({ expiresAt }) => (expiresAt === 0 ? Number.NEGATIVE_INFINITY : -expiresAt),
  deadLetters: ({ deadLetters }) => deadLetters?.count ?? 0,
} as const satisfies Record<string, (session: ListedSession) => string | number>;

export type SortField = keyof typeof SORT_VALUES;
export const SORT_FIELDS = Object.keys(SORT_VALUES) as SortField[];

export interface OverviewQuery {
  /** Part of the client id or the broker's address, in any case; empty: all. */
  text: string;
  state: StateFilter;
  sort: SortField;
  /** The other way round. */
  reverse: boolean;
  offset: number;
  limit: number;
}

export interface OverviewPage {
  /** All that there are, and those that match the query. */
  total: number;
  matching: number;
  /** Of all: messages and their bytes, and how many sessions each filter would show. */
  messages: number;
  messageBytes: number;
  counts: Record<StateFilter, number>;
  offset: number;
  sessions: ListedSession[];
}

/** One page of those that match. An offset behind the end shows the last page. */
export function overviewPage(sessions: readonly ListedSession[], query: OverviewQuery): OverviewPage {
  const counts = Object.fromEntries(STATE_FILTERS.map((state) => [state, 0])) as OverviewPage['counts'];
  const matching: ListedSession[] = [];
  const text = query.text.toLowerCase();
  let messages = 0;
  let messageBytes = 0;
  for (const session of sessions) {
    messages += session.messages;
    messageBytes += session.messageBytes;
    for (const state of STATE_FILTERS) if (isIn(session, state)) counts[state] += 1;
    if (isIn(session, query.state) && hasText(session, text)) matching.push(session);
  }
  matching.sort(order(query));
  const offset = Math.max(0, Math.min(query.offset, matching.length - query.limit));
  return {
    total: sessions.length,
    matching: matching.length,
    messages,
    messageBytes,
    counts,
    offset,
    sessions: matching.slice(offset, offset + query.limit),
  };
}

function isIn({ status, messages, orphaned, deadLetters, error, paused }: ListedSession, state: StateFilter): boolean {
  switch (state) {
    case 'all':
      return true;
    case 'messages':
      return messages > 0;
    case 'trouble':
      return orphaned || error !== undefined || status === 'retrying' || (messages > 0 && paused);
    case 'orphaned':
      return orphaned;
    case 'failed':
      return (deadLetters?.count ?? 0) > 0;
  }
}

function hasText({ clientId, broker }: ListedSession, text: string): boolean {
  return text === '' || clientId.toLowerCase().includes(text) || broker.toLowerCase().includes(text);
}

/** Equal ones by client id and store, so that no row moves without a reason. */
function order({ sort, reverse }: OverviewQuery): (one: ListedSession, other: ListedSession) => number {
  const value = SORT_VALUES[sort];
  const sign = reverse ? -1 : 1;
  return (one, other) => {
    const [left, right] = [value(one), value(other)];
    const difference = typeof left === 'string' ? compare(left, String(right)) : compare(Number(right), Number(left));
    return sign * difference || compare(one.clientId, other.clientId) || compare(one.store, other.store);
  };
}

function compare<T extends string | number>(one: T, other: T): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
