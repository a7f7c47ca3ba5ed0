import type { RecoveredSession } from '../../src/client/ports';
import type { QoS } from '../../src/session/message';
import { identifierOf } from '../../src/session/packet-identifiers';
import { RecordKind, type SessionRecord } from '../../src/session/records';
import { messageNumber } from './message-number';

interface Stored {
  number: number;
  qos: QoS;
}

/**
 * What of the session is durable, by the records that the store said so of: kept beside the session, by the least that
 * the records mean, and over crashes. So it judges each packet by what must be durable before it leaves.
 */
export class Ledger {
  /** Records appended and not durable yet, by sequence. */
  readonly #pending = new Map<number, SessionRecord>();
  #uid = '';
  #durable = 0;
  /** Records that became durable together, at most. */
  largestCommit = 0;
  /** Message numbers by sequence, of all that the session ever had. */
  readonly #history = new Map<number, number>();
  /** What was durable may be gone. */
  #isDistrusted = false;
  /** Messages that are durably in the session, by sequence, and how often each number is. */
  readonly #stored = new Map<number, Stored>();
  readonly #sequences = new Map<number, Set<number>>();
  /** Numbers of all that was ever stored, of all that was given up, and of messages whose PUBREC is durable. */
  readonly #known = new Set<number>();
  readonly #givenUp = new Set<number>();
  readonly #released = new Set<number>();
  /** Messages whose end this process has been told, by sequence: a crash may take the record, the process must not. */
  readonly #settled = new Set<number>();
  /** Identifiers of inbound QoS 2 messages, and those that no new message gets. */
  readonly #received = new Set<number>();
  readonly #reserved = new Set<number>();

  constructor(private readonly violation: (text: string) => void) {}

  /** Id of the session that was opened last; empty: none was. */
  get uid(): string {
    return this.#uid;
  }

  /** Records that are not durable yet. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  // What the store says.

  /**
   * A session was opened. `isDamaged`: bits of it were flipped, so that it may have less than was durable.
   * @returns whether it is another one than before.
   */
  opened({ uid, state, records }: RecoveredSession<SessionRecord>, isDamaged: boolean): boolean {
    this.#settled.clear();
    const isOther = this.#uid !== uid;
    const last = records.at(-1)?.sequence ?? state.sequence;
    if (isOther) {
      this.#clear();
      this.#uid = uid;
      for (const { sequence, phase, message } of state.open) {
        if (message !== undefined) this.#store(sequence, { number: messageNumber(message.payload), qos: message.qos });
        if (phase === 'released') this.#released.add(sequence);
      }
      for (const identifier of state.received) this.#received.add(identifier);
    } else {
      if (last < this.#durable && !isDamaged)
        this.violation(`records up to ${this.#durable} were durable, ${last} are there`);
      // Written before the crash, and in the snapshot; nobody had been told.
      for (const [sequence, record] of this.#pending) {
        if (this.#durable < sequence && sequence <= state.sequence) this.#apply(sequence, record);
      }
    }
    const known = isOther ? 0 : Math.max(this.#durable, state.sequence);
    for (const { sequence, record } of records) if (sequence > known) this.#apply(sequence, record);
    this.#pending.clear();
    this.#durable = last;
    return isOther;
  }

  /** Flipped bits were reported, or nothing had to be synced: what was durable is not judged by any more. */
  distrust(): void {
    this.#isDistrusted = true;
  }

  /** @returns whether the record passes a reserved identifier over. */
  appended(sequence: number, record: SessionRecord): boolean {
    this.#pending.set(sequence, record);
    // From the decision on: a crash that takes the record brings the message back before all that came after it.
    if (record.kind === RecordKind.GivenUp) this.#isBeingGivenUp(record.sequence);
    return record.kind === RecordKind.Paused && this.#reserved.has(identifierOf(sequence));
  }

  /** Messages that this record ends although the broker took none of them: dropped, or given up and not kept. */
  *endedUnsent(record: SessionRecord): IterableIterator<number> {
    if (record.kind !== RecordKind.Completed || this.#isDistrusted) return;
    for (const sequence of this.#storedBetween(record.first, record.last)) {
      const { number, qos } = this.#stored.get(sequence) as Stored;
      if (qos > 0 && !this.#settled.has(sequence) && !this.#givenUp.has(number)) yield number;
    }
  }

  durable(upTo: number): void {
    this.largestCommit = Math.max(this.largestCommit, upTo - this.#durable);
    for (const [sequence, record] of this.#pending) {
      if (sequence > upTo) break;
      this.#apply(sequence, record);
      this.#pending.delete(sequence);
    }
    this.#durable = Math.max(this.#durable, upTo);
  }

  /** The store kept none of them. */
  failed(records: readonly { sequence: number }[]): void {
    for (const { sequence } of records) this.#pending.delete(sequence);
  }

  // What must be durable.

  reportedStored(number: number, qos: QoS): void {
    if (qos > 0 && !this.#isDistrusted && !this.#known.has(number))
      this.violation(`message ${number} reported stored before it was durable`);
  }

  /** The broker's last answer to a message came in. */
  settled(number: number): void {
    for (const sequence of this.#sequences.get(number) ?? []) this.#settled.add(sequence);
  }

  /**
   * PUBLISH of QoS 1 or 2: the message is durable, and its end is not, and this process does not know of it. What a crash
   * took of the end was not durable then, so only that is sent once more (4.4.0-1 of both versions).
   */
  mayPublish(number: number, qos: QoS): void {
    if (this.#isDistrusted) return;
    const isStored = this.isStored(number);
    if (qos > 0 && !isStored) {
      const why = this.#known.has(number) ? 'although its end is durable' : 'before it was durable';
      this.violation(`PUBLISH of message ${number} ${why}`);
    }
    if (qos > 0 && isStored && this.isOver(number)) {
      this.violation(`PUBLISH of message ${number}, which was acknowledged to this process`);
    }
    // MQTT-4.3.1-1: a crash must not bring it a second time.
    if (qos === 0 && isStored) this.violation(`PUBLISH of QoS 0 message ${number} before its removal was durable`);
  }

  /**
   * PUBREL: the PUBREC of the message that had the identifier last is durable (MQTT-4.3.3-1 (3.1.1)). If that one is over,
   * or was of QoS 1, it clears the identifier for another one.
   */
  mayRelease(number: number): void {
    if (this.#isDistrusted) return;
    const open = [...(this.#sequences.get(number) ?? [])].filter(
      (sequence) => this.#stored.get(sequence)?.qos === 2 && !this.#settled.has(sequence),
    );
    if (open.length > 0 && !this.#givenUp.has(number) && !open.some((sequence) => this.#released.has(sequence))) {
      this.violation(`PUBREL of message ${number} before its PUBREC was durable`);
    }
  }

  /** PUBREC: the identifier is durable (MQTT-4.3.3-2 (3.1.1)). */
  mayAnswerPublish(identifier: number): void {
    if (!this.#isDistrusted && !this.#received.has(identifier))
      this.violation(`PUBREC ${identifier} before the identifier was durable`);
  }

  /** PUBCOMP: its removal is durable, for the broker may use it for another message now. */
  mayComplete(identifier: number): void {
    if (!this.#isDistrusted && this.#received.has(identifier))
      this.violation(`PUBCOMP ${identifier} before its removal was durable`);
  }

  isStored(number: number): boolean {
    return (this.#sequences.get(number)?.size ?? 0) > 0;
  }

  /** Nothing of it is to be sent any more, as far as this process can know: its end is durable, or it was told of it. */
  isOver(number: number): boolean {
    return [...(this.#sequences.get(number) ?? [])].every((sequence) => this.#settled.has(sequence));
  }

  isGivenUp(number: number): boolean {
    return this.#givenUp.has(number);
  }

  /** Numbers of the messages that have, or had, a sequence from `first` to `last`. */
  *numbersBetween(first: number, last: number): IterableIterator<number> {
    for (const [sequence, number] of this.#history) if (first <= sequence && sequence <= last) yield number;
  }

  #apply(sequence: number, record: SessionRecord): void {
    switch (record.kind) {
      case RecordKind.Enqueued:
        this.#store(sequence, { number: messageNumber(record.message.payload), qos: record.message.qos });
        return;
      case RecordKind.Completed:
        this.#complete(record.first, record.last);
        return;
      case RecordKind.Released:
        for (let each = record.first; each <= record.last; each++) if (this.#stored.has(each)) this.#released.add(each);
        return;
      case RecordKind.GivenUp:
        this.#isBeingGivenUp(record.sequence);
        if (record.reserve > 0) this.#reserved.add(record.reserve);
        return;
      case RecordKind.Received:
        for (const identifier of record.identifiers) this.#received.add(identifier);
        return;
      case RecordKind.ReceivedRemoved:
        for (const identifier of record.identifiers) this.#received.delete(identifier);
        return;
      case RecordKind.SessionLost:
        this.#released.clear();
        this.#received.clear();
        this.#reserved.clear();
        return;
      default:
        return;
    }
  }

  #isBeingGivenUp(sequence: number): void {
    const stored = this.#stored.get(sequence);
    if (stored !== undefined) this.#givenUp.add(stored.number);
  }

  #store(sequence: number, stored: Stored): void {
    this.#stored.set(sequence, stored);
    this.#history.set(sequence, stored.number);
    this.#known.add(stored.number);
    let sequences = this.#sequences.get(stored.number);
    if (sequences === undefined) {
      sequences = new Set();
      this.#sequences.set(stored.number, sequences);
    }
    sequences.add(sequence);
  }

  #complete(first: number, last: number): void {
    for (const sequence of this.#storedBetween(first, last)) {
      const { number } = this.#stored.get(sequence) as Stored;
      this.#stored.delete(sequence);
      this.#released.delete(sequence);
      this.#sequences.get(number)?.delete(sequence);
    }
  }

  #storedBetween(first: number, last: number): number[] {
    // A purge's range may be far longer than what is stored in it.
    const all = last - first < this.#stored.size ? range(first, last) : this.#stored.keys();
    return [...all].filter((sequence) => first <= sequence && sequence <= last && this.#stored.has(sequence));
  }

  #clear(): void {
    this.#pending.clear();
    this.#history.clear();
    this.#stored.clear();
    this.#sequences.clear();
    this.#released.clear();
    this.#received.clear();
    this.#reserved.clear();
    this.#durable = 0;
  }
}

function* range(first: number, last: number): IterableIterator<number> {
  for (let each = first; each <= last; each++) yield each;
}
