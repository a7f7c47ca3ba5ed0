import { messageSize } from './record-codec';
import type { OriginalSession, SessionState } from './state';
import { emptySessionState } from './state';

/**
 * The session that a file of the original implementation describes. Its in-flight messages keep their order and their
 * packet identifiers: they count as sent, so they are sent again with DUP if the broker still has the session, and
 * queue as new ones if it has not. QoS 0 has no identifier and is sent once.
 */
export function stateFromOriginal(original: OriginalSession): SessionState {
  const state = emptySessionState();
  for (const { packetId, topic, payload, qos, retain, sendTime } of original.inflight) {
    state.sequence += 1;
    const { sequence } = state;
    const message = { sequence, topic, payload, qos, retain, enqueuedAt: sendTime };
    state.open.push({ sequence, packetId, phase: qos === 0 ? 'requeued' : 'published', releaseOrder: 0, message });
    state.stored.count += 1;
    state.stored.bytes += messageSize(message, undefined);
  }
  state.mark = state.sequence;
  state.queueAfter = state.sequence;
  state.oldestEnqueuedAt = original.inflight[0]?.sendTime ?? 0;
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
