import * as assert from 'node:assert/strict';
import type { SessionOptions } from '../../src/session/options';
import { messageSize } from '../../src/session/record-codec';
import { RecordKind, type SessionRecord } from '../../src/session/records';
import { Recovery } from '../../src/session/recovery';
import { Session } from '../../src/session/session';
import { emptySessionState } from '../../src/session/state';

const message = { topic: 't', payload: Buffer.from('message'), qos: 1, retain: false } as const;
const size = messageSize(message, undefined);
const enqueued: SessionRecord = { kind: RecordKind.Enqueued, message, enqueuedAt: 0 };

function completed(first: number, last: number, count: number): SessionRecord {
  return { kind: RecordKind.Completed, first, last, count, bytes: count * size };
}

function storedAfter(state: Partial<ReturnType<typeof emptySessionState>>, records: [number, SessionRecord][]) {
  const recovery = new Recovery(
    { ...emptySessionState(), ...state },
    records.map(([sequence, record]) => ({ sequence, record })),
  );
  return recovery.outbound().stored;
}

const OPTIONS: SessionOptions = {
  maxInflight: 100,
  maxBytes: 1_000_000,
  whenFull: 'reject',
  onSessionLost: 'republish',
  keepFailed: true,
  maxSendRate: 0,
  receiveMaximum: 100,
  handshakesMax: 20,
};

describe('the count of stored messages', () => {
  it('is right when a snapshot and the record of a message are lost, and that of its end is there', () => {
    const records: [number, SessionRecord][] = [
      [13, completed(11, 12, 2)],
      [14, enqueued],
    ];
    assert.deepEqual(storedAfter({}, records), { count: 1, bytes: size });
  });

  it('is right when the end of a message is recorded in a run over others that had ended before', () => {
    const records: [number, SessionRecord][] = [
      [1, enqueued],
      [2, enqueued],
      [3, enqueued],
      [4, completed(2, 2, 1)],
      [5, completed(1, 3, 2)],
      [6, enqueued],
    ];
    assert.deepEqual(storedAfter({}, records), { count: 1, bytes: size });
  });

  it('takes the word of a record for messages that the snapshot counts', () => {
    const state = { sequence: 10, queueAfter: 10, stored: { count: 3, bytes: 3 * size } };
    const records: [number, SessionRecord][] = [
      [11, enqueued],
      [12, completed(9, 11, 3)],
      [13, enqueued],
    ];
    assert.deepEqual(storedAfter(state, records), { count: 2, bytes: 2 * size });
  });

  it('is right when the snapshot lists a message as sent whose record is lost', () => {
    const open = { sequence: 9, packetId: 9, phase: 'published', releaseOrder: 0, sentAt: 0, retries: 0 } as const;
    const state = {
      ...emptySessionState(),
      sequence: 10,
      queueAfter: 10,
      stored: { count: 1, bytes: size },
      open: [open],
    };
    const recovery = new Recovery(state, []);
    assert.deepEqual(recovery.nextRead()?.after, 8);
    recovery.readDone([]);
    assert.equal(recovery.nextRead(), undefined);
    const session = new Session(recovery, OPTIONS, 0);
    assert.deepEqual(session.stored, { count: 0, bytes: 0 });
  });
});
