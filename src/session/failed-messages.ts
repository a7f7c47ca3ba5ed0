import type { Effect } from './effects';
import type { Failure } from './failure';
import type { OutboundMessage } from './outbound-message';
import type { RecordLog } from './record-log';
import { type FailedRecord, RecordKind } from './records';

/** Bytes of messages waiting to be kept beyond which nothing more is sent. */
const WAITING_BYTES_MAX = 1024 * 1024;

interface Waiting {
  outbound: OutboundMessage;
  failure: Failure;
  /** The record of the decision: durable before the message is kept. */
  barrier: number;
  asked: boolean;
}

/**
 * Messages given up and on their way into the file of dead letters:
 * GivenUp recorded, durable -> kept, durable -> Completed, and whoever published it is told.
 *
 * The decision is durable first. Without that a crash behind the keeping would find the message as sent or queued, and
 * deliver what is a dead letter already. They stay stored until they are kept, and hold nothing else up.
 */
export class FailedMessages {
  /** By sequence, in the order in which they were given up. */
  readonly #waiting = new Map<number, Waiting>();
  #bytes = 0;

  constructor(
    recovered: readonly { outbound: OutboundMessage; failure: Failure }[],
    private readonly log: RecordLog,
    private readonly effects: Effect[],
  ) {
    for (const { outbound, failure } of recovered) this.#add(outbound, failure, 0);
  }

  /** So much waits that no more may come. */
  get isFull(): boolean {
    return this.#bytes >= WAITING_BYTES_MAX;
  }

  get count(): number {
    return this.#waiting.size;
  }

  /** Messages given up and still stored. */
  *messages(): IterableIterator<OutboundMessage> {
    for (const { outbound } of this.#waiting.values()) yield outbound;
  }

  get state(): ({ sequence: number } & Failure)[] {
    return [...this.#waiting].map(([sequence, { failure }]) => ({ sequence, ...failure }));
  }

  /** `reserve`: the identifier that the broker may hold for it; 0: none. */
  add(outbound: OutboundMessage, failure: Failure, reserve = 0): void {
    const { sequence } = outbound.message;
    const record = this.log.append({ kind: RecordKind.GivenUp, sequence, reserve, ...failure });
    this.#add(outbound, failure, record);
  }

  /** Asks for all that may be kept now. */
  advance(): void {
    for (const [sequence, waiting] of this.#waiting) {
      if (waiting.asked || waiting.barrier > this.log.durable) continue;
      waiting.asked = true;
      this.effects.push({ type: 'keepFailed', sequence, record: failedRecord(waiting) });
    }
  }

  /** It is a dead letter. */
  kept(sequence: number): { outbound: OutboundMessage; failure: Failure } | undefined {
    const waiting = this.#waiting.get(sequence);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(sequence);
    this.#bytes -= waiting.outbound.size;
    return waiting;
  }

  /** It could not be kept: it is asked for again. */
  notKept(sequence: number): void {
    const waiting = this.#waiting.get(sequence);
    if (waiting !== undefined) waiting.asked = false;
  }

  /** The store kept no record above `durable`; they were appended again up to `appended`. */
  reappended(durable: number, appended: number): void {
    for (const waiting of this.#waiting.values()) if (waiting.barrier > durable) waiting.barrier = appended;
  }

  #add(outbound: OutboundMessage, failure: Failure, barrier: number): void {
    this.#waiting.set(outbound.message.sequence, { outbound, failure, barrier, asked: false });
    this.#bytes += outbound.size;
  }
}

function failedRecord({ outbound, failure }: Waiting): FailedRecord {
  const { topic, payload, qos, retain, properties, sequence, enqueuedAt, origin } = outbound.message;
  return {
    kind: RecordKind.Failed,
    sequence,
    message: { topic, payload, qos, retain, ...(properties === undefined ? {} : { properties }) },
    enqueuedAt,
    ...(origin === undefined ? {} : { origin }),
    ...failure,
  };
}
