import * as path from 'node:path';
import { queuedMessages as readQueue } from '../client/session-copy';
import type { QueuedMessage } from '../session/message';
import { messageSize, recordCodec } from '../session/record-codec';
import type { SessionRecord } from '../session/records';
import { type RecoveredOutbound, Recovery } from '../session/recovery';
import { requireNotInUse } from '../store/in-use';
import { nodeFileSystem } from '../store/node-file-system';
import { sessionDirectoryName } from '../store/safe-name';
import { readStoredSession, type StoredSession } from '../store/stored-session';
import type { AdminContext } from './context';
import { unknownSession } from './unknown-session';

/** A session that nobody has open, as it would be when opened. */
export interface RecoveredMessages {
  recovery: Recovery;
  /** What left the queue and is not acknowledged, and where the queue begins. */
  outbound: RecoveredOutbound;
}

/** @throws the system's error. What is damaged is passed over and noted in `session.readNotices`. */
export async function recoverMessages(session: StoredSession<SessionRecord>): Promise<RecoveredMessages> {
  const recovery = new Recovery(session.snapshot.state, session.journal.records);
  for (let read = recovery.nextRead(); read !== undefined; read = recovery.nextRead()) {
    recovery.readDone(await session.read(read.after, read.maxBytes));
  }
  return { recovery, outbound: recovery.outbound() };
}

/** The messages of the queue that are still stored, in order, a few hundred kilobytes of them in memory. */
export async function* queuedMessages(
  session: StoredSession<SessionRecord>,
  { recovery, outbound }: RecoveredMessages,
): AsyncGenerator<{ message: QueuedMessage; size: number }> {
  const range = { queueAfter: outbound.queueAfter, sequence: session.lastSequence };
  for await (const message of readQueue(session, range, (sequence) => recovery.isStored(sequence))) {
    yield { message, size: messageSize(message, message.origin) };
  }
}

/**
 * Runs `work` on a session that nobody has open, before and after it. Reads only.
 * @throws SessionError `ERR_SESSION_UNKNOWN`; `ERR_SESSION_LOCKED` naming the process that has it; `ERR_SESSION_VERSION`;
 * the system's error; the error of `work`.
 */
export async function readStored<T>(
  context: AdminContext,
  clientId: string,
  work: (session: StoredSession<SessionRecord>, messages: RecoveredMessages) => Promise<T>,
): Promise<T> {
  const directory = path.join(context.store.path, sessionDirectoryName(clientId));
  if (!(await context.store.exists(clientId))) throw unknownSession(context, clientId);
  await requireNotInUse(nodeFileSystem, [directory]);
  const session = await readStoredSession(nodeFileSystem, directory, clientId, recordCodec);
  if (session === undefined) throw unknownSession(context, clientId);
  try {
    const result = await work(session, await recoverMessages(session));
    await requireNotInUse(nodeFileSystem, [directory]);
    return result;
  } finally {
    await session.close();
  }
}
