import type { Message, MessageOrigin } from '../session/message';
import type { MessageSource } from '../session/records';
import { sessionClosed, stillOpening, unanswered } from './client-errors';
import { EarlyPublishes } from './early-publishes';
import { assertMessage } from './message-check';
import type { Acknowledgement, PublishObserver } from './publish-observers';
import type { SessionLife } from './session-life';
import type { SessionLoop } from './session-loop';
import type { UserCalls } from './user-calls';

/** The way of messages into the session: what comes before it is open waits for it, bounded. */
export class Publishing {
  readonly #early: EarlyPublishes;

  constructor(
    private readonly clientId: string,
    private readonly life: Pick<SessionLife, 'current' | 'require' | 'assertExpected'>,
    calls: UserCalls,
  ) {
    this.#early = new EarlyPublishes(calls);
  }

  /** See `SessionClient.publish`. */
  publish(
    message: Message,
    until: 'stored' | 'acknowledged',
    origin: MessageOrigin | undefined,
  ): Promise<Acknowledgement | undefined> {
    return new Promise((resolve, reject) => {
      const observer: PublishObserver =
        until === 'stored'
          ? { stored: () => resolve(undefined), failed: reject }
          : {
              acknowledged: resolve,
              failed: reject,
              unanswered: (cause) => reject(unanswered(this.clientId, message.topic, cause)),
            };
      this.enqueue(message, observer, origin);
    });
  }

  /** See `SessionClient.enqueue`. */
  enqueue(message: Message, observer: PublishObserver, origin: MessageOrigin | undefined): void {
    assertMessage(message);
    const open = this.life.current;
    if (open !== undefined) {
      open.loop.publish(message, origin, observer);
      return;
    }
    this.life.assertExpected();
    if (this.#early.add(message, origin, observer)) return;
    throw stillOpening(this.clientId, this.#early.count);
  }

  /** See `SessionClient.transfer`; it does not wait for the session to be open. */
  transfer(
    message: Message,
    origin: MessageOrigin | undefined,
    from: { source: MessageSource; enqueuedAt: number },
  ): Promise<'stored' | 'duplicate'> {
    return new Promise((resolve, reject) => {
      assertMessage(message);
      const observer: PublishObserver = {
        stored: () => resolve('stored'),
        duplicate: () => resolve('duplicate'),
        failed: reject,
      };
      this.life.require().loop.publish(message, origin, observer, from);
    });
  }

  /** The session is open: what waits for it goes first. */
  attach(loop: SessionLoop): void {
    this.#early.release((message, origin, observer) => loop.publish(message, origin, observer));
  }

  /** The session cannot be opened at the moment. */
  failed(error: Error): void {
    this.#early.fail(error);
  }

  closing(): void {
    this.#early.fail(sessionClosed(this.clientId));
  }
}
