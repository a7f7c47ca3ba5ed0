import type { DiscardReason, Effect } from './effects';
import { Fifo } from './fifo';
import type { QoS, QueuedMessage } from './message';
import {
  isReleased,
  type OutboundMessage,
  obstacleTo,
  openState,
  outboundFrom,
  publishPacket,
} from './outbound-message';
import { LOAD_BYTES, OutboundQueue } from './outbound-queue';
import { identifierOf } from './packet-identifiers';
import type { AcknowledgementPacket, AcknowledgementProperties, ConnectionLimits } from './packets';
import type { RecordLog } from './record-log';
import type { RecoveredOutbound } from './recovery';
import { SendWindow } from './send-window';
import { SentMark } from './sent-mark';
import type { SessionState } from './state';

/** Messages beyond the window by which the mark runs ahead, for the records in between. */
const MARK_STEP_EXTRA = 64;
/** Bytes that the mark may run ahead, at the size of the message that moves it. */
const MARKED_BYTES_MAX = 1024 * 1024;

/**
 * The way of a message out. On every path: store, send, forget.
 *
 * queue (disk, front in memory) -> `front` or queue head is admitted to the window -> `line`, in order, until its
 * records are durable -> PUBLISH -> PUBACK, or PUBREC (recorded, durable) -> PUBREL -> PUBCOMP -> completed.
 */
export class Outbound {
  // Valid for the session.
  readonly #queue: OutboundQueue;
  /** Before the queue: messages of an earlier connection to be sent again, and those the broker's session lost. */
  readonly #front = new Fifo<OutboundMessage>();
  /** By identifier, in the order they were first sent. */
  readonly #open = new Map<number, OutboundMessage>();
  readonly #mark: SentMark;
  readonly #window: SendWindow;
  #releases: number;
  /** Messages of this process whose publisher waits for the acknowledgement; they may be on disk only meanwhile. */
  readonly #watched = new Set<number>();
  /** The newest message that left the queue. */
  #takenUpTo: number;
  #stored: { count: number; bytes: number };
  #adoptedAbove = 0;
  #adoptedUntil: number;
  paused: boolean;

  // Valid for the connection.
  #limits: ConnectionLimits | undefined;
  /** Admitted, in order, until everything they wait for is durable. */
  readonly #line = new Fifo<OutboundMessage>();
  /** PUBRELs waiting for their record. */
  readonly #releaseLine = new Fifo<OutboundMessage>();
  /** PUBRELs of an earlier connection go out before any PUBLISH. */
  #resuming = false;
  #congested = false;
  /** When an acknowledgement last came, or the window was last empty. */
  #quietSince = 0;

  constructor(
    recovered: RecoveredOutbound,
    maxInflight: number,
    private readonly log: RecordLog,
    private readonly effects: Effect[],
    private readonly counters: { published: number; resent: number },
    /** The mark covers nothing that is not about to be sent. */
    private readonly exactMark: boolean,
    now: number,
  ) {
    this.#queue = new OutboundQueue(recovered.queueAfter, recovered.lastMessage);
    this.#queue.loaded(recovered.ready, log.durable);
    this.#mark = new SentMark(recovered.mark, log);
    this.#window = new SendWindow(maxInflight, recovered.window, now);
    this.#stored = { ...recovered.stored };
    this.#takenUpTo = recovered.queueAfter;
    this.#adoptedUntil = recovered.adoptedUntil;
    this.#releases = recovered.released.length;
    this.paused = recovered.paused;
    for (const outbound of recovered.released) this.#open.set(outbound.packetId, outbound);
    for (const outbound of recovered.front) {
      if (outbound.sent) this.#open.set(outbound.packetId, outbound);
      this.#front.push(outbound);
    }
  }

  get stored(): { count: number; bytes: number } {
    return this.#stored;
  }

  get inflight(): number {
    return this.#open.size;
  }

  /** Whether a QoS 0 message may go out right now, past the queue. */
  get takesQoS0(): boolean {
    return this.#limits !== undefined && !this.#congested && !this.paused;
  }

  get windowLimit(): number {
    return this.#window.limit;
  }

  get mark(): number {
    return this.#mark.upTo;
  }

  usesIdentifier(identifier: number): boolean {
    return this.#open.has(identifier);
  }

  /** Identifiers in use, for statistics and administration. */
  openMessages(): IterableIterator<OutboundMessage> {
    return this.#open.values();
  }

  /** The oldest stored message, when it is in memory. */
  get oldest(): QueuedMessage | undefined {
    let oldest: QueuedMessage | undefined = this.#front.peek()?.message ?? this.#queue.peek()?.message;
    for (const outbound of this.#open.values()) {
      if (oldest === undefined || outbound.message.sequence < oldest.sequence) oldest = outbound.message;
    }
    return oldest;
  }

  /** Stores a message that already has its record and sequence. */
  enqueue(message: QueuedMessage, size: number, watched: boolean): void {
    this.#stored.count += 1;
    this.#stored.bytes += size;
    if (watched) this.#watched.add(message.sequence);
    this.#queue.enqueue(message, size);
  }

  /**
   * Drops never-sent, durable messages from the front of the queue until `bytes` are free below `maxBytes`.
   * @returns how many were dropped.
   */
  dropOldest(bytes: number, maxBytes: number): number {
    // For nothing: what left the queue is not dropped, and the message would not fit beside it.
    if (this.#takenBytes() + bytes > maxBytes) return 0;
    let count = 0;
    while (this.#stored.bytes + bytes > maxBytes) {
      const ready = this.#queue.peek();
      if (ready === undefined || ready.message.sequence > this.log.durable) break;
      this.#queue.shift();
      this.#takenUpTo = ready.message.sequence;
      this.#discard(outboundFrom(ready), 'dropped');
      count += 1;
    }
    return count;
  }

  connected(limits: ConnectionLimits, now: number): void {
    this.#limits = limits;
    this.#congested = false;
    this.#quietSince = now;
    this.#window.connected(limits);
    const released = [...this.#open.values()].filter((outbound) => isReleased(outbound));
    released.sort((one, other) => one.releaseOrder - other.releaseOrder);
    for (const outbound of released) {
      outbound.windowBytes = 0;
      this.#window.take(0, 2);
      this.#releaseLine.push(outbound);
    }
    this.#resuming = true;
    this.#sendReleases();
  }

  disconnected(closedByPeer: boolean, now: number): void {
    if (this.#limits === undefined) return;
    this.#limits = undefined;
    if (closedByPeer) this.#window.closedByPeer(now);
    const again = new Map<number, OutboundMessage>();
    for (const outbound of this.#open.values()) {
      outbound.windowBytes = -1;
      if (isReleased(outbound)) continue;
      outbound.phase = 'waiting';
      again.set(outbound.message.sequence, outbound);
    }
    for (const outbound of this.#line) again.set(outbound.message.sequence, outbound);
    for (const outbound of this.#front) again.set(outbound.message.sequence, outbound);
    this.#line.clear();
    this.#releaseLine.clear();
    this.#refillFront([...again.values()]);
  }

  /**
   * The broker lost its session, or we started a clean one: what was open goes back to the front of the queue, in
   * order, as new messages; `lostRecord` must be durable before any of them is sent.
   */
  sessionLost(policy: 'republish' | 'discard', lostRecord: number): { requeued: number; discarded: number } {
    const all = new Map<number, OutboundMessage>();
    for (const outbound of this.#open.values()) all.set(outbound.message.sequence, outbound);
    for (const outbound of this.#front) all.set(outbound.message.sequence, outbound);
    this.#open.clear();
    this.#mark.reset();
    this.#adoptedUntil = 0;
    this.#releases = 0;
    const requeued: OutboundMessage[] = [];
    const counts = { requeued: 0, discarded: 0 };
    for (const outbound of all.values()) {
      const wasSent = outbound.sent || isReleased(outbound);
      if (wasSent && policy === 'discard') {
        counts.discarded += 1;
        this.#discard(outbound, 'session-lost');
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
    this.#refillFront(requeued);
    return counts;
  }

  /** The broker may hold any QoS 2 identifier: for messages above `from` up to `until` it is cleared before use. */
  adopt(from: number, until: number): void {
    this.#adoptedAbove = from;
    this.#adoptedUntil = until;
  }

  /** Takes a place in the window for a message past the queue; false: there is none. */
  takePlace(qos: QoS): boolean {
    if (!this.#window.admits(0, qos)) return false;
    this.#window.take(0, qos);
    return true;
  }

  givePlaceBack(qos: QoS): void {
    this.#window.giveBack(0, qos);
  }

  forgetWindow(): void {
    this.#window.forget();
  }

  /** The stream takes no more (or takes more again). PUBREL and acknowledgements are never held back. */
  congestion(congested: boolean): void {
    this.#congested = congested;
  }

  acknowledged(packet: AcknowledgementPacket, now: number): boolean {
    const outbound = this.#open.get(packet.messageId);
    if (outbound === undefined) return this.#answerUnknown(packet);
    // Ours, but not sent again on this connection yet: a PUBREL now would let the broker take the re-send as new.
    if (outbound.windowBytes < 0) return false;
    if (packet.cmd === 'puback' && outbound.qos === 1 && outbound.phase === 'published') {
      this.#end(outbound, packet, now);
    } else if (packet.cmd === 'pubrec' && outbound.qos === 2 && outbound.phase === 'published') {
      this.#quietSince = now;
      if ((packet.reasonCode ?? 0) >= 0x80) this.#end(outbound, packet, now);
      else this.#release(outbound);
    } else if (packet.cmd === 'pubrec' && outbound.phase === 'released') {
      this.#send({ cmd: 'pubrel', messageId: outbound.packetId });
    } else if (packet.cmd === 'pubcomp' && outbound.phase === 'released') {
      this.#end(outbound, packet, now);
    } else if (packet.cmd === 'pubcomp' && outbound.phase === 'clearing') {
      outbound.phase = 'waiting';
      outbound.cleared = true;
    } else {
      return false;
    }
    return true;
  }

  /** More records are durable. */
  durable(): void {
    this.#mark.durable(this.log.durable);
    this.#queue.retryLoad();
  }

  /** Does all that can be done now: PUBRELs, admission to the window, PUBLISH, reading ahead. */
  advance(now: number): void {
    if (this.#limits !== undefined) {
      this.#sendReleases();
      if (!this.#resuming) {
        if (!this.paused) this.#admit(this.#limits, now);
        this.#sendLine(this.#limits, now);
      }
    }
    const after = this.#queue.nextLoad(this.log.durable);
    if (after !== undefined) this.effects.push({ type: 'load', after, maxBytes: LOAD_BYTES });
  }

  /** What a read of the journal brought. */
  loaded(messages: { message: QueuedMessage; size: number; keep: boolean }[]): void {
    this.#queue.loaded(messages, this.log.durable);
    if (messages.length === 0 && this.#queue.tailMissing) {
      // Everything was durable and still nothing is there: the journal has reported the damage, the counts follow.
      this.#queue.endTail();
      this.#recount();
    }
  }

  loadFailed(): void {
    this.#queue.loadFailed();
  }

  /** Milliseconds since anything was acknowledged although something is open on this connection; 0: nothing is. */
  overdueFor(now: number): number {
    if (this.#limits === undefined || !this.#awaitsAnswer()) {
      this.#quietSince = now;
      return 0;
    }
    return now - this.#quietSince;
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
    this.#queue.rejectAbove(durable);
    this.#takenUpTo = Math.min(this.#takenUpTo, durable);
    for (const list of [this.#line, this.#front]) {
      const all = [...list];
      list.clear();
      for (const outbound of all) {
        if (outbound.message.sequence <= durable) list.push(outbound);
        else {
          this.#open.delete(outbound.packetId);
          if (outbound.windowBytes >= 0) this.#window.giveBack(outbound.windowBytes, outbound.qos);
        }
      }
    }
    for (const list of [this.#line, this.#front, this.#open.values()]) {
      for (const outbound of list) if (outbound.barrier > durable) outbound.barrier = appended;
    }
    this.#mark.reappended(durable, appended);
  }

  /** The outbound part of a snapshot. `inline`: open messages go into it, so that their segments can be freed. */
  snapshot(
    inline: boolean,
  ): Pick<
    SessionState,
    'mark' | 'queueAfter' | 'stored' | 'oldestEnqueuedAt' | 'open' | 'paused' | 'window' | 'adoptedUntil'
  > {
    const taken = this.#taken();
    if (inline) for (const outbound of taken) outbound.inSnapshot = true;
    const open = taken.map((outbound) => openState(outbound, this.#mark.upTo));
    open.sort((one, other) => one.sequence - other.sequence);
    return {
      mark: this.#mark.upTo,
      queueAfter: this.#takenUpTo,
      stored: { ...this.#stored },
      oldestEnqueuedAt: this.oldest?.enqueuedAt ?? 0,
      open,
      paused: this.paused,
      window: this.#window.learned,
      adoptedUntil: this.#adoptedUntil,
    };
  }

  /** Whether the broker owes an answer; what waits in line for the disk is not its fault. */
  #awaitsAnswer(): boolean {
    if (this.#line.peek()?.phase === 'clearing') return true;
    return this.#window.used > this.#line.length + this.#releaseLine.length;
  }

  #admit(limits: ConnectionLimits, now: number): void {
    while (!this.#congested) {
      const fromFront = this.#front.peek();
      const ready = fromFront === undefined ? this.#queue.peek() : undefined;
      const next = fromFront ?? (ready === undefined ? undefined : outboundFrom(ready));
      if (next === undefined) return;
      const obstacle = obstacleTo(next, limits, now);
      // Only what is durable may be removed from the journal. And as long as it is not, its identifier may yet go to
      // another message: clearing it now would leave a PUBREL open under that one.
      const isRemoved = obstacle !== undefined || limits.maximumQoS === 0 || next.message.qos === 0;
      if ((isRemoved || this.#mayBeHeld(next.message.sequence)) && !this.#isDurable(next)) return;
      if (obstacle === undefined && !this.#enterWindow(next, limits)) return;
      if (ready === undefined) this.#front.shift();
      else {
        this.#queue.shift();
        this.#takenUpTo = next.message.sequence;
      }
      if (obstacle !== undefined) this.#discard(next, obstacle);
      else this.#line.push(next);
    }
  }

  #isDurable(outbound: OutboundMessage): boolean {
    return outbound.message.sequence <= this.log.durable;
  }

  #enterWindow(outbound: OutboundMessage, limits: ConnectionLimits): boolean {
    // Once its removal is recorded a message is sent without a handshake, whatever the next broker would take.
    // A re-send keeps the QoS of the first; it only follows a broker that takes less now.
    const wanted = outbound.sent ? outbound.qos : outbound.message.qos;
    const qos = outbound.removed ? 0 : (Math.min(wanted, limits.maximumQoS) as QoS);
    if (qos === 0) {
      if (!outbound.removed) {
        outbound.removed = true;
        this.#open.delete(outbound.packetId);
        outbound.barrier = this.#complete(outbound);
      }
      outbound.qos = 0;
      return true;
    }
    const holder = this.#open.get(outbound.packetId);
    if ((holder !== undefined && holder !== outbound) || !this.#window.admits(outbound.size, qos)) return false;
    if (qos < outbound.message.qos && outbound.qos !== qos) {
      const { sequence } = outbound.message;
      const from = outbound.message.qos;
      this.effects.push({ type: 'report', report: { kind: 'quality-lowered', sequence, from, to: qos } });
    }
    outbound.qos = qos;
    outbound.windowBytes = outbound.size;
    this.#window.take(outbound.size, qos);
    this.#open.set(outbound.packetId, outbound);
    if (qos === 2 && !outbound.sent && !outbound.cleared && this.#mayBeHeld(outbound.message.sequence)) {
      outbound.phase = 'clearing';
      this.#send({ cmd: 'pubrel', messageId: outbound.packetId });
    }
    return true;
  }

  #sendLine(limits: ConnectionLimits, now: number): void {
    for (let head = this.#line.peek(); head !== undefined; head = this.#line.peek()) {
      if (head.phase === 'clearing') return;
      const marked = head.qos === 0 || head.sent ? 0 : this.#mark.cover(head.message.sequence, this.#markStep(head));
      if (Math.max(head.barrier, marked) > this.log.durable) return;
      this.#line.shift();
      this.#send(publishPacket(head, limits, now));
      this.counters.published += 1;
      if (head.sent) this.counters.resent += 1;
      if (head.qos === 0) {
        // Nobody answers it: it was sent, which is all that QoS 0 promises.
        this.#tellWatcher(head, 0, {});
        continue;
      }
      head.phase = 'published';
      head.sent = true;
    }
  }

  /** Whether the broker may hold another message under the identifier of this one. */
  #mayBeHeld(sequence: number): boolean {
    return this.#adoptedAbove < sequence && sequence <= this.#adoptedUntil;
  }

  /**
   * How far the mark runs ahead. Not beyond what is in line while identifiers are being cleared (it must not cover one
   * that the broker may still hold), where what counts as sent is discarded with the broker's session, and for large
   * messages: what it covers is in memory after a crash.
   */
  #markStep(head: OutboundMessage): number {
    const { sequence } = head.message;
    const ahead = this.#window.limit + MARK_STEP_EXTRA;
    const isExact = this.exactMark || sequence <= this.#adoptedUntil || ahead * head.size > MARKED_BYTES_MAX;
    if (!isExact) return ahead;
    let cleared = sequence;
    for (const outbound of this.#line) {
      if (outbound.phase === 'clearing') break;
      cleared = outbound.message.sequence;
    }
    return cleared - sequence;
  }

  #release(outbound: OutboundMessage): void {
    outbound.phase = 'releasing';
    outbound.releaseOrder = ++this.#releases;
    outbound.barrier = this.log.extendReleased(outbound.message.sequence, outbound.previous);
    this.#releaseLine.push(outbound);
  }

  #sendReleases(): void {
    for (let head = this.#releaseLine.peek(); head !== undefined; head = this.#releaseLine.peek()) {
      if (head.barrier > this.log.durable) return;
      this.#releaseLine.shift();
      head.phase = 'released';
      this.#send({ cmd: 'pubrel', messageId: head.packetId });
    }
    this.#resuming = false;
  }

  /** The handshake is over, well or with a refusal (4.4.0-2 (5.0): such a message is never sent again). */
  #end(outbound: OutboundMessage, packet: AcknowledgementPacket, now: number): void {
    this.#quietSince = now;
    this.#open.delete(outbound.packetId);
    this.#window.release(outbound.windowBytes, outbound.qos, now);
    const reasonCode = packet.reasonCode ?? 0;
    // PUBCOMP 0x92: the broker does not know the identifier, so it had completed the message before.
    if (reasonCode >= 0x80 && packet.cmd !== 'pubcomp') {
      this.#discard(outbound, 'refused', reasonCode, packet.properties?.reasonString);
      return;
    }
    this.#complete(outbound);
    this.#tellWatcher(outbound, reasonCode, packet.properties === undefined ? {} : { properties: packet.properties });
  }

  #tellWatcher(
    { message: { sequence } }: OutboundMessage,
    reasonCode: number,
    properties: { properties?: AcknowledgementProperties },
  ): void {
    if (!this.#watched.delete(sequence)) return;
    this.effects.push({ type: 'acknowledged', sequence, reasonCode, ...properties });
  }

  #discard(outbound: OutboundMessage, reason: DiscardReason, reasonCode?: number, reasonString?: string): void {
    if (this.#open.get(outbound.packetId) === outbound) this.#open.delete(outbound.packetId);
    this.#complete(outbound);
    this.#watched.delete(outbound.message.sequence);
    this.effects.push({
      type: 'discarded',
      message: outbound.message,
      reason,
      ...(reasonCode === undefined ? {} : { reasonCode }),
      ...(reasonString === undefined ? {} : { reasonString }),
    });
  }

  #complete(outbound: OutboundMessage): number {
    this.#stored.count -= 1;
    this.#stored.bytes -= outbound.size;
    return this.log.extendCompleted(outbound.message.sequence, outbound.previous, outbound.size);
  }

  /** An acknowledgement of something we do not have: the handshake is finished, so that the broker can forget it. */
  #answerUnknown(packet: AcknowledgementPacket): boolean {
    if (packet.cmd === 'pubrec' && (packet.reasonCode ?? 0) < 0x80) {
      const notFound = this.#limits?.protocolVersion === 5 ? { reasonCode: 0x92 } : {};
      this.#send({ cmd: 'pubrel', messageId: packet.messageId, ...notFound });
    }
    return false;
  }

  #send(packet: Extract<Effect, { type: 'send' }>['packet']): void {
    this.effects.push({ type: 'send', packet });
  }

  #refillFront(outbound: OutboundMessage[]): void {
    outbound.sort((one, other) => one.message.sequence - other.message.sequence);
    this.#front.clear();
    for (const one of outbound) this.#front.push(one);
  }

  /** Stored messages that have left the queue. */
  #taken(): OutboundMessage[] {
    const all = new Set([...this.#open.values(), ...this.#front, ...this.#line]);
    return [...all].filter((outbound) => !outbound.removed);
  }

  #takenBytes(): number {
    return this.#taken().reduce((bytes, { size }) => bytes + size, 0);
  }

  #recount(): void {
    this.#stored = {
      count: this.#queue.readyCount + this.#taken().length,
      bytes: this.#queue.readyBytes + this.#takenBytes(),
    };
  }
}
