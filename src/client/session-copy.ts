import type { QueuedMessage } from '../session/message';
import { queuedMessage } from '../session/queued-message';
import { RecordKind, type SessionRecord } from '../session/records';
import type { SessionMetadata, SessionState } from '../session/state';
import type { DeadLetterFile, QueueReader } from './ports';

const READ_BYTES = 256 * 1024;

/** A session as of one moment, to be read while it goes on. `close` it: until then the store keeps what it still needs. */
export interface SessionCopy {
  metadata: SessionMetadata;
  /** Made once per session: 32 hexadecimal digits. */
  uid: string;
  /** As of its last durable record; messages that left the queue are in `open`, each with its `message`. */
  state: SessionState;
  /** The messages of the queue, in order; a few hundred kilobytes of them in memory. @throws the system's error. */
  queued(): AsyncGenerator<QueuedMessage>;
  deadLetters: Pick<DeadLetterFile<SessionRecord>, 'list'>;
  /** What could not be read because of damage; complete when `queued` has ended. */
  lost(): readonly string[];
  close(): Promise<void>;
}

/** The messages above `state.queueAfter` and up to `state.sequence`, as `reader` brings them. */
export async function* queuedMessages(
  reader: Pick<QueueReader<SessionRecord>, 'read'>,
  { queueAfter, sequence: end }: Pick<SessionState, 'queueAfter' | 'sequence'>,
  isStored: (sequence: number) => boolean = () => true,
): AsyncGenerator<QueuedMessage> {
  for (let after = queueAfter; after < end; ) {
    const records = await reader.read(after, READ_BYTES);
    if (records.length === 0) return;
    for (const { sequence, record } of records) {
      if (sequence > end) return;
      after = sequence;
      if (record.kind !== RecordKind.Enqueued || !isStored(sequence)) continue;
      yield queuedMessage(sequence, record);
    }
  }
}
