import type { SessionClient } from '../client/session-client';
import type { Message } from '../session/message';
import type { AdminContext } from './context';
import { withOpenSession } from './open-session';

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
 * @throws as `withOpenSession`.
 */
export function firstQueuedMessages(
  context: AdminContext,
  clientId: string,
  limit: number = QUEUED_MESSAGES,
): Promise<WaitingMessage[]> {
  return withOpenSession(context, clientId, (client) => first(client, Math.min(limit, QUEUED_MESSAGES_MAX)));
}

async function first(client: SessionClient, limit: number): Promise<WaitingMessage[]> {
  const copy = client.copy();
  const messages: WaitingMessage[] = [];
  try {
    for await (const { sequence, enqueuedAt, origin: _origin, ...message } of copy.queued()) {
      messages.push({ sequence, enqueuedAt, message });
      if (messages.length >= limit) break;
    }
    return messages;
  } finally {
    await copy.close();
  }
}
