import * as path from 'node:path';
import type { ClientStatistics } from '../client/statistics';
import { describeError, errorCode } from '../errors';
import { nodeFileSystem } from '../store/node-file-system';
import { isSessionDirectoryName, sessionDirectoryName } from '../store/safe-name';
import { summarize } from '../store/session-summary';
import type { AdminContext } from './context';
import { liveSession, openClient, withOpenSession } from './open-session';
import { type SessionInfo, sessionInfo } from './session-info';
import { countStored } from './stored-numbers';
import { unknownSession } from './unknown-session';
import type { Finding } from './verification/finding';
import { verifyStorage } from './verification/storage';

// Actions on a session as a whole. All throw, besides what is said at each, the errors of the store and the file system;
// `ERR_SESSION_LOCKED` names the process that has the session open.

/**
 * Makes a snapshot of a session that is open in this process.
 * @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_SESSION_CLOSED`.
 */
export async function saveSession(context: AdminContext, clientId: string): Promise<void> {
  await openClient(context, clientId).save();
}

/**
 * Checks a stored session, every record of it; one that is in use is closed for that and opened again, while what is
 * published waits.
 * @returns what is known of it, and what the check found; damage does not keep a session from being used.
 * @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_SESSION_LOCKED`.
 */
export async function loadSession(
  context: AdminContext,
  clientId: string,
): Promise<{ info: SessionInfo; findings: Finding[] }> {
  if (!(await context.store.exists(clientId))) throw unknownSession(context, clientId);
  const verify = () => verifyStorage(nodeFileSystem, context.store.path, { clientId });
  const live = context.live(clientId);
  const { sessions } = await (live === undefined ? verify() : live.whileClosed(verify));
  return { info: await describeSession(context, clientId), findings: sessions.flatMap(({ findings }) => findings) };
}

/** Whether anything is stored under a client id. */
export function sessionExists({ store }: AdminContext, clientId: string): Promise<boolean> {
  return store.exists(clientId);
}

/**
 * Describes one session, as of now: where its snapshot does not say all that it holds its journal is read, unless another
 * process has it, or it cannot be read (`asOf` and `error` tell that).
 * @throws SessionError `ERR_SESSION_UNKNOWN`.
 */
export async function describeSession(context: AdminContext, clientId: string): Promise<SessionInfo> {
  const summary = await context.store.inspect(clientId);
  if (summary === undefined) throw unknownSession(context, clientId);
  const info = await sessionInfo(summary, clientId, context, await context.assigned());
  if (info.status !== 'stored') return info;
  try {
    return await countStored(context, info);
  } catch (error) {
    // Somebody has opened it since.
    if (errorCode(error) === 'ERR_SESSION_LOCKED') return { ...info, asOf: 'snapshot' };
    if (errorCode(error) === 'ERR_SESSION_UNKNOWN') throw error;
    return { ...info, asOf: 'snapshot', error: info.error ?? describeError(error as Error) };
  }
}

/** Describes all sessions of the store, in the order of their client ids. One that cannot be read has an `error`. */
export async function listSessions(context: AdminContext): Promise<SessionInfo[]> {
  const [summaries, assigned] = await Promise.all([context.store.list(), context.assigned()]);
  // One that is opened for the first time has no snapshot yet.
  const byKey = new Map([...assigned].map((clientId) => [sessionDirectoryName(clientId), clientId]));
  const infos = await Promise.all(
    summaries.map((summary) => {
      const clientId = summary.metadata?.clientId ?? byKey.get(path.basename(summary.directory)) ?? '';
      return sessionInfo(summary, clientId, context, assigned);
    }),
  );
  return infos.sort((one, other) => (one.clientId < other.clientId ? -1 : one.clientId > other.clientId ? 1 : 0));
}

/**
 * Deletes a session with all its messages and dead letters. One that is in use is closed, deleted, and opened empty; what
 * is published meanwhile waits. With `clearAtBroker` the broker's session ends first; when that fails, nothing is deleted.
 * @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_SESSION_LOCKED`.
 */
export async function deleteSession(
  context: AdminContext,
  clientId: string,
  { clearAtBroker = false }: { clearAtBroker?: boolean } = {},
): Promise<void> {
  const live = clearAtBroker ? liveSession(context, clientId) : context.live(clientId);
  const remove = async () => {
    if (clearAtBroker) await live?.clearAtBroker(clientId);
    if (!(await context.store.delete(clientId))) throw unknownSession(context, clientId);
  };
  if (live === undefined) await remove();
  else await live.whileClosed(remove, { deletesMessages: true });
}

/** Counters of a session that a broker node uses. @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_SESSION_CLOSED`. */
export function sessionStatistics(context: AdminContext, clientId: string): ClientStatistics {
  return openClient(context, clientId).statistics();
}

/** Counters start anew. @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_SESSION_CLOSED`. */
export function resetStatistics(context: AdminContext, clientId: string): void {
  openClient(context, clientId).resetStatistics();
}

/** Connects; resolves at CONNACK. @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_DISCONNECTED`. */
export function connectSession(context: AdminContext, clientId: string): Promise<void> {
  return liveSession(context, clientId).connect();
}

/** Disconnects; messages are stored meanwhile. @throws SessionError `ERR_SESSION_UNKNOWN`. */
export function disconnectSession(context: AdminContext, clientId: string): Promise<void> {
  return liveSession(context, clientId).disconnect();
}

/** Stops sending; survives a restart. Durable when resolved. @throws as `withOpenSession`. */
export function pauseSession(context: AdminContext, clientId: string): Promise<void> {
  return withOpenSession(context, clientId, async (client) => {
    client.pause();
    await client.save();
  });
}

/** Sends again. Durable when resolved. @throws as `withOpenSession`. */
export function resumeSession(context: AdminContext, clientId: string): Promise<void> {
  return withOpenSession(context, clientId, async (client) => {
    client.resume();
    await client.save();
  });
}

/**
 * The client id that a text in a URL means: the `key` of a session's info, or else the client id itself. Keys stand for
 * client ids that no URL can carry: too long, or `.` and `..`, which clients take out of paths.
 * @throws SessionError `ERR_SESSION_UNKNOWN` for a key under which nothing is stored, or only what cannot be read;
 * `ERR_CLIENT_ID` for what MQTT cannot carry.
 */
export async function clientIdOfKey({ store }: AdminContext, keyOrClientId: string): Promise<string> {
  if (!isSessionDirectoryName(keyOrClientId)) {
    sessionDirectoryName(keyOrClientId);
    return keyOrClientId;
  }
  const summary = await summarize(nodeFileSystem, path.join(store.path, keyOrClientId));
  const clientId = summary?.metadata?.clientId;
  if (clientId !== undefined) return clientId;
  if (summary?.error !== undefined) throw summary.error;
  throw unknownSession({ store }, keyOrClientId);
}
