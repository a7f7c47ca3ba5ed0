import { type DiscardCause, Discards } from './discards';
import type { Effect } from './effects';
import { FailedMessages } from './failed-messages';
import type { Failure } from './failure';
import { Fifo } from './fifo';
import { HeldIdentifiers } from './held-identifiers';
import type { QueuedMessage } from './message';
import { isReleased, type OutboundMessage, openState, outboundFrom } from './outbound-message';
import { OutboundQueue } from './outbound-queue';
import { identifierOf } from './packet-identifiers';
import type { AcknowledgementProperties } from './packets';
import { Purge, type PurgeDone } from './purge';
import type { RecordLog } from './record-log';
import { RecordKind } from './records';
import type { RecoveredOutbound } from './recovery';
import { SentMark } from './sent-mark';
import type { SessionState } from './state';

/**
 * What of the way out is valid for the session, whatever becomes of connections: which messages are stored, where each
 * of them stands, and how each of them ends. Every end is a Completed record.
 */
export class OutboundLedger {
  readonly queue: OutboundQueue;
  /** Before the queue: messages of an earlier connection to be sent again, and those the broker's session lost. */
  readonly front = new Fifo<OutboundMessage>();
  /** By identifier, in the order they were first sent. */
  readonly open = new Map<number, OutboundMessage>();
  readonly failed: FailedMessages;
  readonly held: HeldIdentifiers;
  readonly mark: SentMark;
  paused: boolean;
  readonly #purge: Purge;
  readonly #discards: Discards;
  /** Messages of this process whose publisher waits for the acknowledgement; they may be on disk only meanwhile. */
  readonly #watched = new Set<number>();
  /** The newest message that left the queue. */
  #takenUpTo: number;
  #stored: { count: number; bytes: number };
  #releases: number;

  constructor(
    recovered: RecoveredOutbound,
    private readonly log: RecordLog,
    private readonly effects: Effect[],
    private readonly keepFailed: boolean,
  ) {
    this.queue = new OutboundQueue(recovered.queueAfter, recovered.lastMessage);
    this.queue.loaded(recovered.ready, log.durable);
    this.mark = new SentMark(recovered.mark, log);
    this.failed = new FailedMessages(recovered.failed, log, effects);
    this.held = new HeldIdentifiers(recovered.adoptedUntil, recovered.reserved);
    this.paused = recovered.paused;
    this.#purge = new Purge(effects);
    this.#discards = new Discards(effects);
    this.#stored = { ...recovered.stored };
    this.#takenUpTo = recovered.queueAfter;
    this.#releases = recovered.released.length;
    for (const outbound of recovered.released) this.open.set(outbound.packetId, outbound);
    for (const outbound of recovered.front) {
      // Of two with the same identifier (the mark runs ahead) the older one has it.
      if (outbound.sent && !this.open.has(outbound.packetId)) this.open.set(outbound.packetId, outbound);
      this.front.push(outbound);
    }
    // All that is stored is in memory: what damage took away was counted until now.
    if (!this.queue.tailOnDisk) this.#recount();
    if (!keepFailed) for (const { sequence } of this.failed.state) this.failedKept(sequence);
  }

  get stored(): { count: number; bytes: number } {
    return this.#stored;
  }

  /** The oldest stored message, when it is in memory. */
  get oldest(): QueuedMessage | undefined {
    let oldest: QueuedMessage | undefined = this.front.peek()?.message ?? this.queue.peek()?.message;
    for (const { message } of [...this.open.values(), ...this.failed.messages()]) {
      if (oldest === undefined || message.sequence < oldest.sequence) oldest = message;
    }
    return oldest;
  }

  /** Stored messages that have left the queue, by sequence. */
  takenMessages(): Map<number, QueuedMessage> {
    return new Map(this.#away().map(({ message }) => [message.sequence, message]));
  }

  isDurable({ message }: OutboundMessage): boolean {
    return message.sequence <= this.log.durable;
  }

  // In.

  /** Stores a message that already has its record and sequence. */
  enqueue(message: QueuedMessage, size: number, watched: boolean): void {
    this.#stored.count += 1;
    this.#stored.bytes += size;
    if (watched) this.#watched.add(message.sequence);
    this.#purge.enqueued(size);
    this.queue.enqueue(message, size);
  }

  /** What a read of the journal brought. */
  loaded(messages: { message: QueuedMessage; size: number; keep: boolean }[]): void {
    const wasOnDisk = this.queue.tailOnDisk;
    this.queue.loaded(messages, this.log.durable);
    // Everything was durable and still nothing is there: the journal has reported the damage.
    if (messages.length === 0 && this.queue.tailMissing) this.queue.endTail();
    // All of it has been read: what damage took away was counted until now.
    if (wasOnDisk && !this.queue.tailOnDisk) this.#recount();
  }

  // From the queue on.

  /** The next message to be sent, if it may leave the queue. */
  next(): OutboundMessage | undefined {
    const first = this.front.peek();
    if (this.#purge.isPending && (first === undefined || isUnsent(first))) return undefined;
    if (first !== undefined) return first;
    const ready = this.queue.peek();
    return ready === undefined ? undefined : outboundFrom(ready);
  }

  /** The next message, given by `next`, is no longer the next. */
  taken(outbound: OutboundMessage): void {
    if (this.front.peek() === outbound) {
      this.front.shift();
      return;
    }
    this.queue.shift();
    this.#takenUpTo = outbound.message.sequence;
  }

  /** PUBREC came. `barrier` of the message says which record PUBREL waits for. */
  release(outbound: OutboundMessage): void {
    outbound.phase = 'releasing';
    outbound.releaseOrder = ++this.#releases;
    outbound.barrier = this.log.extendReleased(outbound.message.sequence, outbound.previous);
  }

  /** What is to be sent before the queue, in the order of publishing. */
  refillFront(outbound: Iterable<OutboundMessage>): void {
    const sorted = [...outbound].sort((one, other) => one.message.sequence - other.message.sequence);
    this.front.clear();
    for (const one of sorted) this.front.push(one);
  }

  /**
   * The broker lost its session, or we started a clean one: what was open goes back to the front of the queue, in
   * order, as new messages; `lostRecord` must be durable before any of them is sent.
   */
  sessionLost(policy: 'republish' | 'discard', lostRecord: number, now: number) {
    const all = new Set([...this.open.values(), ...this.front]);
    this.open.clear();
    this.mark.reset();
    this.held.sessionLost();
    this.#releases = 0;
    const counts = { requeued: 0, discarded: 0 };
    const requeued: OutboundMessage[] = [];
    for (const outbound of [...all].sort((one, other) => one.message.sequence - other.message.sequence)) {
      const wasSent = outbound.sent || isReleased(outbound);
      if (wasSent && policy === 'discard') {
        counts.discarded += 1;
        this.giveUp(outbound, { reason: 'session-lost', failedAt: now });
        continue;
      }
      if (wasSent) counts.requeued += 1;
      outbound.sent = false;
      outbound.cleared = false;
      outbound.phase = 'waiting';
      outbound.packetId = identifierOf(outbound.message.sequence);
      outbound.barrier = Math.max(outbound.barrier, lostRecord);
      outbound.releaseOrder = 0;
      requeued.push(outbound);
    }
    this.refillFront(requeued);
    return counts;
  }

  // Out.

  /** It is not stored any longer. @returns the sequence of the record that says so. */
  complete(outbound: OutboundMessage): number {
    this.#stored.count -= 1;
    this.#stored.bytes -= outbound.size;
    return this.log.extendCompleted(outbound.message.sequence, outbound.previous, outbound.size);
  }

  /** The broker has taken it (QoS 0: it was sent). */
  acknowledged(
    { message: { sequence } }: OutboundMessage,
    reasonCode: number,
    properties: AcknowledgementProperties | undefined,
  ): void {
    if (!this.#watched.delete(sequence)) return;
    const effect: Extract<Effect, { type: 'acknowledged' }> = { type: 'acknowledged', sequence, reasonCode };
    if (properties !== undefined) effect.properties = properties;
    this.effects.push(effect);
  }

  /**
   * It is never sent again: it becomes a dead letter, or is gone when such are not kept. Must have left the queue and be
   * durable. `reserve`: its identifier stays in use at the broker.
   */
  giveUp(outbound: OutboundMessage, failure: Failure, reserve = false): void {
    if (this.open.get(outbound.packetId) === outbound) this.open.delete(outbound.packetId);
    if (reserve) this.held.reserve(outbound.packetId);
    outbound.phase = 'waiting';
    if (this.keepFailed || reserve) this.failed.add(outbound, failure, reserve ? outbound.packetId : 0);
    if (!this.keepFailed) {
      this.failed.kept(outbound.message.sequence);
      this.#discard(outbound, failure);
    }
  }

  /** A message given up is a dead letter now. */
  failedKept(sequence: number): void {
    const kept = this.failed.kept(sequence);
    // That it was given up is durable, too: nothing brings it back.
    if (kept === undefined) return;
    this.complete(kept.outbound);
    this.#watched.delete(sequence);
    this.#discards.tell(kept.outbound.message, kept.failure);
  }

  /**
   * Drops never-sent, durable messages from the front of the queue until `bytes` are free below `maxBytes`.
   * @returns how many were dropped.
   */
  dropOldest(bytes: number, maxBytes: number): number {
    // For nothing: what left the queue is not dropped, and the message would not fit beside it.
    if (this.#sizes(this.#away()).bytes + bytes > maxBytes) return 0;
    let count = 0;
    while (this.#stored.bytes + bytes > maxBytes) {
      const ready = this.queue.peek();
      if (ready === undefined || ready.message.sequence > this.log.durable) break;
      const outbound = outboundFrom(ready);
      this.taken(outbound);
      this.#discard(outbound, { reason: 'dropped' });
      count += 1;
    }
    return count;
  }

  /** Removes all that the present session of the broker has not been sent; `purged` answers when that is durable. */
  purge(): void {
    this.#purge.request(this.queue.last);
    this.#purgeUnsent();
  }

  // What the disk says.

  durable(): void {
    this.mark.durable(this.log.durable);
    this.#discards.durable(this.log.durable);
    this.queue.retryLoad();
    this.#purgeUnsent();
    this.#purge.tell(this.log.durable);
  }

  /**
   * The store kept nothing above the last durable record: the messages there are not in the queue. What waited for
   * one of the other records now waits for `appended`, the last of those that were appended again.
   */
  storeFailed(rejected: readonly { sequence: number; size: number }[], appended: number): void {
    const durable = this.log.durable;
    for (const { sequence, size } of rejected) {
      this.#watched.delete(sequence);
      this.#stored.count -= 1;
      this.#stored.bytes -= size;
    }
    this.queue.rejectAbove(durable);
    this.#takenUpTo = Math.min(this.#takenUpTo, durable);
    this.refillFront([...this.front].filter((outbound) => this.isDurable(outbound)));
    for (const outbound of [...this.open.values()]) {
      if (!this.isDurable(outbound)) this.open.delete(outbound.packetId);
    }
    for (const list of [this.front, this.open.values()]) {
      for (const outbound of list) if (outbound.barrier > durable) outbound.barrier = appended;
    }
    this.mark.reappended(durable, appended);
    this.failed.reappended(durable, appended);
    this.#discards.reappended(durable, appended);
    this.#purge.storeFailed(durable, appended);
    this.#purgeUnsent();
  }

  /** The outbound part of a snapshot. `inline`: open messages go into it, so that their segments can be freed. */
  snapshot(inline: boolean) {
    const away = this.#away();
    if (inline) for (const outbound of away) outbound.inSnapshot = true;
    const open = away.map((outbound) => openState(outbound, this.mark.upTo));
    open.sort((one, other) => one.sequence - other.sequence);
    return {
      mark: this.mark.upTo,
      queueAfter: this.#takenUpTo,
      stored: { ...this.#stored },
      oldestEnqueuedAt: this.oldest?.enqueuedAt ?? 0,
      open,
      paused: this.paused,
      adoptedUntil: this.held.adoptedUntil,
      givenUp: this.failed.state,
      reserved: this.held.reserved,
    } satisfies Partial<SessionState>;
  }

  /** Removes what a purge is for, when all of that is durable. */
  #purgeUnsent(): void {
    const due = this.#purge.take(this.log.durable);
    if (due === undefined) return;
    const front = this.#purgeFront();
    const queue = this.#purgeQueue(due.upTo, due.behind);
    this.#purge.done({
      count: front.count + queue.count,
      bytes: front.bytes + queue.bytes,
      watched: [...front.watched, ...queue.watched],
      record: Math.max(front.record, queue.record),
    });
    this.#purge.tell(this.log.durable);
  }

  #purgeFront(): PurgeDone {
    const unsent = [...this.front].filter(isUnsent);
    this.refillFront([...this.front].filter((outbound) => !isUnsent(outbound)));
    let record = 0;
    for (const outbound of unsent) {
      // It may have had a place in the window of the last connection.
      if (this.open.get(outbound.packetId) === outbound) this.open.delete(outbound.packetId);
      record = this.complete(outbound);
    }
    const sequences = unsent.map(({ message }) => message.sequence);
    return { ...this.#sizes(unsent), watched: sequences.filter((sequence) => this.#watched.delete(sequence)), record };
  }

  /** Nothing above `#takenUpTo` is ever completed: it moves with the range. */
  #purgeQueue(upTo: number, behind: { count: number; bytes: number }): PurgeDone {
    const away = this.#sizes(this.#away());
    const count = this.#stored.count - away.count - behind.count;
    const bytes = this.#stored.bytes - away.bytes - behind.bytes;
    const first = this.#takenUpTo + 1;
    if (count <= 0 || first > upTo) return { count: 0, bytes: 0, watched: [], record: 0 };
    const watched = [...this.#watched].filter((sequence) => first <= sequence && sequence <= upTo);
    for (const sequence of watched) this.#watched.delete(sequence);
    this.#stored.count -= count;
    this.#stored.bytes -= bytes;
    const record = this.log.append({ kind: RecordKind.Completed, first, last: upTo, count, bytes });
    this.queue.removeUpTo(upTo);
    this.#takenUpTo = upTo;
    return { count, bytes, watched, record };
  }

  #discard(outbound: OutboundMessage, why: DiscardCause): void {
    const record = this.complete(outbound);
    this.#watched.delete(outbound.message.sequence);
    this.#discards.add(record, outbound.message, why);
  }

  /** Stored messages that have left the queue. */
  #away(): OutboundMessage[] {
    const all = new Set([...this.open.values(), ...this.front, ...this.failed.messages()]);
    return [...all].filter((outbound) => !outbound.removed);
  }

  #sizes(messages: readonly OutboundMessage[]): { count: number; bytes: number } {
    return { count: messages.length, bytes: messages.reduce((bytes, { size }) => bytes + size, 0) };
  }

  #recount(): void {
    const away = this.#sizes(this.#away());
    this.#stored = { count: this.queue.readyCount + away.count, bytes: this.queue.readyBytes + away.bytes };
  }
}

/** The present session of the broker has not been sent it, and is not about to be. */
function isUnsent({ sent, removed }: OutboundMessage): boolean {
  return !sent && !removed;
}
