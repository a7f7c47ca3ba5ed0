import type { Message, QueuedMessage } from '../session/message';
import type { AdminContext } from './context';
import { openClient } from './open-session';
import { queuedMessages, readStored } from './stored-messages';

/** Most messages that one call shows. */
export const QUEUED_MESSAGES_MAX = 100;
const QUEUED_MESSAGES = 10;

/** A message that has not been sent. */
export interface WaitingMessage {
  /** Its place among all messages of the session, which rises. */
  sequence: number;
  enqueuedAt: number;
  message: Message;
}

/**
 * The messages at the front of the queue, each with its payload; of a session in use as of its last durable record.
 * Reads only: a session that nobody uses is not opened for it.
 * @throws SessionError `ERR_SESSION_UNKNOWN`, `ERR_SESSION_CLOSED`; `ERR_SESSION_LOCKED` naming the process that has it;
 * `ERR_SESSION_VERSION`; the system's error.
 */
export function firstQueuedMessages(
  context: AdminContext,
  clientId: string,
  limit: number = QUEUED_MESSAGES,
): Promise<WaitingMessage[]> {
  const count = Math.min(limit, QUEUED_MESSAGES_MAX);
  return context.live(clientId) === undefined ? ofStored(context, clientId, count) : ofOpen(context, clientId, count);
}

async function ofOpen(context: AdminContext, clientId: string, limit: number): Promise<WaitingMessage[]> {
  const copy = openClient(context, clientId).copy();
  try {
    return await first(copy.queued(), limit);
  } finally {
    await copy.close();
  }
}

function ofStored(context: AdminContext, clientId: string, limit: number): Promise<WaitingMessage[]> {
  return readStored(context, clientId, (session, recovered) =>
    first(onlyMessages(queuedMessages(session, recovered)), limit),
  );
}

async function* onlyMessages(stored: ReturnType<typeof queuedMessages>): AsyncGenerator<QueuedMessage> {
  for await (const { message } of stored) yield message;
}

async function first(messages: AsyncGenerator<QueuedMessage>, limit: number): Promise<WaitingMessage[]> {
  const shown: WaitingMessage[] = [];
  for await (const { sequence, enqueuedAt, origin: _origin, ...message } of messages) {
    shown.push({ sequence, enqueuedAt, message });
    if (shown.length >= limit) break;
  }
  return shown;
}
