import { SessionError } from '../errors';
import { decodeMcpsV1, type McpsV1Session } from '../mcps/v1';
import { usableParts } from '../session/migration';
import { Recovery } from '../session/recovery';
import { sessionCodec } from '../session/session-codec';
import type { SessionState } from '../session/state';
import type { FileSystem } from '../store/file-system';
import type { SessionStore } from '../store/session-store';
import { readStoredSession } from '../store/stored-session';

export interface McpsV1Import {
  clientId: string;
  subscriptions: number;
  messages: number;
  /** What no broker would take, each as a sentence; it stays in the file, which is kept beside the session. */
  leftOut: string[];
}

/**
 * Makes a session from a version 1 file, as if the file had been found in the storage path: with its identifiers, times and
 * expiry. The file is kept beside the session. The session must not be open.
 * `replace` deletes what is stored under that client id before. Without, a session that holds anything (messages,
 * subscriptions, dead letters, received identifiers) is refused. A process that is killed in between may leave neither the
 * old session nor the new one: import the file again.
 * @throws McpsError for a damaged file, see `decodeMcps`; SessionError `ERR_SESSION_NOT_EMPTY`, `ERR_SESSION_LOCKED`,
 * `ERR_SESSION_VERSION`, `ERR_CLIENT_ID`; the system's error.
 */
export async function importMcpsV1(
  store: SessionStore,
  file: Buffer,
  { replace = false }: { replace?: boolean } = {},
): Promise<McpsV1Import> {
  const session = decodeMcpsV1(file);
  const { clientId } = session;
  const { usable, leftOut } = usableParts(session);
  const pending = await store.prepareImport(file, clientId);
  try {
    await store.delete(clientId, async (fileSystem, directory) => {
      if (!replace) await requireEmpty(fileSystem, directory, clientId);
    });
    await pending.place();
  } finally {
    await pending.discard();
  }
  const journal = await store.open(clientId, sessionCodec, undefined);
  const { state } = journal.recovered;
  await journal.close();
  if (!isMadeFrom(usable, state)) {
    throw new SessionError(
      'ERR_SESSION_NOT_EMPTY',
      `The session "${clientId}" was made by somebody else while its file was imported. The file is kept in ${store.path}.`,
      { details: { clientId } },
    );
  }
  return { clientId, subscriptions: usable.subscriptions.length, messages: usable.inflight.length, leftOut };
}

/** Whether it has what the file has, and not what somebody else stored in the meantime. */
function isMadeFrom(
  { inflight, subscriptions }: Pick<McpsV1Session, 'inflight' | 'subscriptions'>,
  { open, subscriptions: stored }: SessionState,
): boolean {
  const filters = new Set(stored.map(({ filter }) => filter));
  return (
    open.length === inflight.length &&
    inflight.every(({ packetId, payload }, index) => {
      const entry = open[index];
      return entry?.packetId === packetId && entry.message?.payload.equals(payload) === true;
    }) &&
    subscriptions.every(({ topic }) => filters.has(topic))
  );
}

/** With the lock of the session held. */
async function requireEmpty(fileSystem: FileSystem, directory: string, clientId: string): Promise<void> {
  const stored = await readStoredSession(fileSystem, directory, clientId, sessionCodec);
  if (stored === undefined) return;
  try {
    const recovery = new Recovery(stored.snapshot.state, stored.journal.records);
    const { count } = recovery.outbound().stored;
    const holds = [
      [count, 'messages'],
      [recovery.subscriptions.size, 'subscriptions'],
      [recovery.received.size, 'received identifiers'],
      [stored.files.hasDeadLetters ? 1 : 0, 'file of dead letters'],
    ].flatMap(([number, what]) => (number === 0 ? [] : [`${number} ${what}`]));
    if (holds.length === 0) return;
    throw new SessionError(
      'ERR_SESSION_NOT_EMPTY',
      `There is a session "${clientId}" already, with ${holds.join(', ')}. Ask for it to be replaced to lose that.`,
      { details: { clientId } },
    );
  } finally {
    await stored.close();
  }
}
