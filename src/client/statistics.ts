import type { SessionRecord } from '../session/records';
import type { Session } from '../session/session';
import type { Link } from './link';
import type { SessionJournal } from './ports';

/** Counted by the client itself, since it was made. */
export class Counters {
  received = 0;
  receivedBytes = 0;
  unrouted = 0;
  discarded = 0;
  dropped = 0;
  requeued = 0;
  /** Of sessions that were open before the present one. */
  readonly before = { published: 0, resent: 0, overdue: 0, bytesWritten: 0, writes: 0, syncs: 0 };

  /** The session ends; its numbers stay. */
  keep(session: Session, journal: SessionJournal<SessionRecord> | undefined): void {
    const numbers = { ...session.counters, ...journal?.statistics() };
    for (const name of Object.keys(this.before) as (keyof typeof this.before)[])
      this.before[name] += numbers[name] ?? 0;
  }
}

/** Numbers since the client was made; times in milliseconds since the epoch, 0: never. */
export interface ClientStatistics {
  messagesSent: number;
  messagesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  connectionAttempts: number;
  connectionSuccesses: number;
  connectionFailures: number;
  reconnections: number;
  acknowledgementTimeouts: number;
  resends: number;
  lastConnectAt: number;
  lastDisconnectAt: number;
  uptimeMs: number;
  queuedMessages: number;
  queuedBytes: number;
  inflightMessages: number;
  oldestEnqueuedAt: number;
  discarded: number;
  dropped: number;
  requeued: number;
  unrouted: number;
  journalBytes: number;
  bytesWritten: number;
  writes: number;
  syncs: number;
}

export function clientStatistics(
  counters: Counters,
  link: Link,
  session: Session | undefined,
  journal: SessionJournal<SessionRecord> | undefined,
  { now, startedAt }: { now: number; startedAt: number },
): ClientStatistics {
  const { attempts, successes, failures, reconnections, lastConnectAt, lastDisconnectAt } = link.counters;
  const { before } = counters;
  const stored = session?.stored ?? { count: 0, bytes: 0 };
  const inflight = session?.inflight ?? 0;
  const written = journal?.statistics() ?? { journalBytes: 0, bytesWritten: 0, writes: 0, syncs: 0 };
  return {
    messagesSent: before.published + (session?.counters.published ?? 0),
    messagesReceived: counters.received,
    bytesSent: link.bytes.sent,
    bytesReceived: link.bytes.received,
    connectionAttempts: attempts,
    connectionSuccesses: successes,
    connectionFailures: failures,
    reconnections,
    acknowledgementTimeouts: before.overdue + (session?.counters.overdue ?? 0),
    resends: before.resent + (session?.counters.resent ?? 0),
    lastConnectAt,
    lastDisconnectAt,
    uptimeMs: now - startedAt,
    queuedMessages: stored.count - inflight,
    queuedBytes: stored.bytes,
    inflightMessages: inflight,
    oldestEnqueuedAt: session?.oldest?.enqueuedAt ?? 0,
    discarded: counters.discarded,
    dropped: counters.dropped,
    requeued: counters.requeued,
    unrouted: counters.unrouted,
    journalBytes: written.journalBytes,
    bytesWritten: before.bytesWritten + written.bytesWritten,
    writes: before.writes + written.writes,
    syncs: before.syncs + written.syncs,
  };
}
