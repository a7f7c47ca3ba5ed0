import type { Scheduler } from '../scheduler';
import type { Message } from '../session/message';

/** How long the close message may take to be answered before the connection is ended all the same. */
const GOODBYE_MS = 2_000;

/** The close message of a connection that is ended on purpose: once, however often that is asked for. */
export class Goodbye {
  #underWay: Promise<void> | undefined;

  constructor(private readonly scheduler: Scheduler) {}

  /** Resolves when `send` has, or when that takes too long. */
  say(message: Message, send: (message: Message) => Promise<void>): Promise<void> {
    this.#underWay ??= new Promise<void>((resolve) => {
      const cancel = this.scheduler.after(GOODBYE_MS, resolve, true);
      void send(message).then(() => {
        cancel();
        resolve();
      });
    }).finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }
}
