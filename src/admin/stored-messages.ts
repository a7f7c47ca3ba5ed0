import type { StoredRecord } from '../client/ports';
import type { QueuedMessage } from '../session/message';
import { messageSize } from '../session/record-codec';
import { RecordKind, type SessionRecord } from '../session/records';
import { type RecoveredOutbound, Recovery } from '../session/recovery';
import type { StoredSession } from '../store/stored-session';

const READ_BYTES = 1024 * 1024;

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

/** The messages of the queue that are still stored, in order, about a megabyte of them in memory at a time. */
export async function* queuedMessages(
  session: StoredSession<SessionRecord>,
  { recovery, outbound }: RecoveredMessages,
): AsyncGenerator<{ message: QueuedMessage; size: number }> {
  let after = outbound.queueAfter;
  for (;;) {
    const records: StoredRecord<SessionRecord>[] = await session.read(after, READ_BYTES);
    for (const { sequence, record } of records) {
      after = sequence;
      if (record.kind !== RecordKind.Enqueued || !recovery.isStored(sequence)) continue;
      const { message, enqueuedAt, origin } = record;
      yield {
        message: { ...message, sequence, enqueuedAt, ...(origin === undefined ? {} : { origin }) },
        size: messageSize(message, origin),
      };
    }
    if (records.length === 0) return;
  }
}
