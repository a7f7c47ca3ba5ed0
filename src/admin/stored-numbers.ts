import type { OutboundMessage } from '../session/outbound-message';
import type { SessionRecord } from '../session/records';
import type { DeadLetterCount } from '../store/dead-letters/stored-count';
import type { StoredSession } from '../store/stored-session';
import type { AdminContext } from './context';
import { type InflightInfo, type SessionInfo, storedNumbers } from './session-info';
import { queuedMessages, type RecoveredMessages, readStored } from './stored-messages';

/**
 * `info` of a session that nobody has open with what it would hold if it were opened now: its journal is read, without
 * the backlog, and its dead letters are counted. Nothing is written.
 * @throws as `readStored`.
 */
export function countStored(context: AdminContext, info: SessionInfo): Promise<SessionInfo> {
  return readStored(context, info.clientId, async (session, recovered) => {
    const { outbound, recovery } = recovered;
    const { count, bytes } = outbound.stored;
    const sent = [...outbound.released, ...outbound.front.filter((one) => one.sent)];
    const deadLetters = await deadLettersOf(session, info.deadLetters);
    const numbers = {
      count,
      bytes,
      inflight: sent.map(inflightInfo),
      inflightBytes: sent.reduce((sum, { size }) => sum + size, 0),
      oldestEnqueuedAt: await oldestEnqueuedAt(session, recovered),
      deadLetters,
      subscriptions: [...recovery.subscriptions.values()],
    };
    return {
      ...info,
      ...storedNumbers(numbers, info.maxBytes),
      asOf: 'now',
      orphaned: info.orphaned && (count > 0 || deadLetters.count !== 0),
      broker: recovery.broker,
      paused: outbound.paused,
    };
  });
}

function inflightInfo({ packetId, phase, message, sentAt, retries }: OutboundMessage): InflightInfo {
  const { topic, qos, enqueuedAt } = message;
  return { packetId, phase, topic, qos, enqueuedAt, sentAt, retries };
}

/** Of what left the queue, and of the front of the queue, which is in the order in which it was stored. */
async function oldestEnqueuedAt(session: StoredSession<SessionRecord>, recovered: RecoveredMessages): Promise<number> {
  const { released, front, failed } = recovered.outbound;
  const times = [...released, ...front, ...failed.map(({ outbound }) => outbound)].map((one) => one.message.enqueuedAt);
  for await (const { message } of queuedMessages(session, recovered)) {
    times.push(message.enqueuedAt);
    break;
  }
  return times.reduce((oldest, time) => (oldest === 0 ? time : Math.min(oldest, time)), 0);
}

async function deadLettersOf(session: StoredSession<SessionRecord>, known: DeadLetterCount): Promise<DeadLetterCount> {
  const stored = await session.deadLetters();
  if (stored === undefined) return { count: 0, bytes: 0 };
  try {
    return { count: stored.count, bytes: known.bytes };
  } finally {
    await stored.close();
  }
}
