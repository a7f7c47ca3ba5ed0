import type { SessionOpener } from '../client/ports';
import { SessionClient } from '../client/session-client';
import { errorCode, SessionError } from '../errors';
import { sessionDirectoryName } from '../store/safe-name';
import type { AdminContext, LiveSession } from './context';
import { unknownSession, unusedSession } from './unknown-session';

/** @throws SessionError `ERR_SESSION_UNKNOWN` when no broker node of this process uses the session. */
export function liveSession(context: AdminContext, clientId: string): LiveSession {
  const live = context.live(clientId);
  if (live === undefined) throw unusedSession(context, clientId);
  return live;
}

/** The client of a session in use. @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_SESSION_CLOSED`. */
export function openClient(context: AdminContext, clientId: string): SessionClient {
  return requireOpen(liveSession(context, clientId), clientId);
}

/**
 * Runs `work` on an open session: the one that a broker node has, or a stored one, opened for it and closed again. Never
 * connects and never makes a session.
 * @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_SESSION_CLOSED`; `ERR_SESSION_LOCKED` naming the process that has it;
 * `ERR_SESSION_VERSION`; the errors of the store and of `work`.
 */
export async function withOpenSession<T>(
  context: AdminContext,
  clientId: string,
  work: (client: SessionClient) => Promise<T>,
): Promise<T> {
  const live = context.live(clientId);
  if (live !== undefined) return work(requireOpen(live, clientId));
  // Names what MQTT cannot carry before anything is looked for.
  sessionDirectoryName(clientId);
  if (!(await context.store.exists(clientId))) throw unknownSession(context, clientId);
  const { store } = context;
  const existing: SessionOpener = { open: (...session) => store.openExisting(...session) };
  try {
    return await withClient(context, existing, clientId, work);
  } catch (error) {
    // Deleted by somebody else since.
    if (errorCode(error) === 'ENOENT' && !(await store.exists(clientId))) throw unknownSession(context, clientId);
    throw error;
  }
}

/** As `withOpenSession`, for a client id that no broker node uses; makes the session if there is none. */
export function withStoredSession<T>(
  context: AdminContext,
  clientId: string,
  work: (client: SessionClient) => Promise<T>,
): Promise<T> {
  return withClient(context, context.store, clientId, work);
}

async function withClient<T>(
  { maxBytes, keepFailedDays }: AdminContext,
  store: SessionOpener,
  clientId: string,
  work: (client: SessionClient) => Promise<T>,
): Promise<T> {
  const client = new SessionClient({
    clientId,
    store,
    maxBytes,
    keepFailed: keepFailedDays > 0,
    keepFailedDays,
    // Of no use: it never connects.
    connection: { url: 'mqtt://localhost', protocolVersion: 4, clean: false, keepalive: 60 },
  });
  const failed = new Promise<never>((_, reject) => client.on('storeError', reject));
  try {
    await Promise.race([client.open(), failed]);
    return await work(client);
  } finally {
    await client.close();
  }
}

function requireOpen({ client }: LiveSession, clientId: string): SessionClient {
  const state = client?.state;
  if (client !== undefined && state?.kind === 'open') return client;
  const cause = state?.kind === 'opening' ? state.error : undefined;
  const why = cause === undefined ? '' : ` ${cause.message}`;
  throw new SessionError('ERR_SESSION_CLOSED', `The session "${clientId}" is not open at the moment.${why}`, {
    cause,
    details: { clientId },
  });
}
