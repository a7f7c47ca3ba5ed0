import type { Message, MessageOrigin } from '../session/message';
import type { PublishObserver } from './publish-observers';
import type { UserCalls } from './user-calls';

const COUNT_MAX = 10_000;
const BYTES_MAX = 64 * 1024 * 1024;

interface EarlyPublish {
  message: Message;
  origin: MessageOrigin | undefined;
  observer: PublishObserver;
}

/** Publishes that wait for the session to be opened, bounded. */
export class EarlyPublishes {
  #waiting: EarlyPublish[] = [];
  #bytes = 0;

  constructor(private readonly calls: UserCalls) {}

  get count(): number {
    return this.#waiting.length;
  }

  /** @returns false when too many wait already. */
  add(message: Message, origin: MessageOrigin | undefined, observer: PublishObserver): boolean {
    if (this.#waiting.length >= COUNT_MAX || this.#bytes >= BYTES_MAX) return false;
    this.#waiting.push({ message, origin, observer });
    this.#bytes += message.payload.length;
    return true;
  }

  /** Hands all of them over, in order; whom `publish` refuses is told. */
  release(publish: (message: Message, origin: MessageOrigin | undefined, observer: PublishObserver) => void): void {
    for (const { message, origin, observer } of this.#take()) {
      try {
        publish(message, origin, observer);
      } catch (error) {
        this.calls.run(() => observer.failed?.(error as Error));
      }
    }
  }

  fail(error: Error): void {
    for (const { observer } of this.#take()) this.calls.run(() => observer.failed?.(error));
  }

  #take(): EarlyPublish[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#bytes = 0;
    return waiting;
  }
}
