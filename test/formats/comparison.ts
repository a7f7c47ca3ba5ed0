import * as assert from 'node:assert/strict';
import type { Message, MessageProperties } from '../../src/session/message';
import { RecordKind, type SessionRecord } from '../../src/session/records';
import type { DecodedSession, SequencedRecord } from './decoder';
import type { Properties, StoredMessage } from './mcps-decoder';
import type { RealSession } from './real-session';
import { queuedMessages } from './scenario';

/** The decoder's view of what the package put into a record. */
export function asDecoded(sequence: number, record: SessionRecord): unknown {
  const name = Object.entries(RecordKind).find(([, kind]) => kind === record.kind)?.[0];
  if (record.kind === RecordKind.Enqueued) {
    const { message, enqueuedAt, origin } = record;
    return { sequence, name, message: decodedMessage({ ...message, sequence, enqueuedAt, ...(origin && { origin }) }) };
  }
  const { kind: _kind, ...fields } = record;
  return { sequence, name, ...fields };
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
  assert.deepEqual(
    decoded.messages.map(({ sequence, fate, packetId }) => ({ sequence, fate, packetId })),
    expected.map(({ sequence, qos }) => ({
      sequence,
      fate:
        phases.get(sequence)?.phase === 'released' ? 'released' : qos > 0 && sequence <= mark ? 'perhaps sent' : 'new',
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
  const byFilter = (one: { filter: string }, other: { filter: string }) => one.filter.localeCompare(other.filter);
  assert.deepEqual([...decoded.subscriptions].sort(byFilter), [...state.subscriptions].sort(byFilter));
  assert.deepEqual(new Set(decoded.received), new Set(state.received));
}
