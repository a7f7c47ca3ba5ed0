import type { SessionCopy } from '../client/session-copy';
import { SessionError } from '../errors';
import { encodeMcpsV1, type McpsV1InflightMessage, type McpsV1Session } from '../mcps/v1';
import type { QueuedMessage } from '../session/message';
import { identifierOf } from '../session/packet-identifiers';
import { RecordKind } from '../session/records';
import type { Subscription } from '../session/state';

const MESSAGES_MAX = 65_535;
/** Dead letters that are looked at in one go. */
const PAGE = 100;

/** What a version 1 file cannot hold of a session. All 0: it holds everything. */
export interface McpsV1Loss {
  /** Messages beyond 65,535: the newest. */
  messages: number;
  /** Messages whose MQTT 5 properties are left out. */
  properties: number;
  /** QoS 2 messages of which the broker has confirmed the receipt: they would be sent a second time. */
  released: number;
  /** Inbound QoS 2 messages that were handed over: they would be handed over again. */
  received: number;
  /** Subscriptions with MQTT 5 options, which are left out. */
  subscriptionOptions: number;
  /** Dead letters, and messages that are about to become one. */
  deadLetters: number;
}

/**
 * A session as a version 1 file: messages in flight first, with their identifiers, then the queue, all as in flight, each
 * with an identifier of its own; the original implementation sends them in this order. Dead letters are not in it: they count as lost. The
 * session may go on meanwhile; the export is of the moment in which `copy` was made. `copy` is closed in the end.
 * With `allowLoss` what version 1 cannot hold is left out, and `lost` says so, instead of refusing. The file is whole in
 * any case.
 * @throws SessionError `ERR_EXPORT_LOSS` with `details.lost`, McpsError `ERR_MCPS_LENGTH` or `_UTF8` for a text that
 * version 1 cannot hold; the system's error.
 */
export async function exportMcpsV1(
  copy: SessionCopy,
  { allowLoss = false }: { allowLoss?: boolean } = {},
): Promise<{ file: Buffer; lost: McpsV1Loss }> {
  try {
    // Before anything is read: a million messages would have to be in memory.
    const tooMany = Math.max(0, copy.state.stored.count - MESSAGES_MAX);
    const { state } = copy;
    const lost: McpsV1Loss = {
      messages: tooMany,
      properties: 0,
      released: state.open.filter(({ phase }) => phase === 'released').length,
      received: state.received.length,
      subscriptionOptions: state.subscriptions.filter(hasOptions).length,
      deadLetters: await deadLettersOf(copy),
    };
    if (tooMany > 0 && !allowLoss) throw lossError(copy, lost);
    const { inflight, left } = await inflightOf(copy, lost);
    lost.messages = left;
    if (!allowLoss && Object.values(lost).some((count) => count > 0)) throw lossError(copy, lost);
    return { file: encodeMcpsV1(sessionOf(copy, inflight)), lost };
  } finally {
    await copy.close();
  }
}

async function deadLettersOf({ deadLetters, state }: SessionCopy): Promise<number> {
  const givenUp = new Set(state.givenUp.map(({ sequence }) => sequence));
  let count = 0;
  for (let page = await deadLetters.list(0, PAGE); page.length > 0; ) {
    for (const { record } of page) {
      count += 1;
      if (record.kind === RecordKind.Failed) givenUp.delete(record.sequence);
    }
    page = await deadLetters.list(page.at(-1)?.id ?? 0, PAGE);
  }
  return count + givenUp.size;
}

function sessionOf({ metadata, state }: SessionCopy, inflight: McpsV1InflightMessage[]): McpsV1Session {
  return {
    version: 1,
    clientId: metadata.clientId,
    createdTime: metadata.createdAt,
    lastAccessTime: metadata.lastAccessAt,
    expiryInterval: metadata.expiryInterval,
    lastPacketId: inflight.at(-1)?.packetId ?? (state.sequence === 0 ? 0 : identifierOf(state.sequence)),
    subscriptions: state.subscriptions
      .filter((subscription) => subscription.state !== 'removing')
      .map(({ filter, qos }) => ({ topic: filter, qos })),
    inflight,
  };
}

async function inflightOf(
  copy: SessionCopy,
  lost: McpsV1Loss,
): Promise<{ inflight: McpsV1InflightMessage[]; left: number }> {
  const givenUp = new Set(copy.state.givenUp.map(({ sequence }) => sequence));
  const open = copy.state.open.filter(({ sequence, message }) => message !== undefined && !givenUp.has(sequence));
  const identifiers = new Identifiers();
  // Those that the broker may know first: no queued message may get one of theirs.
  for (const { packetId, message, phase } of open) {
    if (phase !== 'requeued' && message?.qos !== 0) identifiers.take(packetId);
  }
  const inflight: McpsV1InflightMessage[] = [];
  let left = 0;
  const add = (
    message: QueuedMessage,
    known: { packetId: number; sentAt: number; retries: number } | undefined,
  ): void => {
    if (inflight.length === MESSAGES_MAX) {
      left += 1;
      return;
    }
    if (message.properties !== undefined && Object.keys(message.properties).length > 0) lost.properties += 1;
    inflight.push({
      packetId: known?.packetId ?? identifiers.next(identifierOf(message.sequence)),
      topic: message.topic,
      payload: message.payload,
      qos: message.qos,
      retain: message.retain,
      sendTime: Math.max(0, Math.trunc(known?.sentAt || message.enqueuedAt)),
      retryCount: known?.retries ?? 0,
    });
  };
  for (const entry of open) {
    const { message, phase } = entry;
    if (message !== undefined) add(message, phase !== 'requeued' && message.qos !== 0 ? entry : undefined);
  }
  for await (const message of copy.queued()) add(message, undefined);
  return { inflight, left };
}

/** Packet identifiers, each given once (MQTT-2.3.1-2 (3.1.1)). There are as many as a file holds messages. */
class Identifiers {
  readonly #used = new Set<number>();

  take(identifier: number): void {
    this.#used.add(identifier);
  }

  /** The first free one from `wanted` on. */
  next(wanted: number): number {
    let identifier = wanted;
    while (this.#used.has(identifier)) identifier = (identifier % MESSAGES_MAX) + 1;
    this.#used.add(identifier);
    return identifier;
  }
}

/** What the import of a version 1 file would not give back. */
function hasOptions({ noLocal, retainAsPublished, retainHandling }: Subscription): boolean {
  return noLocal || !retainAsPublished || retainHandling !== 0;
}

function lossError({ metadata: { clientId } }: SessionCopy, lost: McpsV1Loss): SessionError {
  const parts = [
    [lost.messages, 'messages beyond 65,535'],
    [lost.properties, 'messages with MQTT 5 properties'],
    [lost.released, 'QoS 2 messages that the broker has received already'],
    [lost.received, 'received QoS 2 identifiers'],
    [lost.subscriptionOptions, 'subscriptions with MQTT 5 options'],
    [lost.deadLetters, 'dead letters'],
  ].flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  return new SessionError(
    'ERR_EXPORT_LOSS',
    `A file of MCPS version 1 cannot hold all of the session "${clientId}": ${parts.join(', ')}. Export it as JSONL, or ` +
      'allow the loss.',
    { details: { clientId, lost } },
  );
}
