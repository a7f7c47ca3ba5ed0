import type { QueuedMessage } from './message';
import type { EnqueuedRecord } from './records';

/**
 * What the queue holds for an Enqueued record. Written out: spread into a literal, V8 makes an object of 500 bytes of it,
 * and a backlog passes through memory as these.
 */
export function queuedMessage(sequence: number, { message, enqueuedAt, origin }: EnqueuedRecord): QueuedMessage {
  const { topic, payload, qos, retain, properties } = message;
  const queued: QueuedMessage = { topic, payload, qos, retain, sequence, enqueuedAt };
  if (properties !== undefined) queued.properties = properties;
  if (origin !== undefined) queued.origin = origin;
  return queued;
}
