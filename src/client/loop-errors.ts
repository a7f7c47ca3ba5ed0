import { errorCode, SessionError } from '../errors';

/** The errors of a session's loop, with its client id in each of them. */
export class LoopErrors {
  constructor(private readonly clientId: string) {}

  /** `bytes` of messages wait for the disk. */
  tooSlow(bytes: number): SessionError {
    return this.#error(
      'ERR_STORE_BUSY',
      `The store of "${this.clientId}" is slower than the flow: ${bytes} bytes wait to be written. ` +
        'Publish more slowly, or use a faster disk.',
      { bytes },
    );
  }

  queueFull({ count, bytes }: { count: number; bytes: number }): SessionError {
    return this.#error(
      'ERR_QUEUE_FULL',
      `The queue of "${this.clientId}" is full (${count} messages, ${bytes} bytes): raise its maximum size, ` +
        'let it drain, or choose to drop the oldest (only messages that are on the disk and were never sent are dropped).',
      { count, bytes },
    );
  }

  transferring(): SessionError {
    return this.#error(
      'ERR_STORE_BUSY',
      `The same messages are being transferred to "${this.clientId}" already. Wait until that is done.`,
    );
  }

  closed(): SessionError {
    return this.#error('ERR_SESSION_CLOSED', `The session "${this.clientId}" is closed. Open it again to go on.`);
  }

  /** `violation` completes the sentence. */
  violated(violation: string): SessionError {
    return this.#error(
      'ERR_BROKER_PROTOCOL',
      `The broker of "${this.clientId}" broke the MQTT protocol: it ${violation}`,
    );
  }

  /** For the publisher of a message that was purged. */
  purged(sequence: number): SessionError {
    return this.#error(
      'ERR_MESSAGE_DISCARDED',
      `A message of "${this.clientId}" was not delivered: the queue was purged.`,
      { reason: 'purged', sequence },
    );
  }

  /** Keeps the code of the system (`ENOSPC`, `EIO`, ...). */
  writing(cause: Error): Error {
    return this.#store('write to', cause, 'it is tried again');
  }

  /** As `writing`. */
  reading(cause: Error): Error {
    return this.#store('read from', cause, 'it is tried again');
  }

  /** As `writing`, for what ends with the session. */
  closing(cause: Error): Error {
    return this.#store('close', cause, 'the next opening goes on from there');
  }

  #store(access: string, cause: Error, outlook: string): Error {
    // A record that cannot be written as it is: no disk is to blame.
    if (cause instanceof SessionError || cause instanceof RangeError || cause instanceof TypeError) return cause;
    const code = errorCode(cause);
    const text =
      `The session "${this.clientId}" cannot ${access} its store: ${cause.message}. ` +
      `What is stored is kept; check the disk, ${outlook}.`;
    return Object.assign(new Error(text, { cause }), code === undefined ? {} : { code });
  }

  #error(code: SessionError['code'], text: string, details: Record<string, unknown> = {}): SessionError {
    return new SessionError(code, text, { details: { clientId: this.clientId, ...details } });
  }
}
