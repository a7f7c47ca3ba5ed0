import type { Failure } from './failure';
import type { QueuedMessage } from './message';
import type { OutboundMessage } from './outbound-message';
import { LOAD_BYTES } from './outbound-queue';
import { identifierOf } from './packet-identifiers';
import { queuedMessage } from './queued-message';
import { messageSize } from './record-codec';
import { type CompletedRecord, type EnqueuedRecord, RecordKind, type SessionRecord } from './records';
import type { OpenMessageState, SessionState, Subscription } from './state';
import { Transfers } from './transfers';

/** The outbound part of a recovered session. */
export interface RecoveredOutbound {
  queueAfter: number;
  /** Sequence of the newest message ever stored, as far as known. */
  lastMessage: number;
  ready: { message: QueuedMessage; size: number; keep: boolean }[];
  mark: number;
  window: { size: number; ceiling: number };
  stored: { count: number; bytes: number };
  adoptedUntil: number;
  paused: boolean;
  /** Given up, and not dead letters yet. */
  failed: { outbound: OutboundMessage; failure: Failure }[];
  /** Identifiers of messages given up that the broker may hold. */
  reserved: number[];
  /** PUBREC was recorded: PUBREL is sent again, in this order. */
  released: OutboundMessage[];
  /** To be sent before the queue: perhaps sent already (`sent`), or new after the broker lost its session. */
  front: OutboundMessage[];
}

interface Range {
  first: number;
  last: number;
}

/** A stored record as recovery reads it. */
interface SequencedRecord {
  sequence: number;
  record: SessionRecord;
}

/**
 * From a snapshot and the records above it back to the session as it was.
 *
 * What happened to a message follows from its sequence alone: removed by a Completed range -> gone; in a Released range
 * -> PUBREL again; at or below the mark -> perhaps sent, PUBLISH again with DUP; above -> queued. Records say nothing of
 * payloads, so the messages that must be in memory before the first connection (all but the queue) are read back:
 * `nextRead` names them until there are none left.
 */
export class Recovery {
  /** The last sequence of the recovered session. */
  sequence: number;
  readonly received: Set<number>;
  readonly subscriptions: Map<string, Subscription>;
  readonly transfers: Transfers;
  broker: string;
  #paused: boolean;
  #mark: number;
  #adoptedUntil: number;
  #stored: { count: number; bytes: number };
  /** The messages counted here and not in the snapshot: what each takes, by sequence. */
  readonly #counted = new Map<number, number>();
  readonly #snapshotSequence: number;
  #lastMessage: number;
  readonly #queueAfter: number;
  /**
   * Every message up to here had left the queue: what of them is still stored belongs into memory, whatever became of
   * the mark since. So nothing behind it is completed, and a snapshot needs no list of what is.
   */
  #takenUpTo: number;
  readonly #window: { size: number; ceiling: number };
  #completed: Range[] = [];
  /** By sequence, in the order in which they were given up. */
  readonly #givenUp = new Map<number, Failure>();
  readonly #reserved: Set<number>;
  #released: Range[] = [];
  #releasedInSnapshot: number[];
  /** Open in the snapshot; `undefined` until its message is read. */
  readonly #open = new Map<number, OpenMessageState>();
  readonly #messages = new Map<number, QueuedMessage>();
  readonly #ready: { message: QueuedMessage; size: number; keep: boolean }[] = [];
  #wanted: number[] = [];
  #wantedAt = 0;
  #readUpTo: number;

  constructor(state: SessionState, records: readonly SequencedRecord[]) {
    this.sequence = state.sequence;
    this.received = new Set(state.received);
    this.subscriptions = new Map(state.subscriptions.map((subscription) => [subscription.filter, subscription]));
    this.transfers = new Transfers(state.transfers);
    this.broker = state.broker;
    this.#paused = state.paused;
    this.#mark = state.mark;
    this.#adoptedUntil = state.adoptedUntil;
    this.#stored = { ...state.stored };
    this.#snapshotSequence = state.sequence;
    this.#queueAfter = state.queueAfter;
    this.#takenUpTo = Math.max(state.queueAfter, state.mark);
    this.#readUpTo = state.queueAfter;
    this.#lastMessage = Math.max(state.sequence, state.queueAfter);
    this.#window = { ...state.window };
    for (const open of state.open) this.#open.set(open.sequence, open);
    for (const { sequence, ...failure } of state.givenUp) this.#givenUp.set(sequence, failure);
    this.#reserved = new Set(state.reserved);
    const released = state.open.filter((open) => open.phase === 'released');
    released.sort((one, other) => one.releaseOrder - other.releaseOrder);
    this.#releasedInSnapshot = released.map((open) => open.sequence);
    for (const { sequence, record } of records) this.#replay(sequence, record);
    this.#mark = Math.min(this.#mark, this.sequence);
    this.#takenUpTo = Math.min(this.#takenUpTo, this.sequence);
    this.#planReads();
  }

  /** Where to read next and how much; `undefined` when everything needed is there. */
  nextRead(): { after: number; maxBytes: number } | undefined {
    while (this.#wantedAt < this.#wanted.length && this.#messages.has(this.#wanted[this.#wantedAt] as number)) {
      this.#wantedAt += 1;
    }
    const wanted = this.#wanted[this.#wantedAt];
    if (wanted !== undefined) return { after: wanted - 1, maxBytes: LOAD_BYTES };
    // What a purge removed may be as long as the queue was.
    this.#readUpTo = endOfRun(this.#completed, this.#readUpTo);
    if (this.#readUpTo < this.#takenUpTo) return { after: this.#readUpTo, maxBytes: LOAD_BYTES };
    return undefined;
  }

  /** Takes what the read that `nextRead` named has brought; empty: there is nothing. */
  readDone(records: readonly SequencedRecord[]): void {
    const wanted = this.#wanted[this.#wantedAt];
    for (const { sequence, record } of records) {
      if (record.kind === RecordKind.Enqueued) this.#take(sequence, record);
    }
    if (wanted === undefined) {
      // Nothing found: the rest up to there is not stored.
      this.#readUpTo = records.at(-1)?.sequence ?? this.#takenUpTo;
    } else if (!this.#messages.has(wanted)) {
      this.#wantedAt += 1; // The journal could not prove it; it has reported the damage.
    }
  }

  /** The messages among records of the queue that are read later; `keep` is false for what is no longer stored. */
  queued(records: readonly SequencedRecord[]): { message: QueuedMessage; size: number; keep: boolean }[] {
    return records.flatMap(({ sequence, record }) => {
      if (record.kind !== RecordKind.Enqueued) return [];
      const size = messageSize(record.message, record.origin);
      return [{ message: queuedMessage(sequence, record), size, keep: this.isStored(sequence) }];
    });
  }

  /** Whether a queued message read later is still stored. */
  isStored(sequence: number): boolean {
    return rangeOf(this.#completed, sequence) === undefined;
  }

  /** Once `nextRead` has nothing more. */
  outbound(): RecoveredOutbound {
    const failed = [...this.#givenUp].flatMap(([sequence, failure]) =>
      this.#outboundMessage(sequence, 'waiting').map((outbound) => ({ outbound, failure })),
    );
    const released = this.#releaseOrder().flatMap((sequence) => this.#outboundMessage(sequence, 'released'));
    released.forEach((outbound, index) => {
      outbound.releaseOrder = index + 1;
    });
    const done = new Set([...this.#givenUp.keys(), ...released.map((outbound) => outbound.message.sequence)]);
    const front = [...this.#messages.keys()]
      .filter((sequence) => !done.has(sequence))
      .sort((one, other) => one - other)
      .flatMap((sequence) => this.#outboundMessage(sequence, 'waiting'));
    return {
      queueAfter: this.#takenUpTo,
      lastMessage: this.#lastMessage,
      ready: this.#ready,
      mark: this.#mark,
      window: this.#window,
      stored: { count: Math.max(0, this.#stored.count), bytes: Math.max(0, this.#stored.bytes) },
      adoptedUntil: this.#adoptedUntil,
      paused: this.#paused,
      failed,
      reserved: [...this.#reserved],
      released,
      front,
    };
  }

  #replay(sequence: number, record: SessionRecord): void {
    this.sequence = sequence;
    switch (record.kind) {
      case RecordKind.Enqueued:
        this.#count(sequence, messageSize(record.message, record.origin));
        this.#lastMessage = sequence;
        if (record.source !== undefined) this.transfers.add(record.source, 0);
        break;
      case RecordKind.Mark:
        this.#mark = record.upTo;
        this.#takenUpTo = Math.max(this.#takenUpTo, record.upTo);
        break;
      case RecordKind.Released:
        this.#released.push({ first: record.first, last: record.last });
        break;
      case RecordKind.Completed:
        // Only what was stored before it: sequences of records that a failing disk did not keep are given out again.
        this.#completed.push({ first: record.first, last: Math.min(record.last, sequence - 1) });
        this.#takenUpTo = Math.max(this.#takenUpTo, Math.min(record.last, sequence - 1));
        this.#uncount(record);
        break;
      case RecordKind.Received:
        for (const identifier of record.identifiers) this.received.add(identifier);
        break;
      case RecordKind.ReceivedRemoved:
        for (const identifier of record.identifiers) this.received.delete(identifier);
        break;
      case RecordKind.SessionLost:
        this.#mark = 0;
        this.#adoptedUntil = 0;
        this.#reserved.clear();
        this.#released = [];
        this.#releasedInSnapshot = [];
        this.received.clear();
        for (const open of this.#open.values()) open.packetId = identifierOf(open.sequence);
        for (const [filter, subscription] of this.subscriptions) {
          if (subscription.state === 'active') this.subscriptions.set(filter, { ...subscription, state: 'requested' });
        }
        break;
      case RecordKind.Subscribed:
        this.subscriptions.set(record.subscription.filter, record.subscription);
        break;
      case RecordKind.Unsubscribed:
        this.subscriptions.delete(record.filter);
        break;
      case RecordKind.Paused:
        this.#paused = record.paused;
        break;
      case RecordKind.Broker:
        if (record.address !== this.broker) this.#window.size = this.#window.ceiling = 0;
        this.broker = record.address;
        break;
      case RecordKind.Adopted:
        this.#adoptedUntil = record.until;
        break;
      case RecordKind.TransferEnded:
        this.transfers.end(record.source);
        break;
      case RecordKind.GivenUp: {
        const { kind: _kind, sequence: givenUp, reserve, ...failure } = record;
        this.#givenUp.set(givenUp, failure);
        this.#takenUpTo = Math.max(this.#takenUpTo, givenUp);
        if (reserve > 0) this.#reserved.add(reserve);
        break;
      }
      case RecordKind.Failed:
        break; // Never in a journal.
    }
  }

  #count(sequence: number, size: number): void {
    this.#stored.count += 1;
    this.#stored.bytes += size;
    this.#counted.set(sequence, size);
  }

  /**
   * Of messages behind the snapshot what was counted here: damage may have taken their records and left that of their
   * end. Of those that the snapshot counts what the record says.
   */
  #uncount({ first, last, count, bytes }: CompletedRecord): void {
    const behind = { count: 0, bytes: 0 };
    for (let sequence = Math.max(first, this.#snapshotSequence + 1); sequence <= last; sequence++) {
      const size = this.#counted.get(sequence);
      if (size === undefined) continue;
      this.#counted.delete(sequence);
      behind.count += 1;
      behind.bytes += size;
    }
    const isAllBehind = first > this.#snapshotSequence;
    this.#stored.count -= isAllBehind ? behind.count : Math.max(count, behind.count);
    this.#stored.bytes -= isAllBehind ? behind.bytes : Math.max(bytes, behind.bytes);
  }

  #planReads(): void {
    this.#completed = merged(this.#completed);
    for (const [sequence, open] of this.#open) {
      if (!this.isStored(sequence)) this.#open.delete(sequence);
      else if (open.message !== undefined) this.#messages.set(sequence, open.message);
      else this.#wanted.push(sequence);
    }
    this.#wanted.sort((one, other) => one - other);
  }

  #take(sequence: number, record: EnqueuedRecord): void {
    const queued = queuedMessage(sequence, record);
    if (sequence <= this.#queueAfter) {
      if (this.#open.has(sequence)) this.#messages.set(sequence, queued);
    } else if (sequence <= this.#takenUpTo) {
      if (this.isStored(sequence)) this.#messages.set(sequence, queued);
    } else if (sequence > this.#readUpTo && this.#wantedAt >= this.#wanted.length) {
      const size = messageSize(record.message, record.origin);
      this.#ready.push({ message: queued, size, keep: this.isStored(sequence) });
    }
  }

  /** PUBRELs go out in the order of the PUBRECs (MQTT-4.6.0-4 (3.1.1)). */
  #releaseOrder(): number[] {
    const order = new Set(this.#releasedInSnapshot);
    for (const range of this.#released) {
      const inRange = [...this.#messages.keys()].filter(
        (sequence) => range.first <= sequence && sequence <= range.last,
      );
      for (const sequence of inRange.sort((one, other) => one - other)) order.add(sequence);
    }
    return [...order].filter((sequence) => this.#messages.has(sequence) && !this.#givenUp.has(sequence));
  }

  #outboundMessage(sequence: number, phase: 'released' | 'waiting'): OutboundMessage[] {
    const message = this.#messages.get(sequence);
    if (message === undefined) return [];
    return [
      {
        message,
        size: messageSize(message, message.origin),
        qos: message.qos,
        packetId: this.#open.get(sequence)?.packetId ?? identifierOf(sequence),
        previous: 0,
        phase,
        sent: message.qos > 0 && (phase === 'released' || sequence <= this.#mark),
        barrier: 0,
        windowBytes: -1,
        releaseOrder: 0,
        sentAt: this.#open.get(sequence)?.sentAt ?? 0,
        retries: this.#open.get(sequence)?.retries ?? 0,
        cleared: false,
        removed: false,
        inSnapshot: this.#open.get(sequence)?.message !== undefined,
      },
    ];
  }
}

function merged(ranges: Range[]): Range[] {
  const result: Range[] = [];
  for (const range of [...ranges].sort((one, other) => one.first - other.first)) {
    const before = result.at(-1);
    if (before !== undefined && range.first <= before.last + 1) before.last = Math.max(before.last, range.last);
    else if (range.first <= range.last) result.push({ ...range });
  }
  return result;
}

/** Binary search in sorted, disjoint ranges. */
function rangeOf(ranges: readonly Range[], sequence: number): Range | undefined {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const range = ranges[middle] as Range;
    if (sequence < range.first) high = middle - 1;
    else if (sequence > range.last) low = middle + 1;
    else return range;
  }
  return undefined;
}

/** The last sequence of the range that begins right behind `sequence`; `sequence` itself when there is none. */
function endOfRun(ranges: readonly Range[], sequence: number): number {
  return rangeOf(ranges, sequence + 1)?.last ?? sequence;
}
