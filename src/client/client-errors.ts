import { SessionError } from '../errors';

/** There is no open session. */
export function sessionClosed(clientId: string): SessionError {
  return new SessionError(
    'ERR_SESSION_CLOSED',
    `The session "${clientId}" is not open. Open it, or wait until it can be opened.`,
    { details: { clientId } },
  );
}

/** So many messages wait for the session to be opened that no more are taken. */
export function stillOpening(clientId: string, count: number): SessionError {
  return new SessionError(
    'ERR_STORE_BUSY',
    `The session "${clientId}" is still being opened, and ${count} messages wait for it already. ` +
      'Publish more slowly until it is open.',
    { details: { clientId, count } },
  );
}

/** The client ended before the broker acknowledged a message that is stored. */
export function unanswered(clientId: string, topic: string, cause: Error): SessionError {
  return new SessionError(
    'ERR_SESSION_CLOSED',
    `The message for topic "${topic}" is stored, but "${clientId}" ended before the broker acknowledged it. ` +
      'It is delivered when the session is open again.',
    { cause, details: { clientId, topic, stored: true } },
  );
}
