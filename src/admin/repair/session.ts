import type { OutboundMessage } from '../../session/outbound-message';
import { identifierOf, MESSAGE_IDENTIFIERS } from '../../session/packet-identifiers';
import { recordCodec } from '../../session/record-codec';
import { RecordKind, type SessionRecord } from '../../session/records';
import { emptySessionState, type OpenMessageState, type SessionMetadata, type SessionState } from '../../session/state';
import type { FileSystem } from '../../store/file-system';
import type { SessionStore } from '../../store/session-store';
import { readStoredSession, type StoredSession } from '../../store/stored-session';
import { queuedMessages, type RecoveredMessages, recoverMessages } from '../stored-messages';
import { SessionWriter } from './session-writer';

/** What of a session was written anew. */
export interface RepairedSession {
  messages: { count: number; bytes: number };
  inflight: number;
  subscriptions: number;
  deadLetters: number;
}

/**
 * Writes what can be proven of a damaged session into another store, in a journal of its own. Messages keep their order,
 * those that may have been sent also their packet identifiers. Records were lost, so two things are not taken over:
 * identifiers of received messages (a stale one would swallow a new message, a missing one costs a repetition), and the
 * trust that the broker holds nothing under identifiers yet unused.
 * @throws SessionError of the store; the system's errors.
 */
export async function repairSession(
  fileSystem: FileSystem,
  directory: string,
  clientId: string,
  target: SessionStore,
): Promise<RepairedSession> {
  const session = await readStoredSession(fileSystem, directory, clientId, recordCodec);
  if (session === undefined) throw new Error(`Nothing is stored in ${directory}.`);
  try {
    const { metadata } = session.snapshot;
    const writer = await SessionWriter.open(target, { ...metadata, clientId });
    try {
      return await rewrite(session, writer, metadata);
    } catch (error) {
      await writer.abandon();
      throw error;
    }
  } finally {
    await session.close();
  }
}

async function rewrite(
  session: StoredSession<SessionRecord>,
  writer: SessionWriter,
  metadata: SessionMetadata,
): Promise<RepairedSession> {
  const recovered = await recoverMessages(session);
  const { released, front, failed } = recovered.outbound;
  const outbound = [...released, ...front].sort((one, other) => one.message.sequence - other.message.sequence);
  const open: OpenMessageState[] = [];
  for (const entry of outbound) {
    const { message } = entry;
    await writer.add(message, message.enqueuedAt, message.origin);
    open.push(openMessage(entry, writer.sequence, open));
  }
  const queueAfter = writer.sequence;
  let oldestEnqueuedAt = outbound[0]?.message.enqueuedAt ?? 0;
  for await (const { message } of queuedMessages(session, recovered)) {
    oldestEnqueuedAt ||= message.enqueuedAt;
    await writer.add(message, message.enqueuedAt, message.origin);
  }
  const deadLetters = await copyDeadLetters(session, writer);
  for (const {
    outbound: { message },
    failure,
  } of failed) {
    // It was given up, and would have become one next.
    const { sequence, enqueuedAt, origin, ...content } = message;
    const record = {
      ...failure,
      kind: RecordKind.Failed,
      sequence,
      message: content,
      enqueuedAt,
      ...(origin && { origin }),
    };
    await writer.deadLetters.keep(`${sequence}.${enqueuedAt}`, record);
  }
  const state = repairedState(recovered, writer, { open, queueAfter, oldestEnqueuedAt });
  const inflight = outbound.filter(({ sent }) => sent).length;
  await writer.finish(state, metadata);
  const { stored: messages } = writer;
  return { messages, inflight, subscriptions: state.subscriptions.length, deadLetters: deadLetters + failed.length };
}

/** They get the time of the repair as that since which they are kept. Resolves to how many there are. */
async function copyDeadLetters(session: StoredSession<SessionRecord>, writer: SessionWriter): Promise<number> {
  const deadLetters = await session.deadLetters();
  if (deadLetters === undefined) return 0;
  try {
    let count = 0;
    for await (const letter of deadLetters.records()) {
      if ('fault' in letter || letter.record.kind !== RecordKind.Failed) continue;
      await writer.deadLetters.keep(letter.entry.key, letter.record);
      count += 1;
    }
    return count;
  } finally {
    await deadLetters.close();
  }
}

function repairedState(
  { recovery, outbound }: RecoveredMessages,
  { sequence, stored }: SessionWriter,
  parts: Pick<SessionState, 'open' | 'queueAfter' | 'oldestEnqueuedAt'>,
): SessionState {
  return {
    ...emptySessionState(),
    ...parts,
    sequence,
    mark: parts.open.findLast(({ phase }) => phase !== 'requeued')?.sequence ?? 0,
    stored: { ...stored },
    subscriptions: [...recovery.subscriptions.values()],
    paused: outbound.paused,
    window: outbound.window,
    broker: recovery.broker,
    adoptedUntil: sequence + MESSAGE_IDENTIFIERS,
    transfers: recovery.transfers.state,
    reserved: outbound.reserved,
  };
}

/** `before`: those that are open already. One identifier stands for one message, whatever a damaged file says. */
function openMessage(
  { phase, sent, packetId, releaseOrder, sentAt, retries }: OutboundMessage,
  sequence: number,
  before: readonly OpenMessageState[],
): OpenMessageState {
  const isTaken = before.some((other) => other.phase !== 'requeued' && other.packetId === packetId);
  if (!sent || isTaken) {
    return { sequence, packetId: identifierOf(sequence), phase: 'requeued', releaseOrder: 0, sentAt, retries };
  }
  return {
    sequence,
    packetId,
    phase: phase === 'released' ? 'released' : 'published',
    releaseOrder: phase === 'released' ? releaseOrder : 0,
    sentAt,
    retries,
  };
}
