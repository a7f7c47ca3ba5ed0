import type { LiveSession } from '../../src/admin/context';
import type { SessionClientOptions } from '../../src/client/options';
import type { PublishObserver } from '../../src/client/publish-observers';
import { SessionClient } from '../../src/client/session-client';
import { SessionError } from '../../src/errors';
import { InTurn } from '../../src/in-turn';
import type { Message, MessageOrigin } from '../../src/session/message';
import type { CleanUpUser } from '../../src/store/clean-up-timer';
import type { SessionStore, StoreNotice } from '../../src/store/session-store';
import { sharedSessionStore } from '../../src/store/shared-store';
import { SessionClaims } from '../shared/session-claims';
import type { StoreSettings } from '../shared/store-settings';

const RETRY_MS = 1_000;
/** Publishes that wait while the store is opened, or the session is closed for a moment. */
const WAITING_MAX = 10_000;

/** All sessions that broker nodes of this process have. */
export const sessionClaims = new SessionClaims<LiveSession>();

export interface SessionHostOptions {
  /** Of the broker node; its generated client id belongs to it. */
  ownerId: string;
  ownerName: string;
  store: StoreSettings;
  live: LiveSession;
  /** The store is cleaned up as long as this session uses it. */
  cleanUp: CleanUpUser;
  /** Told of what the store finds while its sessions are open, if this is who opens the store. */
  onNotice: (notice: StoreNotice) => void;
}

export type HostedSession = Omit<SessionClientOptions, 'clientId' | 'store' | 'maxBytes' | 'whenFull'> & {
  clientId: string | undefined;
};

export interface SessionHostEvents {
  /** A client was made and is about to open its session. */
  created(client: SessionClient): void;
  /** Its session is open. */
  opened(client: SessionClient): void;
  /** It was closed. */
  closed(): void;
  /** There is no session, and why; it is tried again. Undefined: the reason is gone. */
  failed(error: Error | undefined): void;
}

interface Waiting {
  message: Message;
  observer: PublishObserver;
  origin: MessageOrigin | undefined;
}

interface ReadyWaiter {
  resolve(client: SessionClient): void;
  reject(error: Error): void;
}

/**
 * Has the one session of a broker node: opens the store, finds the client id, and makes the client; tries again every
 * second what fails. Messages that come before wait, as many as `WAITING_MAX`.
 */
export class SessionHost {
  #client: SessionClient | undefined;
  #isOpen = false;
  #store: SessionStore | undefined;
  #failure: Error | undefined;
  #started = false;
  #closing = false;
  #stopCleanUp: (() => void) | undefined;
  #releaseClaim: (() => void) | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #waiting: Waiting[] = [];
  #readyWaiters: ReadyWaiter[] = [];
  /** Replacing and closing, one after the other. */
  readonly #tasks = new InTurn();

  constructor(
    private readonly options: SessionHostOptions,
    private hosted: HostedSession,
    private readonly events: SessionHostEvents,
  ) {}

  get client(): SessionClient | undefined {
    return this.#client;
  }

  /** The client, once its session was opened. */
  get openClient(): SessionClient | undefined {
    return this.#isOpen ? this.#client : undefined;
  }

  /** Of the session; undefined until a generated one is known. */
  get clientId(): string | undefined {
    return this.#client?.clientId ?? this.hosted.clientId;
  }

  /** The store, once it is open. */
  get store(): SessionStore | undefined {
    return this.#store;
  }

  /** Why there is no session, if something stands in the way. */
  get failure(): Error | undefined {
    const state = this.#client?.state;
    return this.#failure ?? (state?.kind === 'opening' ? state.error : undefined);
  }

  start(): void {
    if (this.#started || this.#closing) return;
    this.#started = true;
    void this.#tasks.run(() => this.#begin());
  }

  /** @throws as `SessionClient.enqueue`, or the error because of which there is no session. */
  publish(message: Message, observer: PublishObserver, origin: MessageOrigin): void {
    if (this.#client !== undefined) {
      this.#client.enqueue(message, observer, origin);
      return;
    }
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closing || this.#waiting.length >= WAITING_MAX) throw this.#closedError();
    this.#waiting.push({ message, observer, origin });
  }

  /** The client as soon as its session is open. @throws the error because of which it is not. */
  ready(): Promise<SessionClient> {
    if (this.#client?.state.kind === 'open' && this.#isOpen) return Promise.resolve(this.#client);
    const error = this.failure ?? (this.#closing ? this.#closedError() : undefined);
    if (error !== undefined) return Promise.reject(error);
    return new Promise((resolve, reject) => this.#readyWaiters.push({ resolve, reject }));
  }

  /** Closes the session and opens the one of other settings. */
  replace(hosted: HostedSession): Promise<void> {
    return this.#tasks.run(async () => {
      await this.#end();
      this.#releaseClaim?.();
      this.hosted = hosted;
      await this.#begin();
    });
  }

  /** Closes the session, runs `work`, and opens it again; what is published meanwhile waits. */
  whileClosed<T>(work: () => Promise<T>): Promise<T> {
    return this.#tasks.run(async () => {
      await this.#end();
      try {
        return await work();
      } finally {
        await this.#begin();
        // What stands in the way is reported elsewhere.
        await this.ready().catch(() => undefined);
      }
    });
  }

  /** What was published is stored, the session closed, and the store given back. */
  close(): Promise<void> {
    this.#closing = true;
    return this.#tasks.run(async () => {
      clearTimeout(this.#retryTimer);
      await this.#end();
      this.#releaseClaim?.();
      const closed = this.#closedError();
      for (const { observer } of this.#waiting.splice(0)) observer.failed?.(closed);
      for (const waiter of this.#readyWaiters.splice(0)) waiter.reject(closed);
      this.#stopCleanUp?.();
      await this.#store?.release();
      this.#store = undefined;
    });
  }

  /** `opening` with an error: whoever waits for the session is told; the client itself goes on trying. */
  cannotOpen(error: Error): void {
    for (const waiter of this.#readyWaiters.splice(0)) waiter.reject(error);
  }

  /** One attempt. The next one is a task of its own, so that nothing waits behind a store that cannot be opened. */
  async #begin(): Promise<void> {
    if (this.#closing || this.#client !== undefined) return;
    try {
      await this.#create();
    } catch (error) {
      this.#setFailure(error as Error);
      this.#retryTimer = setTimeout(() => void this.#tasks.run(() => this.#begin()), RETRY_MS);
    }
  }

  async #create(): Promise<void> {
    const { ownerId, store: storeSettings } = this.options;
    const { clientId: configured, ...hosted } = this.hosted;
    // Before anything asynchronous: of two nodes with one client id it is always the later one that is refused.
    if (configured !== undefined) this.#claim(configured);
    if (this.#store === undefined) {
      this.#store = await sharedSessionStore(storeSettings.path, {
        durability: storeSettings.durability,
        onNotice: this.options.onNotice,
      });
      this.#stopCleanUp = this.#store.cleanUpRegularly(this.options.cleanUp);
    }
    const clientId = configured ?? (await this.#store.generateClientId(ownerId));
    if (this.#closing) return;
    if (configured === undefined) this.#claim(clientId);
    const client = new SessionClient({
      ...hosted,
      clientId,
      store: this.#store,
      maxBytes: storeSettings.maxBytes,
      whenFull: storeSettings.whenFull,
      keepFailed: storeSettings.keepFailed > 0,
      keepFailedDays: storeSettings.keepFailed,
    });
    this.#client = client;
    this.#setFailure(undefined);
    this.events.created(client);
    client.on('state', ({ kind }) => {
      if (kind !== 'open') this.#isOpen = false;
      // Each time it is opened: after another process had it, too. Once the client has done what it does at that.
      else if (!this.#isOpen) queueMicrotask(() => this.#opened(client));
    });
    client.open().catch((error: Error) => this.events.failed(error));
    for (const { message, observer, origin } of this.#waiting.splice(0)) {
      try {
        client.enqueue(message, observer, origin);
      } catch (error) {
        observer.failed?.(error as Error);
      }
    }
  }

  #claim(clientId: string): void {
    const { ownerId, ownerName, live, store } = this.options;
    this.#releaseClaim?.();
    this.#releaseClaim = sessionClaims.claim(store.path, clientId, ownerId, ownerName, live);
  }

  /** Its session was opened, unless it was closed meanwhile. */
  #opened(client: SessionClient): void {
    if (this.#isOpen || this.#client !== client || client.state.kind !== 'open') return;
    this.#isOpen = true;
    this.events.opened(client);
    for (const waiter of this.#readyWaiters.splice(0)) waiter.resolve(client);
  }

  async #end(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    this.#isOpen = false;
    if (client === undefined) return;
    try {
      await client.close();
    } catch (error) {
      // The session is given up all the same; recovery finds what was written.
      this.events.failed(error as Error);
    }
    this.events.closed();
  }

  #setFailure(error: Error | undefined): void {
    const before = this.#failure;
    this.#failure = error;
    if (error !== undefined) {
      for (const { observer } of this.#waiting.splice(0)) observer.failed?.(error);
      this.cannotOpen(error);
    }
    if (before?.message !== error?.message) this.events.failed(error);
  }

  #closedError(): SessionError {
    return new SessionError(
      'ERR_SESSION_CLOSED',
      `The session of the broker node "${this.options.ownerName}" is closed.`,
    );
  }
}
