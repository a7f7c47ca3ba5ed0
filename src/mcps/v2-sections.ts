/**
 * What is inside each section of a snapshot. A section is read completely or it is an error: bytes are never ignored
 * inside a known section, and new content gets a new section, so that older readers know what they do not know.
 */
import type { FailureReason } from '../session/failure';
import type {
  GivenUpState,
  OpenMessageState,
  SessionState,
  Subscription,
  SubscriptionState,
  TransferState,
} from '../session/state';
import { ByteReader } from './byte-reader';
import { ByteWriter } from './byte-writer';
import { McpsError } from './mcps-error';
import { readMessage, readText, writeMessage } from './v2-message';

/** Where the journal of a session stands. `uid` has 16 bytes. */
export interface SnapshotJournal {
  uid: Buffer;
  epoch: number;
  /** `length`: valid bytes of a sealed segment, 0 for the one that is open. */
  segments: { number: number; firstSequence: number; length: number }[];
}

/**
 * What there was of dead letters, so that it is noticed when their file, or its end, is gone. `nextId`: no id at or above
 * it had been given; `count`: how many there were.
 */
export interface SnapshotDeadLetters {
  nextId: number;
  count: number;
}

/** Sections with this bit must be known to the reader; others may be skipped. */
export const REQUIRED_BIT = 0x8000;

export const SectionId = {
  Counters: 0x8001,
  Subscriptions: 0x8002,
  Received: 0x8003,
  Journal: 0x8004,
  Open: 0x8005,
  Paused: 0x8006,
  Broker: 0x8007,
  Window: 0x0008,
  Transfers: 0x0009,
  GivenUp: 0x000a,
  Reserved: 0x000b,
  DeadLetters: 0x000c,
  End: 0xffff,
} as const;

const UID_BYTES = 16;
const SUBSCRIPTION_BYTES_MIN = 20;
const SEGMENT_BYTES = 20;
const OPEN_BYTES_MIN = 32;
const TRANSFER_BYTES_MIN = 8;
const RANGE_BYTES = 16;
const GIVEN_UP_BYTES_MIN = 22;
// Stored as their number; a number is never given to another name.
const PHASES: Record<OpenMessageState['phase'], number> = { published: 0, released: 1, requeued: 2 };
const REASONS: Record<FailureReason, number> = {
  refused: 1,
  expired: 2,
  'packet-too-large': 3,
  'retain-unavailable': 4,
  'session-lost': 5,
  poisoned: 6,
};
const SUBSCRIPTION_STATES: Record<SubscriptionState, number> = {
  requested: 0,
  active: 1,
  inactive: 2,
  deactivating: 3,
  removing: 4,
};

type Counters = Pick<SessionState, 'sequence' | 'mark' | 'queueAfter' | 'stored' | 'oldestEnqueuedAt' | 'adoptedUntil'>;

interface SectionFormat<T> {
  write(writer: ByteWriter, value: T): void;
  read(reader: ByteReader): T;
}

export const counters: SectionFormat<Counters> = {
  write(writer, state) {
    writer.u64(state.sequence, 'sequence');
    writer.u64(state.mark, 'mark');
    writer.u64(state.queueAfter, 'queue start');
    writer.u64(state.adoptedUntil, 'adopted until');
    writer.u64(state.stored.count, 'stored messages');
    writer.u64(state.stored.bytes, 'stored bytes');
    writer.f64(state.oldestEnqueuedAt, 'oldest enqueue time');
  },
  read(reader) {
    return {
      sequence: reader.u64('sequence'),
      mark: reader.u64('mark'),
      queueAfter: reader.u64('queue start'),
      adoptedUntil: reader.u64('adopted until'),
      stored: { count: reader.u64('stored messages'), bytes: reader.u64('stored bytes') },
      oldestEnqueuedAt: reader.f64('oldest enqueue time'),
    };
  },
};

export const subscriptions: SectionFormat<Subscription[]> = {
  write(writer, list) {
    writer.u32(list.length, 'subscription count');
    for (const subscription of list) {
      writer.text32(subscription.filter, 'topic filter');
      writer.u8(subscription.qos, 'subscription QoS');
      writer.flag(subscription.noLocal);
      writer.flag(subscription.retainAsPublished);
      writer.u8(subscription.retainHandling, 'retain handling');
      writer.u32(subscription.identifier, 'subscription identifier');
      writer.u8(SUBSCRIPTION_STATES[subscription.state], 'subscription state');
      writer.flag(subscription.refusedWith !== undefined);
      writer.u16(subscription.refusedWith ?? 0, 'reason code');
      writer.text32(subscription.users ?? '', 'subscription users');
    }
  },
  read(reader) {
    const list: Subscription[] = [];
    const count = reader.count(reader.u32('subscription count'), SUBSCRIPTION_BYTES_MIN, 'subscription count');
    for (let i = 0; i < count; i++) {
      const subscription: Subscription = {
        filter: readText(reader, 'topic filter'),
        qos: reader.oneOf([0, 1, 2], 'subscription QoS'),
        noLocal: reader.flag('no local'),
        retainAsPublished: reader.flag('retain as published'),
        retainHandling: reader.oneOf([0, 1, 2], 'retain handling'),
        identifier: reader.u32('subscription identifier'),
        state: readName(reader, SUBSCRIPTION_STATES, 'subscription state'),
      };
      const refused = reader.flag('refused flag');
      const reasonCode = reader.u16('reason code');
      if (refused) subscription.refusedWith = reasonCode;
      const users = readText(reader, 'subscription users');
      if (users !== '') subscription.users = users;
      list.push(subscription);
    }
    return list;
  },
};

export const received: SectionFormat<number[]> = {
  write(writer, identifiers) {
    writer.u32(identifiers.length, 'received count');
    for (const identifier of identifiers) writer.u16(identifier, 'received identifier');
  },
  read(reader) {
    const count = reader.count(reader.u32('received count'), 2, 'received count');
    const identifiers: number[] = [];
    for (let i = 0; i < count; i++) identifiers.push(reader.u16('received identifier'));
    return identifiers;
  },
};

export const journal: SectionFormat<SnapshotJournal> = {
  write(writer, position) {
    if (position.uid.length !== UID_BYTES) {
      throw new McpsError('ERR_MCPS_VALUE', `session uid must have ${UID_BYTES} bytes, not ${position.uid.length}`);
    }
    writer.raw(position.uid);
    writer.u64(position.epoch, 'epoch');
    writer.u32(position.segments.length, 'segment count');
    for (const segment of position.segments) {
      writer.u32(segment.number, 'segment number');
      writer.u64(segment.firstSequence, 'first sequence of a segment');
      writer.u64(segment.length, 'length of a segment');
    }
  },
  read(reader) {
    const uid = reader.copy(UID_BYTES, 'session uid');
    const epoch = reader.u64('epoch');
    const count = reader.count(reader.u32('segment count'), SEGMENT_BYTES, 'segment count');
    const segments: SnapshotJournal['segments'] = [];
    for (let i = 0; i < count; i++) {
      segments.push({
        number: reader.u32('segment number'),
        firstSequence: reader.u64('first sequence of a segment'),
        length: reader.u64('length of a segment'),
      });
    }
    return { uid, epoch, segments };
  },
};

export const deadLetters: SectionFormat<SnapshotDeadLetters> = {
  write(writer, { nextId, count }) {
    writer.u64(nextId, 'next id of dead letters');
    writer.u32(count, 'count of dead letters');
  },
  read(reader) {
    return { nextId: reader.u64('next id of dead letters'), count: reader.u32('count of dead letters') };
  },
};

export const open: SectionFormat<OpenMessageState[]> = {
  write(writer, list) {
    writer.u32(list.length, 'open message count');
    for (const entry of list) {
      writer.u64(entry.sequence, 'open message sequence');
      writer.u16(entry.packetId, 'packet identifier');
      writer.u8(PHASES[entry.phase], 'phase');
      writer.u64(entry.releaseOrder, 'release order');
      writer.f64(entry.sentAt, 'send time');
      writer.u32(entry.retries, 'retries');
      writer.flag(entry.message !== undefined);
      if (entry.message) writeMessage(writer, entry.message);
    }
  },
  read(reader) {
    const count = reader.count(reader.u32('open message count'), OPEN_BYTES_MIN, 'open message count');
    const list: OpenMessageState[] = [];
    for (let i = 0; i < count; i++) {
      const entry: OpenMessageState = {
        sequence: reader.u64('open message sequence'),
        packetId: reader.u16('packet identifier'),
        phase: readName(reader, PHASES, 'phase'),
        releaseOrder: reader.u64('release order'),
        sentAt: reader.f64('send time'),
        retries: reader.u32('retries'),
      };
      if (reader.flag('message flag')) entry.message = readMessage(reader);
      list.push(entry);
    }
    return list;
  },
};

export const paused: SectionFormat<boolean> = {
  write: (writer, value) => writer.flag(value),
  read: (reader) => reader.flag('paused'),
};

export const broker: SectionFormat<string> = {
  write: (writer, value) => writer.text32(value, 'broker'),
  read: (reader) => readText(reader, 'broker'),
};

export const window: SectionFormat<SessionState['window']> = {
  write(writer, value) {
    writer.u32(value.size, 'window');
    writer.u32(value.ceiling, 'window ceiling');
  },
  read: (reader) => ({ size: reader.u32('window'), ceiling: reader.u32('window ceiling') }),
};

export const transfers: SectionFormat<TransferState[]> = {
  write(writer, list) {
    writer.u32(list.length, 'transfer count');
    for (const { source, enqueued } of list) {
      writer.text32(source, 'transfer source');
      writer.u32(enqueued.length, 'range count');
      for (const { first, last } of enqueued) {
        writer.u64(first, 'first of a range');
        writer.u64(last, 'last of a range');
      }
    }
  },
  read(reader) {
    const list: TransferState[] = [];
    const count = reader.count(reader.u32('transfer count'), TRANSFER_BYTES_MIN, 'transfer count');
    for (let i = 0; i < count; i++) {
      const transfer: TransferState = { source: readText(reader, 'transfer source'), enqueued: [] };
      const ranges = reader.count(reader.u32('range count'), RANGE_BYTES, 'range count');
      for (let r = 0; r < ranges; r++) {
        transfer.enqueued.push({ first: reader.u64('first of a range'), last: reader.u64('last of a range') });
      }
      list.push(transfer);
    }
    return list;
  },
};

export const givenUp: SectionFormat<GivenUpState[]> = {
  write(writer, list) {
    writer.u32(list.length, 'count of messages given up');
    for (const { sequence, reason, reasonCode = 0, reasonString = '', failedAt } of list) {
      writer.u64(sequence, 'sequence of a message given up');
      writer.u8(REASONS[reason], 'reason');
      writer.u8(reasonCode, 'reason code');
      writer.f64(failedAt, 'time of giving up');
      writer.text32(reasonString, 'reason string');
    }
  },
  read(reader) {
    const list: GivenUpState[] = [];
    const count = reader.count(reader.u32('count of messages given up'), GIVEN_UP_BYTES_MIN, 'messages given up');
    for (let i = 0; i < count; i++) {
      const sequence = reader.u64('sequence of a message given up');
      const reason = readName(reader, REASONS, 'reason');
      const reasonCode = reader.u8('reason code');
      const failedAt = reader.f64('time of giving up');
      const reasonString = readText(reader, 'reason string');
      list.push({
        sequence,
        reason,
        ...(reasonCode === 0 ? {} : { reasonCode }),
        ...(reasonString === '' ? {} : { reasonString }),
        failedAt,
      });
    }
    return list;
  },
};

/** The bytes of a section. */
export function encodeSection<T>(format: SectionFormat<T>, value: T): Buffer {
  const writer = new ByteWriter();
  format.write(writer, value);
  return writer.finish();
}

/** The content of a section whose checksum held. @throws McpsError when the bytes are not such a section. */
export function decodeSection<T>(format: SectionFormat<T>, bytes: Buffer, what: string): T {
  const reader = new ByteReader(bytes);
  const value = format.read(reader);
  reader.finish(what);
  return value;
}

function readName<T extends string>(reader: ByteReader, numbers: Record<T, number>, what: string): T {
  const offset = reader.offset;
  const number = reader.u8(what);
  for (const name in numbers) if (numbers[name] === number) return name;
  throw new McpsError('ERR_MCPS_VALUE', `${what} at offset ${offset} cannot be ${number}`, { offset });
}
