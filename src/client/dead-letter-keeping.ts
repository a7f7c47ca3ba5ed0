import type { Scheduler } from '../scheduler';
import type { Effect } from '../session/effects';
import type { SessionRecord } from '../session/records';
import type { DeadLetterFile } from './ports';

const RETRY_MS = 1_000;

export interface DeadLetterKeepingEvents {
  kept(sequence: number): void;
  /** To be asked for again. */
  notKept(sequences: readonly number[]): void;
  /** Keeping fails, and is tried again every second. Once, until it works again. */
  failed(error: Error): void;
  recovered(): void;
}

/** Puts messages that were given up into the file of dead letters, and says so when they are there. */
export class DeadLetterKeeping {
  #notKept: number[] = [];
  #cancelRetry: (() => void) | undefined;
  #failing = false;
  #ended = false;

  constructor(
    private readonly file: Pick<DeadLetterFile<SessionRecord>, 'keep'>,
    private readonly scheduler: Scheduler,
    private readonly events: DeadLetterKeepingEvents,
  ) {}

  get failing(): boolean {
    return this.#failing;
  }

  keep({ sequence, record }: Extract<Effect, { type: 'keepFailed' }>): void {
    // A sequence may be given out again after a power cut, so it does not name the message alone. The time as it is on
    // disk: after a crash the same message must have the same key.
    const key = `${sequence}.${Math.max(0, Math.trunc(record.enqueuedAt))}`;
    this.file.keep(key, record).then(
      () => {
        if (this.#ended) return;
        this.events.kept(sequence);
        if (!this.#failing) return;
        this.#failing = false;
        this.events.recovered();
      },
      (error: Error) => this.#failed(sequence, error),
    );
  }

  end(): void {
    this.#ended = true;
    this.#cancelRetry?.();
  }

  #failed(sequence: number, error: Error): void {
    if (this.#ended) return;
    this.#notKept.push(sequence);
    this.#cancelRetry ??= this.scheduler.after(RETRY_MS, () => {
      this.#cancelRetry = undefined;
      this.events.notKept(this.#notKept.splice(0));
    });
    if (this.#failing) return;
    this.#failing = true;
    this.events.failed(error);
  }
}
