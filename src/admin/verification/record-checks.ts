import { recordCodec } from '../../session/record-codec';
import { RecordKind, type SessionRecord } from '../../session/records';
import type { RecordCodec } from '../../session/state';
import { damage, type Finding } from './finding';

/** A record after its check, without content. */
export interface CheckedRecord {
  isMessage: boolean;
  /** What is wrong with its content although its checksum holds. */
  fault?: string;
}

/** Reads every record as the session does, and keeps of it only whether it can be right. */
export const checkingCodec: Pick<RecordCodec<CheckedRecord>, 'read'> = {
  read(kind, body) {
    const record = recordCodec.read(kind, body);
    const fault = faultOf(record);
    return { isMessage: record.kind === RecordKind.Enqueued, ...(fault === undefined ? {} : { fault }) };
  },
};

/** @param records In order. */
export function recordFindings(records: readonly { sequence: number; record: CheckedRecord }[]): Finding[] {
  return records.flatMap(({ sequence, record }) =>
    record.fault === undefined ? [] : [damage('records', `Record ${sequence} cannot be right: ${record.fault}.`)],
  );
}

function faultOf(record: SessionRecord): string | undefined {
  switch (record.kind) {
    case RecordKind.Completed: {
      const { first, last, count, bytes } = record;
      if (first > last) return `it removes messages ${first} to ${last}`;
      if (count > last - first + 1) return `it removes ${count} messages from ${first} to ${last}`;
      return count === 0 && bytes > 0 ? `it removes ${bytes} bytes and no message` : undefined;
    }
    case RecordKind.Released:
      return record.first > record.last ? `it releases messages ${record.first} to ${record.last}` : undefined;
    case RecordKind.Received:
    case RecordKind.ReceivedRemoved:
      return record.identifiers.includes(0) ? 'it names the packet identifier 0' : undefined;
    case RecordKind.Enqueued:
      return /[+#\0]/.test(record.message.topic) ? 'its topic cannot be published to' : undefined;
    default:
      return undefined;
  }
}
