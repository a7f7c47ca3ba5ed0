import type { SessionClient } from '../client/session-client';
import type { SessionStore } from '../store/session-store';
import type { PastError } from './recent-errors';

/** A session that this process uses. */
export interface LiveSession {
  /** Undefined while there is none, because the store cannot be opened for example. */
  readonly client: SessionClient | undefined;
  /** What went wrong of late, newest first; a few. */
  recentErrors(): PastError[];
  /** Connects; resolves at CONNACK. @throws SessionError `ERR_DISCONNECTED` when it was disconnected meanwhile. */
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /**
   * Ends the session at the broker, by a connection with clean start. The stored session must be closed.
   * @throws why the broker could not be reached.
   */
  clearAtBroker(clientId: string): Promise<void>;
  /**
   * Closes the session, runs `work`, and opens it again; what is published meanwhile waits. `deletesMessages`: whoever
   * waits for the acknowledgement of a message is told that it is gone.
   */
  whileClosed<T>(work: () => Promise<T>, options?: { deletesMessages?: boolean }): Promise<T>;
}

/** What administration works on: one store, and the sessions of it that this process uses. */
export interface AdminContext {
  store: SessionStore;
  live(clientId: string): LiveSession | undefined;
  /** Client ids of all broker nodes of this process, also of those that nothing uses at the moment. */
  assigned(): Promise<ReadonlySet<string>>;
  /** Bytes that the messages of one session may take. */
  maxBytes: number;
  /** Days for which dead letters, and damaged files in quarantine, are kept; 0: dead letters are not kept. */
  keepFailedDays: number;
}
