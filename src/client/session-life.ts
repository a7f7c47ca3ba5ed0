import type { SessionRecord } from '../session/records';
import type { Recovery } from '../session/recovery';
import { sessionClosed } from './client-errors';
import type { OpenSession } from './open-session';
import { type OpeningOptions, SessionOpening } from './opening';
import type { SessionJournal } from './ports';

/** Whose session it is; told of every step of its life. */
export interface SessionOwner {
  /** Makes the open session out of what was recovered. `lost` is its to call, at most once. */
  recovered(journal: SessionJournal<SessionRecord>, recovery: Recovery, lost: (error: Error) => void): OpenSession;
  /** It is being opened, or cannot be (`error`) and is tried again. */
  opening(error?: Error): void;
  /** It could not be opened, not for the reason of the attempt before, or was lost. */
  failed(error: Error): void;
  opened(open: OpenSession): void;
  /** Closing was asked for: called with each `close`, before anything else. */
  closing(): void;
  /** Resolves when there is no connection any more that uses the session. */
  disconnected(): Promise<void>;
  /** No session is open any more. `isLost`: another process has it. */
  gone(isLost: boolean): void;
  /** All that `close` has to do is done, well or not. */
  closed(): void;
}

/**
 * The life of a stored session in this process: opened, perhaps taken away by another process and opened again when that
 * one ends, closed, opened anew. One step at a time: what is asked for while another is under way follows it.
 */
export class SessionLife {
  readonly #opening: SessionOpening;
  #current: OpenSession | undefined;
  /** Between `open` and `close`. */
  #wanted = false;
  #wasClosed = false;
  #failure: Error | undefined;
  #opened: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** A session that was lost is giving back its files. */
  #givingBack: Promise<void> | undefined;

  constructor(
    private readonly options: OpeningOptions,
    private readonly owner: SessionOwner,
  ) {
    this.#opening = new SessionOpening(options, {
      opened: (journal, recovery) => this.#start(journal, recovery),
      failed: (error, isNew) => this.#failed(error, isNew),
    });
  }

  /** The session while it is open. */
  get current(): OpenSession | undefined {
    return this.#current;
  }

  get isWanted(): boolean {
    return this.#wanted;
  }

  /** @throws SessionError `ERR_SESSION_CLOSED`. */
  require(): OpenSession {
    if (this.#current === undefined) throw sessionClosed(this.options.clientId);
    return this.#current;
  }

  /** @throws why a message cannot wait for the session to be opened: it was closed, or the error that keeps it from it. */
  assertExpected(): void {
    if (this.#wasClosed && !this.#wanted) throw sessionClosed(this.options.clientId);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when it is open, or when `close` came first. A session that is being closed is closed first. */
  open(): Promise<void> {
    this.#wanted = true;
    this.#opened ??= this.#closing === undefined ? this.#begin() : this.#reopen(this.#closing);
    return this.#opened;
  }

  /** Resolves when it is closed, and its files are given back. @throws the store's error when it could not be. */
  close(): Promise<void> {
    this.#wanted = false;
    this.#wasClosed = true;
    this.#opened = undefined;
    this.owner.closing();
    this.#closing ??= this.#shutDown().finally(() => {
      this.#closing = undefined;
      this.owner.closed();
    });
    return this.#closing;
  }

  #begin(): Promise<void> {
    this.#failure = undefined;
    this.owner.opening();
    return this.#opening.start();
  }

  async #reopen(closing: Promise<void>): Promise<void> {
    // Whoever closed it is told when that fails.
    await closing.catch(() => undefined);
    if (this.#wanted) await this.#begin();
  }

  #failed(error: Error, isNew: boolean): void {
    this.#failure = error;
    this.owner.opening(error);
    if (isNew) this.owner.failed(error);
  }

  #start(journal: SessionJournal<SessionRecord>, recovery: Recovery): void {
    this.#failure = undefined;
    const open: OpenSession = this.owner.recovered(journal, recovery, (error) => this.#lost(open, error));
    this.#current = open;
    this.owner.opened(open);
  }

  async #shutDown(): Promise<void> {
    await this.#opening.stop();
    await this.owner.disconnected();
    const open = this.#current;
    open?.seal();
    this.#end(false);
    await open?.close(sessionClosed(this.options.clientId));
    await this.#givingBack;
  }

  /** Another process has taken the session over: stop at once, and wait for our turn. */
  #lost(open: OpenSession, error: Error): void {
    if (this.#current !== open) return;
    this.#end(true);
    const givingBack = open.giveBack().then(() => {
      if (this.#givingBack === givingBack) this.#givingBack = undefined;
    });
    this.#givingBack = givingBack;
    if (this.#wanted) {
      this.#opened = this.#opening.startLater(error);
      this.#failure = error;
      this.owner.opening(error);
    }
    this.owner.failed(error);
  }

  #end(isLost: boolean): void {
    this.#current = undefined;
    this.owner.gone(isLost);
  }
}
