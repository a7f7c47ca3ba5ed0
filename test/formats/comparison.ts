import * as assert from 'node:assert/strict';
import type { Failure, FailureReason } from '../../src/session/failure';
import type { Message, MessageProperties } from '../../src/session/message';
import { RecordKind, type SessionRecord } from '../../src/session/records';
import type { DecodedSession, SequencedRecord } from './decoder';
import type { Properties, StoredMessage } from './mcps-decoder';
import type { RealSession } from './real-session';
import type { Failure as DecodedFailure } from './record-decoder';
import { queuedMessages } from './scenario';

/** The decoder's view of what the package put into a record. */
export function asDecoded(sequence: number, record: SessionRecord): unknown {
  const name = Object.entries(RecordKind).find(([, kind]) => kind === record.kind)?.[0];
  if (record.kind === RecordKind.Enqueued) {
    const { message, enqueuedAt, origin, source } = record;
    const queued = { ...message, sequence, enqueuedAt, ...(origin && { origin }) };
    return { sequence, name, message: decodedMessage(queued), ...(source && { source }) };
  }
  const { kind: _kind, ...fields } = record;
  if (record.kind === RecordKind.GivenUp) {
    const { sequence: ofMessage, reserve } = record;
    return { sequence, name, ofMessage, reserve, ...decodedFailure(record) };
  }
  return { sequence, name, ...fields };
}

const REASONS: FailureReason[] = [
  'refused',
  'expired',
  'packet-too-large',
  'retain-unavailable',
  'session-lost',
  'poisoned',
];

function decodedFailure({ reason, reasonCode = 0, reasonString = '', failedAt }: Failure): DecodedFailure {
  return { reason: REASONS.indexOf(reason) + 1, reasonCode, reasonString, failedAt };
}

export function withoutSize({ bodyBytes: _bodyBytes, ...record }: SequencedRecord): unknown {
  return record;
}

function decodedMessage<T extends Message>({
  properties,
  ...message
}: T): Omit<T, 'properties'> & { properties?: Properties } {
  return { ...message, ...(properties === undefined ? {} : { properties: decodedProperties(properties) }) };
}

function decodedProperties({ userProperties, ...properties }: MessageProperties): Properties {
  if (userProperties === undefined) return properties;
  const pairs = Object.entries(userProperties).flatMap(([name, value]) =>
    [value].flat().map((text): [string, string] => [name, text]),
  );
  return { ...properties, userProperties: pairs };
}

/** What was decoded is the session as it is in memory, and its messages are those that were queued. */
export function assertSame(decoded: DecodedSession, session: RealSession, ...before: RealSession[]): void {
  const state = session.session.snapshot(false);
  const queued = queuedMessages(...before, session);
  const phases = new Map(state.open.map((open) => [open.sequence, open]));
  const expected = [...queued.values()].filter(({ sequence }) => phases.has(sequence) || sequence > state.queueAfter);
  assert.deepEqual(decoded.lost, []);
  assert.deepEqual(
    decoded.messages.map(({ fate: _fate, packetId: _packetId, ...message }): StoredMessage => message),
    expected.map((message) => decodedMessage(message)),
  );
  const mark = Math.min(state.mark, state.sequence);
  const givenUp = new Map(state.givenUp.map(({ sequence, ...failure }) => [sequence, decodedFailure(failure)]));
  assert.deepEqual(decoded.givenUp, givenUp);
  assert.deepEqual(decoded.reserved, new Set(state.reserved));
  const fateOf = (sequence: number, qos: number) => {
    if (givenUp.has(sequence)) return 'given up';
    if (phases.get(sequence)?.phase === 'released') return 'released';
    return qos > 0 && sequence <= mark ? 'perhaps sent' : 'new';
  };
  assert.deepEqual(
    decoded.messages.map(({ sequence, fate, packetId }) => ({ sequence, fate, packetId })),
    expected.map(({ sequence, qos }) => ({
      sequence,
      fate: fateOf(sequence, qos),
      packetId: phases.get(sequence)?.packetId ?? sequence,
    })),
  );
  assert.deepEqual(
    decoded.releaseOrder,
    state.open
      .filter(({ phase }) => phase === 'released')
      .sort((one, other) => one.releaseOrder - other.releaseOrder)
      .map(({ sequence }) => sequence),
  );
  const { lastSequence, paused, broker, adoptedUntil, stored } = decoded;
  assert.deepEqual(
    { lastSequence, mark: decoded.mark, paused, broker, adoptedUntil, stored },
    {
      lastSequence: state.sequence,
      mark,
      paused: state.paused,
      broker: state.broker,
      adoptedUntil: state.adoptedUntil,
      stored: state.stored,
    },
  );
  const transfers = state.transfers.map(({ source, enqueued }) => [source, enqueued] as const);
  assert.deepEqual(
    new Map([...decoded.transfers].map(([source, sequences]) => [source, ranges(sequences)])),
    new Map(transfers),
  );
  const byFilter = (one: { filter: string }, other: { filter: string }) => one.filter.localeCompare(other.filter);
  assert.deepEqual([...decoded.subscriptions].sort(byFilter), [...state.subscriptions].sort(byFilter));
  assert.deepEqual(new Set(decoded.received), new Set(state.received));
}

function ranges(sequences: Set<number>): { first: number; last: number }[] {
  const found: { first: number; last: number }[] = [];
  for (const sequence of [...sequences].sort((one, other) => one - other)) {
    const last = found.at(-1);
    if (last !== undefined && last.last === sequence - 1) last.last = sequence;
    else found.push({ first: sequence, last: sequence });
  }
  return found;
}
