import type { Scheduler } from '../scheduler';
import type { Report } from '../session/effects';
import { elapsedSince } from '../session/elapsed';
import type { QoS } from '../session/message';
import type { SessionOptions } from '../session/options';
import type { SessionRecord } from '../session/records';
import type { Recovery } from '../session/recovery';
import { Session } from '../session/session';
import { AccessNotes } from './access-notes';
import type { SessionLoopEvents } from './effect-executor';
import type { Link } from './link';
import { LoopErrors } from './loop-errors';
import type { DeadLetterFile, SessionJournal } from './ports';
import { SessionLoop } from './session-loop';
import type { Counters } from './statistics';
import type { UserCalls } from './user-calls';

/** A message that left the queue and is not acknowledged. */
export interface OpenMessage {
  packetId: number;
  phase: string;
  topic: string;
  qos: QoS;
  enqueuedAt: number;
  /** When PUBLISH was last sent; 0: not yet, as far as known. */
  sentAt: number;
  /** How often PUBLISH was sent again. */
  retries: number;
}

/** What outlives the opening, and serves whichever session is open. */
export interface OpenSessionParts {
  link: Link;
  counters: Counters;
  scheduler: Scheduler;
  calls: UserCalls;
}

export type OpenSessionEvents = Omit<SessionLoopEvents, 'purged' | 'unsubscribed'>;

/**
 * One opening of a stored session, from its recovery until it is closed, or lost to another process. All that must not
 * outlive it is in here, so that it goes as one; the next opening is another instance.
 */
export class OpenSession {
  readonly session: Session;
  readonly loop: SessionLoop;
  readonly #accessNotes: AccessNotes;
  readonly #errors: LoopErrors;

  /** From here on the journal is this object's to close. */
  constructor(
    readonly journal: SessionJournal<SessionRecord>,
    recovery: Recovery,
    options: SessionOptions,
    private readonly parts: OpenSessionParts,
    private readonly events: OpenSessionEvents,
  ) {
    const { link, counters, scheduler, calls } = parts;
    const { metadata, mayHaveLostRecords } = journal.recovered;
    const { expiryInterval } = metadata;
    const now = scheduler.now();
    this.#errors = new LoopErrors(metadata.clientId);
    this.session = new Session(recovery, options, now);
    if (expiryInterval > 0 && elapsedSince(metadata.lastAccessAt, now) > expiryInterval * 1000) {
      this.session.expire(now);
      events.report({ kind: 'session-expired', expiryInterval });
    }
    if (mayHaveLostRecords) this.session.distrustIdentifiers();
    counters.opened(this);
    this.loop = new SessionLoop(this.session, journal, metadata, link, scheduler, this.#counted(), calls);
    this.#accessNotes = new AccessNotes(scheduler, () => void this.snapshot());
    this.#accessNotes.begin(expiryInterval);
  }

  /** Seconds after the last access at which the session expires; 0: never. */
  get expiryInterval(): number {
    return this.journal.recovered.metadata.expiryInterval;
  }

  /** Messages that left the queue and are not acknowledged, in their order. */
  openMessages(): OpenMessage[] {
    return this.session.openMessages().map(({ packetId, phase, qos, sentAt, retries, message }) => {
      const { topic, enqueuedAt } = message;
      return { packetId, phase, topic, qos, enqueuedAt, sentAt, retries };
    });
  }

  /** The dead letters, with errors that name the session. */
  get deadLetters(): DeadLetterFile<SessionRecord> {
    const file = this.journal.deadLetters;
    return {
      keep: (key, record) => this.#named(file.keep(key, record), 'writing'),
      list: (after, limit) => this.#named(file.list(after, limit), 'reading'),
      remove: (ids) => this.#named(file.remove(ids), 'writing'),
      statistics: () => file.statistics(),
    };
  }

  /** Makes a snapshot for which nobody waits: that it could not be made is told as an event. */
  async snapshot(): Promise<void> {
    await this.loop.checkpoint().catch((error: Error) => this.events.storeError(error));
  }

  /** Nothing is taken any more. Who waits for the disk is still told, until `close` is done. */
  seal(): void {
    this.#accessNotes.end();
    this.loop.seal();
  }

  /**
   * Closes the journal; then `reason` is told to those who still wait, for the broker mostly. To be sealed before.
   * @throws the error because of which the store could not be closed.
   */
  async close(reason: Error): Promise<void> {
    try {
      await this.#named(this.journal.close(), 'closing');
    } finally {
      this.loop.end(reason);
      this.parts.counters.closed(this.journal);
    }
  }

  /** Another process has it now: its files are given back. What goes wrong with that is told as an event. */
  async giveBack(): Promise<void> {
    this.#accessNotes.end();
    await this.journal.close().catch((cause: Error) => this.events.storeError(this.#errors.closing(cause)));
    this.parts.counters.closed(this.journal);
  }

  #counted(): SessionLoopEvents {
    const { events } = this;
    const { counters } = this.parts;
    return {
      ...events,
      discarded: (effect, error, observed) => {
        counters.discard(effect.reason);
        events.discarded(effect, error, observed);
      },
      report: (report: Report) => {
        if (report.kind === 'session-lost') counters.requeued += report.requeued;
        events.report(report);
      },
      purged: (count) => counters.discard('purged', count),
      unsubscribed: () => undefined,
    };
  }

  #named<T>(work: Promise<T>, what: 'reading' | 'writing' | 'closing'): Promise<T> {
    return work.catch((error: Error) => {
      throw this.#errors[what](error);
    });
  }
}
