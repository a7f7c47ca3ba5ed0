import { Fifo } from '../session/fifo';
import type { AcknowledgementProperties } from '../session/packets';

/** How the broker answered: PUBACK, or PUBREC and PUBCOMP. */
export interface Acknowledgement {
  /** 0: taken. 0x10 (5.0): taken, nobody subscribes. */
  reasonCode: number;
  properties?: AcknowledgementProperties;
}

/** Who published, and what is told to whom; each of the calls comes at most once, `failed` instead of any other. */
export interface PublishObserver {
  /** The message is in the queue, as durable as the store's setting says (QoS 0 while connected: it was sent). */
  stored?(): void;
  /** The broker has taken responsibility for it. Asked for only if present. */
  acknowledged?(acknowledgement: Acknowledgement): void;
  /** It is not in the queue, or not any longer: refused, expired, dropped. The error's `code` says which. */
  failed?(error: Error): void;
}

interface Pending {
  sequence: number;
  observer: PublishObserver;
}

/** Publishers waiting for their message to be durable, in order, and those waiting for the broker. */
export class PublishObservers {
  readonly #unstored = new Fifo<Pending>();
  readonly #unacknowledged = new Map<number, PublishObserver>();

  add(sequence: number, observer: PublishObserver): void {
    this.#unstored.push({ sequence, observer });
  }

  durable(sequence: number): void {
    for (
      let head = this.#unstored.peek();
      head !== undefined && head.sequence <= sequence;
      head = this.#unstored.peek()
    ) {
      this.#unstored.shift();
      if (head.observer.acknowledged !== undefined) this.#unacknowledged.set(head.sequence, head.observer);
      head.observer.stored?.();
    }
  }

  /** @returns whether somebody was waiting. */
  rejected(sequence: number, error: Error): boolean {
    if (this.#unstored.peek()?.sequence !== sequence) return false;
    this.#unstored.shift()?.observer.failed?.(error);
    return true;
  }

  acknowledged(sequence: number, acknowledgement: Acknowledgement): void {
    const observer = this.#unacknowledged.get(sequence);
    this.#unacknowledged.delete(sequence);
    observer?.acknowledged?.(acknowledgement);
  }

  /** @returns whether somebody was waiting for the broker's answer. */
  discarded(sequence: number, error: Error): boolean {
    const observer = this.#unacknowledged.get(sequence);
    if (observer === undefined) return false;
    this.#unacknowledged.delete(sequence);
    observer.failed?.(error);
    return true;
  }

  /** The client is closing: who still waits for the disk will not hear from it. */
  fail(error: Error): void {
    for (let head = this.#unstored.shift(); head !== undefined; head = this.#unstored.shift())
      head.observer.failed?.(error);
    this.#unacknowledged.clear();
  }
}
