import { identifierOf, MESSAGE_IDENTIFIERS } from './packet-identifiers';
import { messageSize } from './record-codec';
import type { OriginalSession, SessionState } from './state';
import { emptySessionState } from './state';
import { topicFilterProblem, topicNameProblem } from './topics';

/** The last time that a record can hold. */
const TIME_MAX = 2 ** 48 - 1;

/**
 * What of such a session a broker can take, and what is left out, each as a sentence. These files have no checksums, and a
 * broker ends the connection for one invalid filter or topic: such a session would never get anything through.
 */
export function usableParts(original: OriginalSession): { usable: OriginalSession; leftOut: string[] } {
  const leftOut: string[] = [];
  const isUsable = (what: string, problem: string | undefined) => {
    if (problem !== undefined) leftOut.push(`${what} is left out: ${problem}`);
    return problem === undefined;
  };
  const usable = {
    ...original,
    subscriptions: original.subscriptions.filter(({ topic }, index) =>
      isUsable(`Subscription ${index + 1}`, topicFilterProblem(topic)),
    ),
    inflight: original.inflight.filter(({ topic, packetId }) =>
      isUsable(`The message with packet identifier ${packetId}`, topicNameProblem(topic)),
    ),
  };
  return { usable, leftOut };
}

/**
 * The session that a file of the original implementation describes. Its in-flight messages keep their order, their
 * packet identifiers, send times and retry counts: they count as sent, so they are sent again with DUP if the broker
 * still has the session, and queue as new ones if it has not. QoS 0 has no identifier and is sent once.
 *
 * Identifiers of new messages go on behind the last one it gave out: they follow from the sequence, so that is where the
 * sequences begin.
 */
export function stateFromOriginal(original: OriginalSession): { state: SessionState; leftOut: string[] } {
  const state = emptySessionState();
  const { usable, leftOut } = usableParts(original);
  const { inflight, lastPacketId } = usable;
  state.sequence = sequenceWithIdentifier(lastPacketId, inflight.length);
  const before = state.sequence - inflight.length;
  for (const [index, { packetId, topic, payload, qos, retain, retryCount, ...sent }] of inflight.entries()) {
    const sendTime = Math.min(sent.sendTime, TIME_MAX);
    const sequence = before + index + 1;
    const message = { sequence, topic, payload, qos, retain, enqueuedAt: sendTime };
    const phase = qos === 0 ? 'requeued' : 'published';
    state.open.push({ sequence, packetId, phase, releaseOrder: 0, sentAt: sendTime, retries: retryCount, message });
    state.stored.count += 1;
    state.stored.bytes += messageSize(message, undefined);
  }
  state.mark = state.sequence;
  state.queueAfter = state.sequence;
  state.oldestEnqueuedAt = state.open[0]?.sentAt ?? 0;
  state.subscriptions = usable.subscriptions.map(({ topic, qos }, index) => ({
    filter: topic,
    qos,
    noLocal: false,
    retainAsPublished: true,
    retainHandling: 0,
    identifier: index + 1,
    state: 'requested',
  }));
  return { state, leftOut };
}

/** The first sequence from `least` on that has this identifier, or the last identifier if messages never get it. */
function sequenceWithIdentifier(identifier: number, least: number): number {
  if (identifier === 0) return least;
  const wanted = Math.min(identifier, MESSAGE_IDENTIFIERS);
  const from = Math.max(least, 1);
  return from + ((wanted - identifierOf(from) + MESSAGE_IDENTIFIERS) % MESSAGE_IDENTIFIERS);
}
