import { queuedMessages as readQueue } from '../client/session-copy';
import type { QueuedMessage } from '../session/message';
import { messageSize } from '../session/record-codec';
import type { SessionRecord } from '../session/records';
import { type RecoveredOutbound, Recovery } from '../session/recovery';
import type { StoredSession } from '../store/stored-session';

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
