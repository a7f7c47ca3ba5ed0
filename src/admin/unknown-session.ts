import { SessionError } from '../errors';
import type { AdminContext } from './context';

/** Nothing is stored under that client id. */
export function unknownSession({ store }: Pick<AdminContext, 'store'>, clientId: string): SessionError {
  return new SessionError(
    'ERR_SESSION_UNKNOWN',
    `There is no session "${shown(clientId)}" in the store ${store.path}: check the client id; the action list names all.`,
    { details: { clientId, storePath: store.path } },
  );
}

/** It may be stored, but the action needs a broker node that uses it. */
export function unusedSession({ store }: Pick<AdminContext, 'store'>, clientId: string): SessionError {
  return new SessionError(
    'ERR_SESSION_UNKNOWN',
    `No broker node uses the session "${shown(clientId)}" of the store ${store.path}: check the client id.`,
    { details: { clientId, storePath: store.path } },
  );
}

/** A client id may have 65,535 bytes. */
function shown(clientId: string): string {
  return clientId.length > 100 ? `${clientId.slice(0, 100)}…` : clientId;
}
