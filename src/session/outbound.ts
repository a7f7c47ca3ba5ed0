import { Admission } from './admission';
import type { Effect } from './effects';
import type { QoS, QueuedMessage } from './message';
import { OutboundLedger } from './outbound-ledger';
import { isReleased, type OutboundMessage } from './outbound-message';
import { LOAD_BYTES } from './outbound-queue';
import type { AcknowledgementPacket, ConnectionLimits } from './packets';
import { PoisonWatch } from './poison';
import type { RecordLog } from './record-log';
import type { RecoveredOutbound } from './recovery';
import { SendLine } from './send-line';
import { SendRate } from './send-rate';
import { SendWindow } from './send-window';

export interface OutboundOptions {
  maxInflight: number;
  brokerReceiveMaximum?: number;
  onSessionLost: 'republish' | 'discard';
  keepFailed: boolean;
  maxSendRate: number;
}

/**
 * The way of a message out. On every path: store, send, forget.
 *
 * queue (disk, front in memory) -> `front` or queue head is admitted to the window -> line, in order, until its
 * records are durable -> PUBLISH -> PUBACK, or PUBREC (recorded, durable) -> PUBREL -> PUBCOMP -> completed;
 * or given up (recorded, durable) -> dead letter (durable) -> completed.
 */
export class Outbound {
  // Valid for the session.
  readonly #ledger: OutboundLedger;
  readonly #window: SendWindow;
  readonly #poison = new PoisonWatch();

  // Valid for the connection.
  #limits: ConnectionLimits | undefined;
  readonly #line: SendLine;
  readonly #admission: Admission;
  /** PUBRELs of an earlier connection go out before any PUBLISH. */
  #resuming = false;
  #congested = false;
  /** The broker ends the connection when an identifier is cleared. */
  #refusesClearing = false;
  /** When an acknowledgement last came, or the window was last empty. */
  #quietSince = 0;

  constructor(
    recovered: RecoveredOutbound,
    { maxInflight, brokerReceiveMaximum, onSessionLost, keepFailed, maxSendRate }: OutboundOptions,
    private readonly log: RecordLog,
    private readonly effects: Effect[],
    now: number,
  ) {
    this.#ledger = new OutboundLedger(recovered, log, effects, keepFailed);
    this.#window = new SendWindow(maxInflight, recovered.window, now, brokerReceiveMaximum);
    this.#line = new SendLine(this.#ledger, this.#window, log, effects, onSessionLost === 'discard');
    this.#admission = new Admission(
      this.#ledger,
      this.#window,
      this.#line,
      this.#poison,
      new SendRate(maxSendRate),
      effects,
    );
  }

  // What is there.

  get stored(): { count: number; bytes: number } {
    return this.#ledger.stored;
  }

  get inflight(): number {
    return this.#ledger.open.size;
  }

  get paused(): boolean {
    return this.#ledger.paused;
  }

  set paused(paused: boolean) {
    this.#ledger.paused = paused;
  }

  /** Messages given up that are not dead letters yet. */
  get failing(): number {
    return this.#ledger.failed.count;
  }

  /** Looking for the message that makes the peer end connections. */
  get isProbing(): boolean {
    return this.#poison.isProbing;
  }

  /** Only a clean start gets on: the broker ends the connection when an identifier of its session is cleared. */
  get needsCleanStart(): boolean {
    return this.#refusesClearing;
  }

  /** Whether a QoS 0 message may go out right now, past the queue. */
  get takesQoS0(): boolean {
    return this.#limits !== undefined && !this.#congested && !this.paused && !this.#poison.isProbing;
  }

  /** Milliseconds after which `advance` may send what only the rate holds back; `undefined`: nothing is. */
  get waitMs(): number | undefined {
    return this.#limits === undefined || this.paused || this.#congested ? undefined : this.#admission.waitMs;
  }

  get windowLimit(): number {
    return this.#window.limit;
  }

  /** The next messages of the queue are to be read before they can be sent or dropped. */
  get isFrontOnDisk(): boolean {
    return this.#ledger.queue.isFrontOnDisk;
  }

  /** By a message that is open, or by one given up that the broker may hold. */
  usesIdentifier(identifier: number): boolean {
    return this.#ledger.open.has(identifier) || this.isReserved(identifier);
  }

  /** No new message may get this identifier. */
  isReserved(identifier: number): boolean {
    return this.#ledger.held.isReserved(identifier);
  }

  /** Identifiers in use, for statistics and administration. */
  openMessages(): IterableIterator<OutboundMessage> {
    return this.#ledger.open.values();
  }

  /** Stored messages that have left the queue, by sequence. */
  takenMessages(): Map<number, QueuedMessage> {
    return this.#ledger.takenMessages();
  }

  /** The oldest stored message, when it is in memory. */
  get oldest(): QueuedMessage | undefined {
    return this.#ledger.oldest;
  }

  // Inputs.

  /** Stores a message that already has its record and sequence. */
  enqueue(message: QueuedMessage, size: number, watched: boolean): void {
    this.#ledger.enqueue(message, size, watched);
  }

  /** @returns how many were dropped. */
  dropOldest(bytes: number, maxBytes: number): number {
    return this.#ledger.dropOldest(bytes, maxBytes);
  }

  purge(): void {
    this.#ledger.purge();
  }

  failedKept(sequence: number): void {
    this.#ledger.failedKept(sequence);
  }

  failedNotKept(sequence: number): void {
    this.#ledger.failed.notKept(sequence);
  }

  connected(limits: ConnectionLimits, now: number): void {
    this.#limits = limits;
    this.#congested = false;
    this.#quietSince = now;
    this.#poison.connected(now);
    this.#window.connected(limits, this.#poison.isProbing);
    const released = [...this.#ledger.open.values()].filter((outbound) => isReleased(outbound));
    released.sort((one, other) => one.releaseOrder - other.releaseOrder);
    for (const outbound of released) {
      outbound.windowBytes = 0;
      this.#window.take(0, 2);
      this.#line.release(outbound);
    }
    this.#resuming = !this.#line.sendReleases();
  }

  disconnected(closedByPeer: boolean, now: number): void {
    if (this.#limits === undefined) return;
    this.#limits = undefined;
    const poisoned = this.#poison.disconnected(closedByPeer, this.#window.used, now);
    if (closedByPeer) this.#window.closedByPeer(now);
    const isClearing = [...this.#ledger.open.values()].some(({ phase }) => phase === 'clearing');
    if (poisoned !== undefined && isClearing) this.#refusesClearing = true;
    const again = new Map<number, OutboundMessage>();
    for (const outbound of this.#ledger.open.values()) {
      outbound.windowBytes = -1;
      if (isReleased(outbound)) continue;
      outbound.phase = 'waiting';
      again.set(outbound.message.sequence, outbound);
    }
    for (const outbound of this.#line.clear()) again.set(outbound.message.sequence, outbound);
    for (const outbound of this.#ledger.front) again.set(outbound.message.sequence, outbound);
    const poison = poisoned === undefined || isClearing ? undefined : again.get(poisoned);
    if (poison !== undefined) again.delete(poison.message.sequence);
    this.#ledger.refillFront(again.values());
    // Whether the broker keeps a QoS 2 message that it never answered is not known.
    if (poison !== undefined) this.#ledger.giveUp(poison, { reason: 'poisoned', failedAt: now }, poison.qos === 2);
  }

  /** `lostRecord` must be durable before any of what was open is sent. */
  sessionLost(policy: 'republish' | 'discard', lostRecord: number, now: number) {
    this.#refusesClearing = false;
    return this.#ledger.sessionLost(policy, lostRecord, now);
  }

  /** The broker may hold any QoS 2 identifier: for messages above `from` up to `until` it is cleared before use. */
  adopt(from: number, until: number): void {
    this.#ledger.held.adopt(from, until);
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

  /** Another broker: what was learned of the last one does not hold. */
  forgetBroker(): void {
    this.#window.forget();
    this.#poison.reset();
  }

  /** The stream takes no more (or takes more again). PUBREL and acknowledgements are never held back. */
  congestion(congested: boolean): void {
    this.#congested = congested;
  }

  /** @returns whether the packet was expected. */
  acknowledged(packet: AcknowledgementPacket, now: number): boolean {
    const outbound = this.#ledger.open.get(packet.messageId);
    if (outbound === undefined) return this.#answerUnknown(packet);
    // Ours, but not sent again on this connection yet: a PUBREL now would let the broker take the re-send as new.
    if (outbound.windowBytes < 0) return false;
    if (packet.cmd === 'puback' && outbound.qos === 1 && outbound.phase === 'published') {
      this.#end(outbound, packet, now);
    } else if (packet.cmd === 'pubrec' && outbound.qos === 2 && outbound.phase === 'published') {
      this.#quietSince = now;
      if ((packet.reasonCode ?? 0) >= 0x80) this.#end(outbound, packet, now);
      else {
        this.#ledger.release(outbound);
        this.#line.release(outbound);
      }
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
    this.#poison.acknowledged();
    return true;
  }

  /** More records are durable. */
  durable(): void {
    this.#ledger.durable();
  }

  /** Does all that can be done now: PUBRELs, admission to the window, PUBLISH, dead letters, reading ahead. */
  advance(now: number): void {
    const limits = this.#limits;
    if (limits !== undefined) {
      if (this.#line.sendReleases()) this.#resuming = false;
      if (!this.#resuming) {
        if (!this.paused && !this.#congested) this.#admission.admit(limits, now);
        this.#line.sendPublishes(limits, now, (outbound) => this.#sent(outbound, now));
      }
    }
    this.#ledger.failed.advance();
    const after = this.#ledger.queue.nextLoad(this.log.durable);
    if (after !== undefined) this.effects.push({ type: 'load', after, maxBytes: LOAD_BYTES });
  }

  /** What a read of the journal brought. */
  loaded(messages: { message: QueuedMessage; size: number; keep: boolean }[]): void {
    this.#ledger.loaded(messages);
  }

  loadFailed(): void {
    this.#ledger.queue.loadFailed();
  }

  /** Milliseconds since anything was acknowledged although something is open on this connection; 0: nothing is. */
  overdueFor(now: number): number {
    if (this.#limits === undefined || !this.#awaitsAnswer()) {
      this.#quietSince = now;
      return 0;
    }
    return now - this.#quietSince;
  }

  /** The store kept nothing above the last durable record; all but messages was appended again, up to `appended`. */
  storeFailed(rejected: readonly { sequence: number; size: number }[], appended: number): void {
    this.#line.storeFailed(this.log.durable, appended);
    this.#ledger.storeFailed(rejected, appended);
  }

  /** The outbound part of a snapshot. `inline`: open messages go into it, so that their segments can be freed. */
  snapshot(inline: boolean) {
    return { ...this.#ledger.snapshot(inline), window: this.#window.learned };
  }

  /** Whether the broker owes an answer; what waits in line for the disk is not its fault. */
  #awaitsAnswer(): boolean {
    return this.#line.isClearing || this.#window.used > this.#line.length;
  }

  #sent(outbound: OutboundMessage, now: number): void {
    this.#poison.sent(outbound.message.sequence, outbound.qos, now);
    if (outbound.qos === 0) {
      // Nobody answers it: it was sent, which is all that QoS 0 promises.
      this.#ledger.acknowledged(outbound, 0, undefined);
      return;
    }
    if (outbound.sent) outbound.retries += 1;
    outbound.sentAt = now;
    outbound.phase = 'published';
    outbound.sent = true;
  }

  /** The handshake is over, well or with a refusal (4.4.0-2 (5.0): such a message is never sent again). */
  #end(outbound: OutboundMessage, packet: AcknowledgementPacket, now: number): void {
    this.#quietSince = now;
    this.#ledger.open.delete(outbound.packetId);
    this.#window.release(outbound.windowBytes, outbound.qos, now);
    const reasonCode = packet.reasonCode ?? 0;
    // PUBCOMP 0x92: the broker does not know the identifier, so it had completed the message before.
    if (reasonCode >= 0x80 && packet.cmd !== 'pubcomp') {
      const reasonString = packet.properties?.reasonString;
      const words = reasonString === undefined ? {} : { reasonString };
      this.#ledger.giveUp(outbound, { reason: 'refused', reasonCode, ...words, failedAt: now });
      return;
    }
    this.#ledger.complete(outbound);
    this.#ledger.acknowledged(outbound, reasonCode, packet.properties);
  }

  /** An acknowledgement of something we do not have: the handshake is finished, so that the broker can forget it. */
  #answerUnknown(packet: AcknowledgementPacket): boolean {
    // Completing the handshake of a message that was given up would deliver it.
    if (this.isReserved(packet.messageId)) return false;
    if (packet.cmd === 'pubrec' && (packet.reasonCode ?? 0) < 0x80) {
      const notFound = this.#limits?.protocolVersion === 5 ? { reasonCode: 0x92 } : {};
      this.#send({ cmd: 'pubrel', messageId: packet.messageId, ...notFound });
    }
    return false;
  }

  #send(packet: Extract<Effect, { type: 'send' }>['packet']): void {
    this.effects.push({ type: 'send', packet });
  }
}
