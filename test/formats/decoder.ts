/**
 * Reads a session directory by docs/formats.md and nothing else: no code is shared with the package, so that what that
 * page leaves out, or has wrong, shows.
 */
import * as crypto from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { decodeJournal } from './journal-decoder';
import {
  decodeSnapshot,
  NewerVersion,
  type Snapshot,
  type StoredMessage,
  type StoredSubscription,
} from './mcps-decoder';
import { type DecodedRecord, decodeRecord, type Failure } from './record-decoder';

export type SequencedRecord = { sequence: number; bodyBytes: number } & DecodedRecord;

export interface DecodedMessage extends StoredMessage {
  fate: 'given up' | 'released' | 'perhaps sent' | 'new';
  packetId: number;
}

export interface DecodedSession {
  snapshot: Snapshot | undefined;
  /** All that are in the journal and count. */
  records: SequencedRecord[];
  lost: number[];
  lastSequence: number;
  /** By sequence. */
  messages: DecodedMessage[];
  /** Sequences, in the order in which PUBREL is sent again. */
  releaseOrder: number[];
  subscriptions: StoredSubscription[];
  received: number[];
  paused: boolean;
  broker: string;
  mark: number;
  adoptedUntil: number;
  window: { size: number; ceiling: number };
  stored: { count: number; bytes: number };
  /** Of transfers that have not ended: which sequences of each source were enqueued. */
  transfers: Map<string, Set<number>>;
  /** By the sequence of the message. */
  givenUp: Map<number, Failure>;
  reserved: Set<number>;
}

/** Section 2: the name of the directory that belongs to a client id. */
export function directoryName(clientId: string): string {
  const readable = clientId.slice(0, 40).replace(/[^A-Za-z0-9_-]/g, '_') || '_';
  return `${readable}~${crypto.createHash('sha256').update(clientId, 'utf8').digest('hex').slice(0, 32)}`;
}

/** @throws NewerVersion when a newer version wrote it. */
export function decodeSession(directory: string): DecodedSession {
  const snapshot = newestSnapshot(directory);
  const journal = decodeJournal(directory, snapshot);
  const records: SequencedRecord[] = [];
  const lost = [...journal.lost];
  for (const { sequence, kind, body } of journal.records) {
    try {
      records.push({ sequence, bodyBytes: body.length, ...decodeRecord(kind, sequence, body) });
    } catch {
      lost.push(sequence);
    }
  }
  const lastSequence = Math.max(snapshot?.sequence ?? 0, journal.records.at(-1)?.sequence ?? 0);
  return { snapshot, records, lost, lastSequence, ...replay(snapshot, records, lastSequence) };
}

function newestSnapshot(directory: string): Snapshot | undefined {
  const epochs = fs.readdirSync(directory).flatMap((name) => /^session\.(\d{1,15})\.mcps$/.exec(name)?.[1] ?? []);
  for (const epoch of epochs.sort((one, other) => Number(other) - Number(one))) {
    try {
      const snapshot = decodeSnapshot(fs.readFileSync(path.join(directory, `session.${epoch}.mcps`)));
      if (directoryName(snapshot.header.clientId) === path.basename(directory)) return snapshot;
    } catch (error) {
      if (error instanceof NewerVersion) throw error;
    }
  }
  return undefined;
}

/** Section 8. */
function replay(snapshot: Snapshot | undefined, records: SequencedRecord[], lastSequence: number) {
  const queueStart = snapshot?.queueStart ?? 0;
  const open = new Map(snapshot?.open.map((one) => [one.sequence, { ...one }]));
  const subscriptions = new Map(snapshot?.subscriptions.map((one) => [one.filter, one]));
  const received = new Set(snapshot?.received);
  const state = {
    mark: snapshot?.mark ?? 0,
    adoptedUntil: snapshot?.adoptedUntil ?? 0,
    paused: snapshot?.paused ?? false,
    broker: snapshot?.broker ?? '',
    window: snapshot?.window ?? { size: 0, ceiling: 0 },
    stored: { ...(snapshot?.stored ?? { count: 0, bytes: 0 }) },
    transfers: new Map(snapshot?.transfers.map(({ source, enqueued }) => [source, expanded(enqueued)])),
    givenUp: new Map(snapshot?.givenUp.map(({ sequence, ...failure }): [number, Failure] => [sequence, failure])),
    reserved: new Set(snapshot?.reserved),
  };
  const completed: { first: number; last: number }[] = [];
  let released = [...open.values()]
    .filter(({ phase }) => phase === 1)
    .sort((one, other) => one.releaseOrder - other.releaseOrder)
    .map(({ sequence }) => ({ first: sequence, last: sequence }));

  for (const record of records) {
    if (record.sequence <= (snapshot?.sequence ?? 0)) continue;
    switch (record.name) {
      case 'Enqueued':
        state.stored.count++;
        state.stored.bytes += record.bodyBytes;
        if (record.source === undefined) break;
        state.stored.bytes -= 7 + Buffer.byteLength(record.source.id);
        state.transfers.set(
          record.source.id,
          (state.transfers.get(record.source.id) ?? new Set()).add(record.source.sequence),
        );
        break;
      case 'GivenUp': {
        const { ofMessage, reason, reasonCode, failedAt, reasonString, reserve } = record;
        state.givenUp.set(ofMessage, { reason, reasonCode, failedAt, reasonString });
        if (reserve > 0) state.reserved.add(reserve);
        break;
      }
      case 'Failed':
        break;
      case 'TransferEnded':
        state.transfers.delete(record.source);
        break;
      case 'Mark':
        state.mark = record.upTo;
        break;
      case 'Released':
        released.push(record);
        break;
      case 'Completed':
        completed.push({ first: record.first, last: Math.min(record.last, record.sequence - 1) });
        state.stored.count -= record.count;
        state.stored.bytes -= record.bytes;
        break;
      case 'Received':
        for (const identifier of record.identifiers) received.add(identifier);
        break;
      case 'ReceivedRemoved':
        for (const identifier of record.identifiers) received.delete(identifier);
        break;
      case 'SessionLost':
        state.mark = 0;
        state.adoptedUntil = 0;
        state.reserved.clear();
        released = [];
        received.clear();
        for (const one of open.values()) one.packetId = identifierOf(one.sequence);
        for (const [filter, one] of subscriptions) {
          if (one.state === 'active') subscriptions.set(filter, { ...one, state: 'requested' });
        }
        break;
      case 'Subscribed':
        subscriptions.set(record.subscription.filter, record.subscription);
        break;
      case 'Unsubscribed':
        subscriptions.delete(record.filter);
        break;
      case 'Paused':
        state.paused = record.paused;
        break;
      case 'Broker':
        if (record.address !== state.broker) state.window = { size: 0, ceiling: 0 };
        state.broker = record.address;
        break;
      case 'Adopted':
        state.adoptedUntil = record.until;
        break;
    }
  }
  const mark = Math.min(state.mark, lastSequence);

  const candidates = new Map<number, StoredMessage>();
  for (const one of open.values()) if (one.message) candidates.set(one.sequence, one.message);
  for (const record of records) {
    if (record.name !== 'Enqueued' || candidates.has(record.sequence)) continue;
    if (record.sequence > queueStart || open.has(record.sequence)) candidates.set(record.sequence, record.message);
  }
  const within = (ranges: { first: number; last: number }[], sequence: number): boolean =>
    ranges.some(({ first, last }) => first <= sequence && sequence <= last);
  const messages = [...candidates.values()]
    .filter(({ sequence }) => !within(completed, sequence))
    .sort((one, other) => one.sequence - other.sequence)
    .map((message): DecodedMessage => {
      const { sequence, qos } = message;
      const sent = qos > 0 && sequence <= mark ? 'perhaps sent' : 'new';
      const packetId = open.get(sequence)?.packetId ?? identifierOf(sequence);
      if (state.givenUp.has(sequence)) return { ...message, packetId, fate: 'given up' };
      return { ...message, packetId, fate: within(released, sequence) ? 'released' : sent };
    });
  for (const sequence of state.givenUp.keys()) {
    if (!messages.some((message) => message.sequence === sequence)) state.givenUp.delete(sequence);
  }
  const releaseOrder = new Set(
    released.flatMap((range) => messages.map(({ sequence }) => sequence).filter((one) => within([range], one))),
  );
  return {
    ...state,
    mark,
    messages,
    releaseOrder: [...releaseOrder],
    subscriptions: [...subscriptions.values()],
    received: [...received],
  };
}

function expanded(ranges: { first: number; last: number }[]): Set<number> {
  const sequences = new Set<number>();
  for (const { first, last } of ranges) for (let one = first; one <= last; one++) sequences.add(one);
  return sequences;
}

function identifierOf(sequence: number): number {
  return ((sequence - 1) % 65_471) + 1;
}
