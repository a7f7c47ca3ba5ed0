import type { Scheduler } from '../scheduler';
import type { DiscardReason } from '../session/effects';
import type { SessionRecord } from '../session/records';
import type { Session } from '../session/session';
import type { Link } from './link';
import type { SessionJournal } from './ports';

/**
 * What is counted: from when the client was made, or from the last `resetStatistics`, over all connections and however
 * often the session was closed and opened again.
 *
 * "Messages" on the wire are PUBLISH packets; "bytes" on the wire are those of all packets, below any TLS or WebSocket.
 */
export interface ClientCounts {
  /** PUBLISH packets sent: re-sends, birth and close messages included. */
  messagesSent: number;
  /** PUBLISH packets received, those that the broker repeated included. */
  messagesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  connectionAttempts: number;
  /** Attempts that the broker answered with success. */
  connectionSuccesses: number;
  /** Attempts that were refused, or got no answer. Those that we ended ourselves are neither. */
  connectionFailures: number;
  /** Attempts after the client was first connected. */
  reconnectionAttempts: number;
  /** Successful ones among these. */
  reconnections: number;
  /** Connections that we closed because messages were in flight and nothing was acknowledged for too long. */
  acknowledgementTimeouts: number;
  /** PUBLISH packets sent again, with DUP. */
  resends: number;
  /** Messages handed to at least one subscriber; each once, repeats of the broker at QoS 2 are not handed over. */
  delivered: number;
  /** Of these: marked `redelivered`. */
  redelivered: number;
  /** Messages that came in for no subscriber, or whose subscriber went for good without acknowledging them: they are. */
  unrouted: number;
  /** Messages that left the queue without having been delivered. */
  discarded: number;
  /** The same by reason; reasons that have occurred. */
  discardedByReason: Partial<Record<DiscardReason, number>>;
  /** Those that made room in a full queue, by the setting to drop the oldest. */
  dropped: number;
  /** Messages that were published again as new because the broker had lost its session. */
  requeued: number;
  /** Dead letters that the bound of their file, or their age, has pushed out. */
  deadLettersEvicted: number;
  /** Written to the session's journal, in bytes; without snapshots, dead letters, and what opening it made good. */
  bytesWritten: number;
  /** Calls that wrote to it; one may carry many messages. */
  writes: number;
  /** Syncs of it. */
  syncs: number;
}

/** What is there now. Times (`...At`) in whole milliseconds since the epoch, 0: never, or none. */
export interface ClientGauges {
  /** Stored and not sent on yet, those that are to become dead letters included. */
  queuedMessages: number;
  queuedBytes: number;
  /** Sent, or about to be, and not acknowledged to the end. */
  inflightMessages: number;
  inflightBytes: number;
  /** When the oldest of both was stored. */
  oldestEnqueuedAt: number;
  deadLetters: number;
  deadLetterBytes: number;
  /** Given up and not dead letters yet; more than a few for longer: the file of dead letters cannot be written. */
  failingMessages: number;
  /** Messages go out one at a time, to find the one that makes the broker end connections. */
  isProbing: boolean;
  /** Size of the journal's segments. */
  journalBytes: number;
  lastConnectAt: number;
  lastDisconnectAt: number;
  /** How long the present connection has stood; 0 while there is none. */
  uptimeMs: number;
  /** When the next connection attempt is due, while one is waited for. */
  nextAttemptAt: number;
  /** Inbound messages that the flow is to acknowledge, and has not yet. */
  unacknowledgedMessages: number;
  /** When the oldest of them came in. */
  oldestUnacknowledgedAt: number;
}

export interface ClientStatistics extends ClientCounts, ClientGauges {
  /** From when on was counted. */
  since: number;
}

type Journal = SessionJournal<SessionRecord>;

interface Unacknowledged {
  count: number;
  oldestAt: number;
}

interface CountedSession {
  session: Session;
  journal: Journal;
}

/** Counts of one opening of the session, or of all together. */
interface SessionCounts {
  overdue: number;
  evicted: number;
  bytesWritten: number;
  writes: number;
  syncs: number;
}

/** What the client counts itself, and what is left of sessions that it has closed. Never goes back. */
export class Counters {
  delivered = 0;
  redelivered = 0;
  unrouted = 0;
  requeued = 0;
  readonly discarded: Partial<Record<DiscardReason, number>> = {};
  #past: SessionCounts = { overdue: 0, evicted: 0, bytesWritten: 0, writes: 0, syncs: 0 };
  #open: CountedSession | undefined;

  /** A message came in for so many subscribers. */
  handedOver(subscribers: number, redelivered: boolean): void {
    if (subscribers === 0) this.unrouted += 1;
    else this.delivered += 1;
    if (subscribers > 0 && redelivered) this.redelivered += 1;
  }

  discard(reason: DiscardReason, count = 1): void {
    this.discarded[reason] = (this.discarded[reason] ?? 0) + count;
  }

  /** From now on this session counts. */
  opened(open: CountedSession): void {
    if (this.#open !== undefined) this.closed(this.#open.journal);
    this.#open = open;
  }

  /** It is closed, to its last write. Nothing happens when another one is open already. */
  closed(journal: Journal): void {
    if (this.#open?.journal !== journal) return;
    this.#past = this.ofSessions();
    this.#open = undefined;
  }

  ofSessions(): SessionCounts {
    if (this.#open === undefined) return this.#past;
    const { session, journal } = this.#open;
    const { bytesWritten, writes, syncs } = journal.statistics();
    return {
      overdue: this.#past.overdue + session.counters.overdue,
      evicted: this.#past.evicted + journal.deadLetters.statistics().evicted,
      bytesWritten: this.#past.bytesWritten + bytesWritten,
      writes: this.#past.writes + writes,
      syncs: this.#past.syncs + syncs,
    };
  }
}

/** The statistics of a client: counts since a moment, and what is there now. */
export class Statistics {
  readonly counters = new Counters();
  #since: number;
  /** The counts at that moment. */
  #before: ClientCounts | undefined;

  constructor(
    private readonly link: Pick<Link, 'counters' | 'traffic' | 'state'>,
    private readonly scheduler: Pick<Scheduler, 'now'>,
  ) {
    this.#since = scheduler.now();
  }

  /** Counts start anew. */
  reset(): void {
    this.#since = this.scheduler.now();
    this.#before = this.#counts();
  }

  /** With the open session, if there is one, and what the flow has not acknowledged. */
  read(open: CountedSession | undefined, unacknowledged: Unacknowledged): ClientStatistics {
    const counts = this.#counts();
    return {
      since: Math.trunc(this.#since),
      ...(this.#before === undefined ? counts : difference(counts, this.#before)),
      ...this.#gauges(open, unacknowledged),
    };
  }

  #counts(): ClientCounts {
    const { attempts, successes, failures, reconnectionAttempts, reconnections } = this.link.counters;
    const { bytesSent, bytesReceived, messagesSent, messagesResent, messagesReceived } = this.link.traffic;
    const { delivered, redelivered, unrouted, requeued, discarded } = this.counters;
    const { overdue, evicted, bytesWritten, writes, syncs } = this.counters.ofSessions();
    return {
      messagesSent,
      messagesReceived,
      bytesSent,
      bytesReceived,
      connectionAttempts: attempts,
      connectionSuccesses: successes,
      connectionFailures: failures,
      reconnectionAttempts,
      reconnections,
      acknowledgementTimeouts: overdue,
      resends: messagesResent,
      delivered,
      redelivered,
      unrouted,
      discarded: Object.values(discarded).reduce((sum, count) => sum + count, 0),
      discardedByReason: { ...discarded },
      dropped: discarded.dropped ?? 0,
      requeued,
      deadLettersEvicted: evicted,
      bytesWritten,
      writes,
      syncs,
    };
  }

  #gauges(open: CountedSession | undefined, unacknowledged: Unacknowledged): ClientGauges {
    const { session, journal } = open ?? {};
    const { state, counters } = this.link;
    const stored = session?.stored ?? { count: 0, bytes: 0 };
    const inflight = session?.openMessages() ?? [];
    const inflightBytes = inflight.reduce((sum, { size }) => sum + size, 0);
    const deadLetters = journal?.deadLetters.statistics();
    return {
      queuedMessages: stored.count - inflight.length,
      queuedBytes: stored.bytes - inflightBytes,
      inflightMessages: inflight.length,
      inflightBytes,
      oldestEnqueuedAt: Math.trunc(session?.oldest?.enqueuedAt ?? 0),
      deadLetters: deadLetters?.count ?? 0,
      deadLetterBytes: deadLetters?.bytes ?? 0,
      failingMessages: session?.failing ?? 0,
      isProbing: session?.isProbing ?? false,
      journalBytes: journal?.statistics().journalBytes ?? 0,
      lastConnectAt: Math.trunc(counters.lastConnectAt),
      lastDisconnectAt: Math.trunc(counters.lastDisconnectAt),
      uptimeMs: state.kind === 'up' ? Math.trunc(this.scheduler.now() - state.since) : 0,
      nextAttemptAt: state.kind === 'waiting' ? Math.ceil(state.retryAt) : 0,
      unacknowledgedMessages: unacknowledged.count,
      oldestUnacknowledgedAt: Math.trunc(unacknowledged.oldestAt),
    };
  }
}

/** Each count less what it was before. */
function difference(counts: ClientCounts, before: ClientCounts): ClientCounts {
  const { discardedByReason, ...numbers } = counts;
  const result: ClientCounts = { ...counts, discardedByReason: {} };
  for (const name of Object.keys(numbers) as (keyof typeof numbers)[]) result[name] = counts[name] - before[name];
  for (const reason of Object.keys(discardedByReason) as DiscardReason[]) {
    const count = (discardedByReason[reason] ?? 0) - (before.discardedByReason[reason] ?? 0);
    if (count > 0) result.discardedByReason[reason] = count;
  }
  return result;
}
