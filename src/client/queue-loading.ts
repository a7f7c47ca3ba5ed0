import type { Scheduler } from '../scheduler';
import type { Effect } from '../session/effects';
import type { SessionRecord } from '../session/records';
import type { SessionJournal } from './ports';

const RETRY_MS = 1_000;

export interface QueueLoadingEvents {
  loaded(records: readonly { sequence: number; record: SessionRecord }[]): void;
  failed(error: Error): void;
  /** A read may be tried again. */
  retry(): void;
}

/** Reads the queue's next messages from the journal when the session asks for them. */
export class QueueLoading {
  #cancelRetry: (() => void) | undefined;
  #ended = false;
  #readsFrom = Number.MAX_SAFE_INTEGER;

  constructor(
    private readonly journal: Pick<SessionJournal<SessionRecord>, 'read'>,
    private readonly scheduler: Scheduler,
    private readonly events: QueueLoadingEvents,
  ) {}

  /** The oldest sequence that a read under way may need; a purge may have taken it out of the queue meanwhile. */
  get neededFrom(): number {
    return this.#readsFrom;
  }

  /** One at a time. */
  load({ after, maxBytes }: Extract<Effect, { type: 'load' }>): void {
    this.#readsFrom = after + 1;
    this.journal.read(after, maxBytes).then(
      (records) => {
        this.#readsFrom = Number.MAX_SAFE_INTEGER;
        if (!this.#ended) this.events.loaded(records);
      },
      (error: Error) => {
        this.#readsFrom = Number.MAX_SAFE_INTEGER;
        if (this.#ended) return;
        this.#cancelRetry?.();
        this.#cancelRetry = this.scheduler.after(RETRY_MS, () => this.events.retry());
        this.events.failed(error);
      },
    );
  }

  end(): void {
    this.#ended = true;
    this.#cancelRetry?.();
  }
}
