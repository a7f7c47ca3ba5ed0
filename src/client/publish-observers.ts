import { Fifo } from '../session/fifo';
import type { AcknowledgementProperties } from '../session/packets';
import type { UserCalls } from './user-calls';

/** How the broker answered: PUBACK, or PUBCOMP. */
export interface Acknowledgement {
  /** 0: taken. 0x10 (5.0, PUBACK): taken, nobody subscribes. */
  reasonCode: number;
  properties?: AcknowledgementProperties;
}

/** Who published, and what is told to whom; each of the calls comes at most once, `failed` instead of any other. */
export interface PublishObserver {
  /** The message is in the queue, as durable as the store's setting says (QoS 0 while connected: it was sent). */
  stored?(): void;
  /** The broker has taken responsibility for it. Asked for only if present. */
  acknowledged?(acknowledgement: Acknowledgement): void;
  /** In place of `stored`: this message of its source is in the queue, or was, durably. Asked for by transfers only. */
  duplicate?(): void;
  /** It is not in the queue, or not any longer: refused, expired, dropped. The error's `code` says which. */
  failed?(error: Error): void;
  /** In place of `acknowledged`: the client ended before the broker answered. It is stored; the next client delivers it. */
  unanswered?(error: Error): void;
}

interface Pending {
  sequence: number;
  bytes: number;
  observer: PublishObserver;
}

/** Publishers waiting for their message to be durable, in order, and those waiting for the broker. */
export class PublishObservers {
  readonly #unstored = new Fifo<Pending>();
  #unstoredBytes = 0;
  readonly #unacknowledged = new Map<number, PublishObserver>();

  constructor(private readonly calls: UserCalls) {}

  /** Of all that wait for the disk, as given to `add`. */
  get unstoredBytes(): number {
    return this.#unstoredBytes;
  }

  add(sequence: number, bytes: number, observer: PublishObserver): void {
    this.#unstored.push({ sequence, bytes, observer });
    this.#unstoredBytes += bytes;
  }

  /** Sent at once, past the queue. */
  sent(observer: PublishObserver): void {
    this.calls.run(() => observer.stored?.());
    this.calls.run(() => observer.acknowledged?.({ reasonCode: 0 }));
  }

  duplicate(observer: PublishObserver): void {
    this.calls.run(() => observer.duplicate?.());
  }

  durable(sequence: number): void {
    for (
      let head = this.#unstored.peek();
      head !== undefined && head.sequence <= sequence;
      head = this.#unstored.peek()
    ) {
      const { observer } = head;
      this.#shift();
      if (observer.acknowledged !== undefined) this.#unacknowledged.set(head.sequence, observer);
      if (observer.stored !== undefined) this.calls.run(() => observer.stored?.());
    }
  }

  rejected(sequence: number, error: Error): void {
    if (this.#unstored.peek()?.sequence !== sequence) return;
    const rejected = this.#shift();
    this.calls.run(() => rejected?.observer.failed?.(error));
  }

  acknowledged(sequence: number, reasonCode: number, properties: AcknowledgementProperties | undefined): void {
    const observer = this.#unacknowledged.get(sequence);
    if (observer === undefined) return;
    this.#unacknowledged.delete(sequence);
    const acknowledgement: Acknowledgement = { reasonCode };
    if (properties !== undefined) acknowledgement.properties = properties;
    this.calls.run(() => observer.acknowledged?.(acknowledgement));
  }

  /** @returns whether somebody was waiting for the broker's answer. */
  discarded(sequence: number, error: Error): boolean {
    const observer = this.#unacknowledged.get(sequence);
    if (observer === undefined) return false;
    this.#unacknowledged.delete(sequence);
    this.calls.run(() => observer.failed?.(error));
    return true;
  }

  /** The client ends: who still waits for the disk will not hear from it, nor who waits for the broker. */
  end(error: Error): void {
    for (let head = this.#shift(); head !== undefined; head = this.#shift()) {
      const { observer } = head;
      this.calls.run(() => observer.failed?.(error));
    }
    const unanswered = [...this.#unacknowledged.values()];
    this.#unacknowledged.clear();
    for (const observer of unanswered) this.calls.run(() => observer.unanswered?.(error));
  }

  #shift(): Pending | undefined {
    const pending = this.#unstored.shift();
    if (pending !== undefined) this.#unstoredBytes -= pending.bytes;
    return pending;
  }
}
