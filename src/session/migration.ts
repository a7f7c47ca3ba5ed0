import { identifierOf, MESSAGE_IDENTIFIERS } from './packet-identifiers';
import { messageSize } from './record-codec';
import type { OriginalSession, SessionState } from './state';
import { emptySessionState } from './state';

/**
 * The session that a file of the original implementation describes. Its in-flight messages keep their order, their
 * packet identifiers, send times and retry counts: they count as sent, so they are sent again with DUP if the broker
 * still has the session, and queue as new ones if it has not. QoS 0 has no identifier and is sent once.
 *
 * Identifiers of new messages go on behind the last one it gave out: they follow from the sequence, so that is where the
 * sequences begin.
 */
export function stateFromOriginal(original: OriginalSession): SessionState {
  const state = emptySessionState();
  const { inflight, lastPacketId } = original;
  state.sequence = sequenceWithIdentifier(lastPacketId, inflight.length);
  const before = state.sequence - inflight.length;
  for (const [index, { packetId, topic, payload, qos, retain, sendTime, retryCount }] of inflight.entries()) {
    const sequence = before + index + 1;
    const message = { sequence, topic, payload, qos, retain, enqueuedAt: sendTime };
    const phase = qos === 0 ? 'requeued' : 'published';
    state.open.push({ sequence, packetId, phase, releaseOrder: 0, sentAt: sendTime, retries: retryCount, message });
    state.stored.count += 1;
    state.stored.bytes += messageSize(message, undefined);
  }
  state.mark = state.sequence;
  state.queueAfter = state.sequence;
  state.oldestEnqueuedAt = inflight[0]?.sendTime ?? 0;
  state.subscriptions = original.subscriptions.map(({ topic, qos }, index) => ({
    filter: topic,
    qos,
    noLocal: false,
    retainAsPublished: true,
    retainHandling: 0,
    identifier: index + 1,
    state: 'requested',
  }));
  return state;
}

/** The first sequence from `least` on that has this identifier, or the last identifier if messages never get it. */
function sequenceWithIdentifier(identifier: number, least: number): number {
  if (identifier === 0) return least;
  const wanted = Math.min(identifier, MESSAGE_IDENTIFIERS);
  const from = Math.max(least, 1);
  return from + ((wanted - identifierOf(from) + MESSAGE_IDENTIFIERS) % MESSAGE_IDENTIFIERS);
}
