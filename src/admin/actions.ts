import type { ClientStatistics } from '../client/statistics';
import { SessionError } from '../errors';
import type { AdminContext, LiveSession } from './context';
import { type SessionInfo, sessionInfo } from './session-info';

// Every action of administration, once; the admin node and other front ends are callers. All throw, besides what is
// said at each, the errors of the store and the file system.

/**
 * Makes a snapshot of a session that is open in this process.
 * @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_SESSION_CLOSED`.
 */
export async function saveSession(context: AdminContext, clientId: string): Promise<void> {
  await openClient(context, clientId).save();
}

/** Whether anything is stored under a client id. */
export function sessionExists(context: AdminContext, clientId: string): Promise<boolean> {
  return context.store.exists(clientId);
}

/** Describes one session. @throws SessionError `ERR_SESSION_UNKNOWN`. */
export async function describeSession(context: AdminContext, clientId: string): Promise<SessionInfo> {
  const summary = await context.store.inspect(clientId);
  if (summary === undefined) throw unknown(context, clientId);
  return sessionInfo(summary, clientId, context);
}

/** Describes all sessions of the store, in the order of their client ids. One that cannot be read has an `error`. */
export async function listSessions(context: AdminContext): Promise<SessionInfo[]> {
  const summaries = await context.store.list();
  return summaries
    .map((summary) => sessionInfo(summary, summary.metadata?.clientId ?? summary.directory, context))
    .sort((one, other) => (one.clientId < other.clientId ? -1 : 1));
}

/**
 * Deletes a session with all its messages. One that is in use is closed, deleted, and opened empty; what is published
 * meanwhile waits. With `clearAtBroker` the broker's session ends first; when that fails, nothing is deleted.
 * @throws SessionError `ERR_SESSION_UNKNOWN`; `ERR_SESSION_LOCKED` when another process has it.
 */
export async function deleteSession(
  context: AdminContext,
  clientId: string,
  { clearAtBroker = false }: { clearAtBroker?: boolean } = {},
): Promise<void> {
  const live = clearAtBroker ? liveSession(context, clientId) : context.live(clientId);
  const remove = async () => {
    if (clearAtBroker) await live?.clearAtBroker(clientId);
    if (!(await context.store.delete(clientId))) throw unknown(context, clientId);
  };
  if (live === undefined) await remove();
  else await live.whileClosed(remove);
}

/** Counters of a session that is open in this process. @throws SessionError `ERR_SESSION_UNKNOWN`. */
export function sessionStatistics(context: AdminContext, clientId: string): ClientStatistics {
  return openClient(context, clientId).statistics();
}

/** Connects; resolves at CONNACK. @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_DISCONNECTED`. */
export function connectSession(context: AdminContext, clientId: string): Promise<void> {
  return liveSession(context, clientId).connect();
}

/** Disconnects; messages are stored meanwhile. @throws SessionError `ERR_SESSION_UNKNOWN`. */
export function disconnectSession(context: AdminContext, clientId: string): Promise<void> {
  return liveSession(context, clientId).disconnect();
}

function openClient(context: AdminContext, clientId: string) {
  const { client } = liveSession(context, clientId);
  if (client?.state.kind === 'open') return client;
  throw new SessionError('ERR_SESSION_CLOSED', `The session "${clientId}" is not open at the moment.`, {
    details: { clientId },
  });
}

function liveSession(context: AdminContext, clientId: string): LiveSession {
  const live = context.live(clientId);
  if (live !== undefined) return live;
  throw new SessionError(
    'ERR_SESSION_UNKNOWN',
    `No broker node uses the session "${clientId}" of the store ${context.store.path}: check the client id.`,
    { details: { clientId, storePath: context.store.path } },
  );
}

function unknown({ store }: AdminContext, clientId: string): SessionError {
  return new SessionError(
    'ERR_SESSION_UNKNOWN',
    `There is no session "${clientId}" in the store ${store.path}: check the client id; the action list names all.`,
    { details: { clientId, storePath: store.path } },
  );
}
