import { errorCode } from '../errors';
import type { Scheduler } from '../scheduler';
import type { SessionRecord } from '../session/records';
import { Recovery } from '../session/recovery';
import { sessionCodec } from '../session/session-codec';
import { LoopErrors } from './loop-errors';
import type { DeadLetterLimits, SessionJournal, SessionOpener, StoredRecord } from './ports';

/** How soon a session that could not be opened is tried again. */
const RETRY_MS = 1_000;

export interface OpeningOptions {
  store: SessionOpener;
  clientId: string;
  expiryInterval: number | undefined;
  deadLetters: DeadLetterLimits;
  scheduler: Scheduler;
}

export interface OpeningEvents {
  /** The session is open and recovered; from here on the journal is the owner's to close. */
  opened(journal: SessionJournal<SessionRecord>, recovery: Recovery): void;
  /** An attempt failed; the next one comes in a second. `isNew`: not for the reason of the attempt before. */
  failed(error: Error, isNew: boolean): void;
}

/** Opens a stored session, and tries again every second until it is open or no longer wanted. */
export class SessionOpening {
  #attempt: Promise<void> | undefined;
  #cancelRetry: (() => void) | undefined;
  #wanted = false;
  #lastCode: string | undefined;
  #waiting: (() => void)[] = [];
  readonly #errors: LoopErrors;

  constructor(
    private readonly options: OpeningOptions,
    private readonly events: OpeningEvents,
  ) {
    this.#errors = new LoopErrors(options.clientId);
  }

  /** Resolves when the session is open, or when `stop` ends the attempts. */
  start(): Promise<void> {
    this.#wanted = true;
    const done = new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#attempt === undefined && this.#cancelRetry === undefined) this.#try();
    return done;
  }

  /** As `start`, after a second: the session was lost for `reason`. */
  startLater(reason: Error): Promise<void> {
    this.#wanted = true;
    this.#lastCode = errorCode(reason);
    const done = new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#retryLater();
    return done;
  }

  /** Ends the attempts. Resolves when the one under way has given back what it opened. */
  async stop(): Promise<void> {
    this.#wanted = false;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    await this.#attempt;
    this.#done();
  }

  #try(): void {
    this.#attempt = this.#open().then(
      () => {
        this.#attempt = undefined;
        this.#lastCode = undefined;
        this.#done();
      },
      (error: Error) => {
        this.#attempt = undefined;
        if (!this.#wanted) return;
        const code = errorCode(error) ?? error.message;
        const isNew = code !== this.#lastCode;
        this.#lastCode = code;
        this.#retryLater();
        this.events.failed(error, isNew);
      },
    );
  }

  async #open(): Promise<void> {
    const { store, clientId, expiryInterval, deadLetters } = this.options;
    const journal = await store.open(clientId, sessionCodec, expiryInterval, deadLetters);
    try {
      const { recovered } = journal;
      const recovery = new Recovery(recovered.state, recovered.records);
      recovered.records = [];
      for (let read = recovery.nextRead(); read !== undefined && this.#wanted; read = recovery.nextRead()) {
        recovery.readDone(await this.#read(journal, read.after, read.maxBytes));
      }
      if (this.#wanted) {
        this.events.opened(journal, recovery);
        return;
      }
    } catch (error) {
      // The first error is the one to report.
      await journal.close().catch(() => undefined);
      throw error;
    }
    await journal.close().catch((error: Error) => {
      throw this.#errors.closing(error);
    });
  }

  #read(
    journal: SessionJournal<SessionRecord>,
    after: number,
    maxBytes: number,
  ): Promise<StoredRecord<SessionRecord>[]> {
    return journal.read(after, maxBytes).catch((error: Error) => {
      throw this.#errors.reading(error);
    });
  }

  #retryLater(): void {
    this.#cancelRetry = this.options.scheduler.after(
      RETRY_MS,
      () => {
        this.#cancelRetry = undefined;
        this.#try();
      },
      true,
    );
  }

  #done(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
