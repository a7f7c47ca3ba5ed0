import type { Effect } from './effects';
import { messageSize } from './record-codec';
import { type EnqueuedRecord, RecordKind, type SessionRecord } from './records';

/** A message that could not be stored. */
export interface RejectedMessage {
  sequence: number;
  size: number;
  record: EnqueuedRecord;
}

type RangeRecord = Extract<SessionRecord, { first: number }>;

/**
 * Numbers the session's records and knows which of them are durable.
 *
 * Runs of acknowledgements become one record each: `extend*` gathers them until another kind of record is appended or
 * the inputs of this round are through (`flush`). The sequence of the gathered record is taken at once, so that a
 * packet can name it as the one to wait for.
 */
export class RecordLog {
  /** The last sequence given out. */
  sequence: number;
  /** Every record up to here is durable. */
  durable: number;
  #run: SessionRecord | undefined;

  constructor(
    lastSequence: number,
    private readonly effects: Effect[],
  ) {
    this.sequence = lastSequence;
    this.durable = lastSequence;
  }

  append(record: SessionRecord): number {
    this.flush();
    this.sequence += 1;
    this.effects.push({ type: 'append', sequence: this.sequence, record });
    return this.sequence;
  }

  /**
   * `previous` is the message that was sent right before this one: when it ends the present run, no other stored
   * message lies between and the run may grow over it.
   */
  extendReleased(sequence: number, previous: number): number {
    const run = this.#run;
    if (run?.kind === RecordKind.Released && run.last === previous) {
      run.last = sequence;
      return this.sequence;
    }
    return this.#begin({ kind: RecordKind.Released, first: sequence, last: sequence });
  }

  extendCompleted(sequence: number, previous: number, bytes: number): number {
    const run = this.#run;
    if (run?.kind === RecordKind.Completed && run.last === previous) {
      run.last = sequence;
      run.count += 1;
      run.bytes += bytes;
      return this.sequence;
    }
    return this.#begin({ kind: RecordKind.Completed, first: sequence, last: sequence, count: 1, bytes });
  }

  extendReceived(identifier: number): number {
    return this.#extendIdentifiers(RecordKind.Received, identifier);
  }

  extendReceivedRemoved(identifier: number): number {
    return this.#extendIdentifiers(RecordKind.ReceivedRemoved, identifier);
  }

  /** Ends the present run: its record becomes an effect. */
  flush(): void {
    if (this.#run === undefined) return;
    this.effects.push({ type: 'append', sequence: this.sequence, record: this.#run });
    this.#run = undefined;
  }

  /**
   * The journal kept none of `records`, and was not even given those that are still effects: the sequences above the last
   * durable one are taken back, and all but messages is appended again.
   * @returns the messages, with the sequence that each of them had.
   */
  storeFailed(records: readonly { sequence: number; record: SessionRecord }[]): RejectedMessage[] {
    this.flush();
    const failed = [...records];
    const others: Effect[] = [];
    for (const effect of this.effects) {
      if (effect.type === 'append') failed.push(effect);
      else others.push(effect);
    }
    this.effects.splice(0, this.effects.length, ...others);
    this.sequence = this.durable;
    const rejected: RejectedMessage[] = [];
    for (const { sequence, record } of failed) {
      if (record.kind !== RecordKind.Enqueued) this.append(record);
      else rejected.push({ sequence, size: messageSize(record.message, record.origin), record });
    }
    return rejected;
  }

  #begin(record: RangeRecord | Extract<SessionRecord, { identifiers: number[] }>): number {
    this.flush();
    this.sequence += 1;
    this.#run = record;
    return this.sequence;
  }

  #extendIdentifiers(kind: typeof RecordKind.Received | typeof RecordKind.ReceivedRemoved, identifier: number): number {
    const run = this.#run;
    if (run?.kind === kind) {
      run.identifiers.push(identifier);
      return this.sequence;
    }
    return this.#begin({ kind, identifiers: [identifier] });
  }
}
