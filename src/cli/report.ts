import { hasDeadLetters } from '../admin/dead-letter-count';
import type { SessionSummary } from '../store/session-summary';

/** A session as JSON; times in milliseconds since the epoch. Payloads and credentials are not part of it. */
export function reportOf({
  directory,
  metadata,
  state,
  bytes,
  deadLetters,
  holder,
  error,
}: SessionSummary): Record<string, unknown> {
  return {
    directory,
    ...metadata,
    bytes,
    messages: state?.stored.count,
    messageBytes: state?.stored.bytes,
    oldestEnqueuedAt: state?.oldestEnqueuedAt,
    inflight: state?.open.map(({ sequence, packetId, phase }) => ({ sequence, packetId, phase })),
    subscriptions: state?.subscriptions.map(({ users: _users, ...subscription }) => subscription),
    received: state?.received,
    deadLetters,
    paused: state?.paused,
    broker: state?.broker,
    lockedBy: holder,
    error: error === undefined ? undefined : { code: error.code, message: error.message },
  };
}

/** A session in words, one fact an entry. */
export function describe({ metadata, state, bytes, deadLetters, holder }: SessionSummary): string[] {
  if (metadata === undefined || state === undefined) return [];
  const facts = [
    `client id ${JSON.stringify(metadata.clientId)}`,
    `${state.stored.count} messages (${state.stored.bytes} bytes)`,
    `${state.open.length} in flight`,
    `${state.subscriptions.length} subscriptions`,
    `${bytes} bytes on disk`,
    `last access ${new Date(metadata.lastAccessAt).toISOString()}`,
  ];
  if (metadata.expiryInterval > 0) facts.push(`expires ${metadata.expiryInterval} s after it`);
  if (hasDeadLetters(deadLetters)) facts.push(`${deadLetters.count ?? 'some'} dead letters`);
  if (state.paused) facts.push('paused');
  if (state.broker !== '') facts.push(`broker ${state.broker}`);
  if (holder !== undefined) facts.push(`lock of process ${holder.pid} on ${holder.host}`);
  return facts;
}
