import { hasDeadLetters } from '../../src/admin/dead-letter-count';
import type { SessionOverview } from '../../src/admin/session-info';

/** A session in the list of all stores. */
export type ListedSession = SessionOverview & { store: string };

export const STATE_FILTERS = ['all', 'messages', 'trouble', 'orphaned', 'failed', 'expired', 'unused'] as const;
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
  // Those that were not counted are one at least.
  deadLetters: ({ deadLetters }) => deadLetters.count ?? Math.sign(deadLetters.bytes),
} as const satisfies Record<string, (session: ListedSession) => string | number>;

export type SortField = keyof typeof SORT_VALUES;
export const SORT_FIELDS = Object.keys(SORT_VALUES) as [SortField, ...SortField[]];

export interface OverviewQuery {
  /** Id of a store; empty: all. */
  store: string;
  /** Of one session; empty: all. */
  key: string;
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
  /** When it was made, in milliseconds since the epoch: times are to be compared with this. */
  now: number;
  /** Sessions that there are, and those that match the query, with all their messages. */
  total: number;
  matching: number;
  messages: number;
  messageBytes: number;
  /** Those that match whose numbers are as of a snapshot: they may hold more. */
  uncounted: number;
  /** How many of all sessions each filter would show. */
  counts: Record<StateFilter, number>;
  offset: number;
  sessions: ListedSession[];
}

/** One page of those that match at `now`. An offset behind the end shows the last page. */
export function overviewPage(sessions: readonly ListedSession[], query: OverviewQuery, now: number): OverviewPage {
  const counts = Object.fromEntries(STATE_FILTERS.map((state) => [state, 0])) as OverviewPage['counts'];
  const matching: ListedSession[] = [];
  const text = query.text.toLowerCase();
  let messages = 0;
  let messageBytes = 0;
  let uncounted = 0;
  for (const session of sessions) {
    for (const state of STATE_FILTERS) if (isIn(session, state, now)) counts[state] += 1;
    if (!isMeant(session, query) || !isIn(session, query.state, now) || !hasText(session, text)) continue;
    matching.push(session);
    messages += session.messages;
    messageBytes += session.messageBytes;
    if (!isCounted(session)) uncounted += 1;
  }
  matching.sort(order(query));
  const offset = Math.max(0, Math.min(query.offset, matching.length - query.limit));
  return {
    now,
    total: sessions.length,
    matching: matching.length,
    messages,
    messageBytes,
    uncounted,
    counts,
    offset,
    sessions: matching.slice(offset, offset + query.limit),
  };
}

function isIn(session: ListedSession, state: StateFilter, now: number): boolean {
  const { orphaned, deadLetters, error, paused, expiresAt } = session;
  const mayHoldMessages = session.messages > 0 || !isCounted(session);
  switch (state) {
    case 'all':
      return true;
    case 'messages':
      return mayHoldMessages;
    case 'trouble':
      return orphaned || error !== undefined || isUnreachable(session) || (mayHoldMessages && paused);
    case 'orphaned':
      return orphaned;
    case 'failed':
      return hasDeadLetters(deadLetters);
    case 'unused':
      return session.status === 'stored' && error === undefined;
    case 'expired':
      return expiresAt > 0 && expiresAt <= now;
  }
}

function isCounted({ asOf }: ListedSession): boolean {
  return asOf === 'now';
}

/** Also during the next attempt, until that has succeeded. */
function isUnreachable({ status, connectionError }: ListedSession): boolean {
  return status === 'retrying' || (status === 'connecting' && connectionError !== undefined);
}

function isMeant({ store, key }: ListedSession, query: OverviewQuery): boolean {
  return (query.store === '' || query.store === store) && (query.key === '' || query.key === key);
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
