import type { SessionClient } from '../client/session-client';
import type { SessionStore } from '../store/session-store';

/** A session that this process uses. */
export interface LiveSession {
  /** Undefined while there is none, because the store cannot be opened for example. */
  readonly client: SessionClient | undefined;
  /** Connects; resolves at CONNACK. @throws SessionError `ERR_DISCONNECTED` when it was disconnected meanwhile. */
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /**
   * Ends the session at the broker, by a connection with clean start. The stored session must be closed.
   * @throws why the broker could not be reached.
   */
  clearAtBroker(clientId: string): Promise<void>;
  /** Closes the session, runs `work`, and opens it again; what is published meanwhile waits. */
  whileClosed<T>(work: () => Promise<T>): Promise<T>;
}

/** What administration works on: one store, and the sessions of it that this process uses. */
export interface AdminContext {
  store: Pick<SessionStore, 'path' | 'exists' | 'inspect' | 'list' | 'delete'>;
  live(clientId: string): LiveSession | undefined;
}
