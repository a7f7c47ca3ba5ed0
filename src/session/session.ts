import { DirectPublish } from './direct-publish';
import type { CloseReason, Effect } from './effects';
import { Inbound } from './inbound';
import type { Message, MessageOrigin, QueuedMessage } from './message';
import { Outbound } from './outbound';
import { type OutboundMessage, publishPacketSize } from './outbound-message';
import { identifierOf, MESSAGE_IDENTIFIERS } from './packet-identifiers';
import type { ConnectionLimits, InboundPacket } from './packets';
import { messageSize } from './record-codec';
import { RecordLog } from './record-log';
import { type EnqueuedRecord, type MessageSource, RecordKind, type SessionRecord } from './records';
import type { Recovery } from './recovery';
import type { SessionState, Subscription, TransferState } from './state';
import { type SubscriptionRequest, Subscriptions } from './subscriptions';
import type { Transfers } from './transfers';

/** Without any acknowledgement for this long while messages are open, the connection is closed. */
const OVERDUE_MS = 30_000;
const OVERDUE_MAX_MS = 600_000;

export interface SessionOptions {
  /** At most this many unacknowledged PUBLISH, whatever the broker allows. */
  maxInflight: number;
  /** Bytes of stored messages (their records); beyond, `whenFull` decides. */
  maxBytes: number;
  whenFull: 'reject' | 'dropOldest';
  /** What becomes of unacknowledged messages when the broker lost its session. */
  onSessionLost: 'republish' | 'discard';
  /** Messages that are given up become dead letters (`keepFailed`, `failedKept`) before they are gone. */
  keepFailed: boolean;
  /** Messages a second that leave the queue; re-sends and acknowledgements are not held back. 0: no limit. */
  maxSendRate: number;
  /** What we announce to an MQTT 5 broker. */
  receiveMaximum: number;
}

export interface ConnectedTo {
  /** Address of the broker, without credentials: protocol state belongs to one broker. */
  address: string;
  limits: ConnectionLimits;
}

export interface SessionCounters {
  /** Connections closed because acknowledgements were overdue. */
  overdue: number;
}

interface RejectedMessage {
  sequence: number;
  size: number;
  record: EnqueuedRecord;
}

/**
 * What a publish became. `stored`: in the queue under this sequence; durable as soon as that record is. `duplicate`: this
 * message of its source was enqueued before; `pending`: but that is not durable yet, so it may still be rejected.
 */
export type PublishOutcome =
  | { kind: 'stored'; sequence: number }
  | { kind: 'sent' }
  | { kind: 'full' }
  | { kind: 'duplicate'; pending: boolean };

/**
 * One MQTT session of a client: everything that outlives a connection, and the rules for it (4.1 of MQTT 3.1.1 and 5.0).
 *
 * Sans-IO: inputs are method calls, outputs are effects fetched by `takeEffects`; time is an argument. Nothing here
 * touches a socket, a file, a timer or a clock.
 *
 * The order on every path is: store, send, forget.
 *
 * | before                       | this record must be durable                        |
 * | ---------------------------- | -------------------------------------------------- |
 * | "stored" is reported         | Enqueued                                           |
 * | PUBLISH QoS 1, 2             | Enqueued, and a Mark at or above its sequence      |
 * | PUBLISH QoS 0 from the queue | Completed (at most once, MQTT-4.3.1-1 (3.1.1))     |
 * | PUBREL                       | Released                                           |
 * | PUBACK                       | none: the message was handed over before           |
 * | PUBREC                       | Received, after the message was handed over        |
 * | PUBCOMP                      | ReceivedRemoved                                    |
 * | SUBSCRIBE, UNSUBSCRIBE       | Subscribed                                         |
 * | a dead letter is kept        | GivenUp: from then on the message is never sent    |
 * | Completed, of a dead letter  | none of ours: `failedKept` says that it is durable |
 *
 * PUBACK and PUBCOMP that come in wait for nothing: a lost Completed record costs at most one legal re-send.
 */
export class Session {
  /** Since this object was made. */
  readonly counters: SessionCounters = { overdue: 0 };
  readonly #effects: Effect[] = [];
  readonly #log: RecordLog;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  readonly #subscriptions: Subscriptions;
  readonly #direct: DirectPublish;
  readonly #transfers: Transfers;
  readonly #recovery: Recovery;
  readonly #options: SessionOptions;
  #broker: string;
  #limits: ConnectionLimits | undefined;
  #overdueMs = OVERDUE_MS;
  /** We have asked for the end of the present connection. */
  #closing = false;

  /** `recovery` must have nothing left to read. */
  constructor(recovery: Recovery, options: SessionOptions, now: number) {
    this.#recovery = recovery;
    this.#options = options;
    this.#broker = recovery.broker;
    this.#log = new RecordLog(recovery.sequence, this.#effects);
    this.#outbound = new Outbound(recovery.outbound(), options, this.#log, this.#effects, now);
    this.#inbound = new Inbound(recovery.received, options.receiveMaximum, this.#log, this.#effects);
    const inUse = (identifier: number) => this.#outbound.usesIdentifier(identifier);
    this.#subscriptions = new Subscriptions(recovery.subscriptions, this.#log, this.#effects, inUse);
    this.#direct = new DirectPublish(this.#effects, this.#outbound);
    this.#transfers = recovery.transfers;
  }

  // What is there.

  /** Messages stored: queued and in flight; `bytes` counts their records. */
  get stored(): { count: number; bytes: number } {
    return { ...this.#outbound.stored };
  }

  /** Address of the broker that the protocol state belongs to; empty: none yet. */
  get broker(): string {
    return this.#broker;
  }

  get inflight(): number {
    return this.#outbound.inflight;
  }

  get held(): number {
    return this.#inbound.held;
  }

  get paused(): boolean {
    return this.#outbound.paused;
  }

  /** Whether a QoS 0 message would go out right now, past the queue. */
  get sendsQoS0(): boolean {
    return this.#outbound.takesQoS0;
  }

  get durableSequence(): number {
    return this.#log.durable;
  }

  get oldest(): QueuedMessage | undefined {
    return this.#outbound.oldest;
  }

  get windowLimit(): number {
    return this.#outbound.windowLimit;
  }

  /** Messages given up that are not dead letters yet; they count as stored. */
  get failing(): number {
    return this.#outbound.failing;
  }

  /** Milliseconds after which `takeEffects` may have more, for the rate alone; `undefined`: nothing waits for that. */
  get waitMs(): number | undefined {
    return this.#outbound.waitMs;
  }

  /** Messages go out one at a time, to find the one that makes the broker end connections. */
  get isProbing(): boolean {
    return this.#outbound.isProbing;
  }

  openMessages(): readonly OutboundMessage[] {
    return [...this.#outbound.openMessages()];
  }

  subscriptions(): Subscription[] {
    return this.#subscriptions.all();
  }

  /** Transfers into this session that have not ended. */
  transfers(): TransferState[] {
    return this.#transfers.state;
  }

  subscription(filter: string): Subscription | undefined {
    return this.#subscriptions.get(filter);
  }

  subscriptionWithIdentifier(identifier: number): Subscription | undefined {
    return this.#subscriptions.withIdentifier(identifier);
  }

  // Inputs.

  /**
   * A message is to be sent. QoS 0 goes out at once while connected; everything else is stored first.
   * `watched`: an `acknowledged` effect is wanted. `now` is its enqueue time.
   *
   * With a `source` it is a transfer: stored in any case, once for each sequence of a source however often it is asked
   * for, until `endTransfer`; nothing is dropped for it.
   * @throws RangeError for a source that no record can hold.
   */
  publish(
    message: Message,
    origin: MessageOrigin | undefined,
    watched: boolean,
    now: number,
    source?: MessageSource,
  ): PublishOutcome {
    if (source !== undefined) this.#transfers.check(source);
    if (source !== undefined && this.#transfers.has(source)) {
      return { kind: 'duplicate', pending: this.#transfers.isPending(source) };
    }
    if (source === undefined && message.qos === 0 && this.#sendAtOnce(message)) return { kind: 'sent' };
    const size = messageSize(message, origin);
    if (!this.#makeRoom(size, source !== undefined)) return { kind: 'full' };
    this.#skipReserved();
    const sequence = this.#log.append({
      kind: RecordKind.Enqueued,
      message,
      enqueuedAt: now,
      ...(origin === undefined ? {} : { origin }),
      ...(source === undefined ? {} : { source }),
    });
    if (source !== undefined) this.#transfers.add(source, sequence);
    const queued: QueuedMessage = {
      topic: message.topic,
      payload: message.payload,
      qos: message.qos,
      retain: message.retain,
      sequence,
      enqueuedAt: now,
    };
    if (message.properties !== undefined) queued.properties = message.properties;
    if (origin !== undefined) queued.origin = origin;
    this.#outbound.enqueue(queued, size, watched);
    return { kind: 'stored', sequence };
  }

  /** CONNACK with success. */
  connected({ address, limits }: ConnectedTo, now: number): void {
    this.#limits = limits;
    this.#closing = false;
    const known = this.#broker !== '';
    const sameBroker = this.#broker === address;
    const lost = limits.cleanStart || limits.sessionPresent === false || (known && !sameBroker);
    if (lost) this.#sessionLost(limits.cleanStart ? 'republish' : this.#options.onSessionLost, now);
    if (known && !sameBroker) this.#outbound.forgetBroker();
    if (!sameBroker) this.#log.append({ kind: RecordKind.Broker, address });
    // 3.2.2-4 (5.0) would have us close: but what the broker still queues for this client id is not thrown away.
    // A 3.1 broker does not say; it may hold one just as well.
    if (limits.sessionPresent !== false && !limits.cleanStart && !sameBroker) {
      this.#adopt(0);
      this.#effects.push({ type: 'report', report: { kind: 'session-adopted' } });
    }
    this.#broker = address;
    this.#outbound.connected(limits, now);
    this.#inbound.connected(limits);
    this.#subscriptions.connected(limits);
    this.#direct.connected(limits);
  }

  /**
   * The stored session had expired when it was opened (3.1.2.11.2 of 5.0): the protocol state starts anew, and what the
   * broker may still hold is adopted. Queued messages stay.
   */
  expire(now: number): void {
    if (this.#broker === '') return;
    this.#sessionLost(this.#options.onSessionLost, now);
    this.#subscriptions.expire();
    this.#broker = '';
    this.#log.append({ kind: RecordKind.Broker, address: '' });
  }

  /**
   * The machine went down, and records that were not synced may be gone: identifiers of messages that the broker has
   * may be given out again, so they are cleared before use; and a received identifier may be remembered whose removal
   * was lost, which would swallow a new message.
   */
  distrustIdentifiers(): void {
    // A stored message keeps its identifier: what the broker may hold under it is the same message.
    this.#adopt(this.#log.sequence);
    this.#inbound.forgetReceived();
  }

  /** A birth or close message: sent at once on the live connection, never stored, never re-sent. */
  publishDirectly(kind: 'birth' | 'close', message: Message): void {
    this.#direct.send(kind, message);
  }

  /** The connection ended. `closedByPeer`: neither we nor our half of the network ended it. */
  disconnected(closedByPeer: boolean, now: number): void {
    if (this.#limits === undefined) return;
    this.#limits = undefined;
    this.#outbound.disconnected(closedByPeer, now);
    this.#inbound.disconnected();
    this.#subscriptions.disconnected();
    this.#direct.disconnected();
  }

  /** A packet of the session came in. */
  received(packet: InboundPacket, now: number): void {
    switch (packet.cmd) {
      case 'publish':
        this.#inbound.publish(packet);
        return;
      case 'pubrel':
        this.#inbound.release(packet);
        return;
      case 'puback':
      case 'pubrec':
      case 'pubcomp':
        if (this.#direct.acknowledged(packet)) return;
        this.#adaptOverdue(now);
        if (!this.#outbound.acknowledged(packet, now)) this.#unexpected(packet);
        return;
      case 'suback':
        if (!this.#subscriptions.suback(packet)) this.#unexpected(packet);
        return;
      case 'unsuback':
        if (!this.#subscriptions.unsuback(packet)) this.#unexpected(packet);
        return;
    }
  }

  /** A delivery was handed over: it no longer counts against the bounds of what waits. Its acknowledgement is to come. */
  taken(delivery: number, identifier: number | undefined): void {
    this.#inbound.taken(delivery, identifier);
  }

  /**
   * A delivery was handed over to a flow that will acknowledge it: until then it counts against the bounds.
   * @returns false when the broker does not wait for that (any more).
   */
  awaited(delivery: number, identifier: number | undefined): boolean {
    return this.#inbound.awaited(delivery, identifier);
  }

  /** A delivery may be acknowledged. */
  handled(delivery: number, identifier: number | undefined): void {
    this.#inbound.handled(delivery, identifier);
  }

  /** Every record up to `sequence` is durable. */
  durable(sequence: number): void {
    this.#log.durable = sequence;
    this.#transfers.durable(sequence);
    this.#outbound.durable();
    this.#inbound.durable();
    this.#subscriptions.durable();
  }

  /** The journal kept none of `records`: messages among them are rejected, all else is appended again. */
  storeFailed(error: Error, records: readonly { sequence: number; record: SessionRecord }[]): void {
    this.#log.flush();
    const failed = [...records];
    const others: Effect[] = [];
    for (const effect of this.#effects) {
      if (effect.type === 'append')
        failed.push(effect); // not even given to the journal yet
      else others.push(effect);
    }
    this.#effects.splice(0, this.#effects.length, ...others);
    this.#log.rewind();
    this.#transfers.storeFailed();
    const rejected: RejectedMessage[] = [];
    for (const { sequence, record } of failed) {
      if (record.kind !== RecordKind.Enqueued) this.#log.append(record);
      else rejected.push({ sequence, size: messageSize(record.message, record.origin), record });
    }
    for (const { sequence, record } of rejected) {
      const origin = record.origin === undefined ? {} : { origin: record.origin };
      this.#effects.push({ type: 'rejected', sequence, ...origin, error });
    }
    this.#outbound.storeFailed(rejected, this.#log.sequence);
    this.#inbound.storeFailed(this.#log.sequence);
    this.#subscriptions.storeFailed(this.#log.sequence);
  }

  /** Messages of the queue that a `load` effect asked for. Empty: none (yet). */
  loaded(records: readonly { sequence: number; record: SessionRecord }[]): void {
    this.#outbound.loaded(
      records.flatMap(({ sequence, record }) => {
        if (record.kind !== RecordKind.Enqueued) return [];
        const { message, enqueuedAt, origin } = record;
        const queued: QueuedMessage = { ...message, sequence, enqueuedAt };
        if (origin !== undefined) queued.origin = origin;
        return [{ message: queued, size: messageSize(message, origin), keep: this.#recovery.isStored(sequence) }];
      }),
    );
  }

  /** A `load` effect could not be carried out; the session asks again at its next input. */
  loadFailed(): void {
    this.#outbound.loadFailed();
  }

  /** A dead letter is durable. */
  failedKept(sequence: number): void {
    this.#outbound.failedKept(sequence);
  }

  /** A dead letter could not be kept. It is asked for again at once: the caller waits between. */
  failedNotKept(sequence: number): void {
    this.#outbound.failedNotKept(sequence);
  }

  /** Removes all messages that were not sent; `purged` answers. What is published from now on stays. */
  purge(): void {
    this.#outbound.purge();
  }

  /** The stream is congested, or no longer. */
  congestion(congested: boolean): void {
    this.#outbound.congestion(congested);
  }

  subscribe(request: SubscriptionRequest): void {
    this.#subscriptions.subscribe(request);
  }

  /** See `Subscriptions.restore`. */
  restoreSubscription(request: SubscriptionRequest): boolean {
    return this.#subscriptions.restore(request);
  }

  unsubscribe(filter: string): void {
    this.#subscriptions.unsubscribe(filter);
  }

  deactivate(filter: string): void {
    this.#subscriptions.deactivate(filter);
  }

  pause(paused: boolean): void {
    if (this.#outbound.paused === paused) return;
    this.#outbound.paused = paused;
    this.#log.append({ kind: RecordKind.Paused, paused });
  }

  /** All of the source was enqueued, durably, and the original removed: it need not be remembered any longer. */
  endTransfer(source: string): void {
    if (!this.#transfers.isKnown(source)) return;
    this.#transfers.end(source);
    this.#log.append({ kind: RecordKind.TransferEnded, source });
  }

  /** Time passes; to be called about once a second while connected. */
  tick(now: number): void {
    if (this.#closing || this.#outbound.overdueFor(now) < this.#overdueMs) return;
    this.#closing = true;
    this.counters.overdue += 1;
    this.#overdueMs = Math.min(this.#overdueMs * 2, OVERDUE_MAX_MS);
    this.#close('acknowledgement-overdue', 0);
  }

  // Outputs.

  /** What is to be done now, in this order. */
  takeEffects(now: number): Effect[] {
    this.#outbound.advance(now);
    this.#log.flush();
    return this.#effects.splice(0);
  }

  /** The session as of its last record. `inline`: open messages go into the snapshot itself. */
  snapshot(inline: boolean): SessionState {
    this.#log.flush();
    return {
      sequence: this.#log.sequence,
      ...this.#outbound.snapshot(inline),
      received: this.#inbound.received,
      subscriptions: this.#subscriptions.all(),
      broker: this.#broker,
      transfers: this.#transfers.state,
    };
  }

  /**
   * The session for a copy: what is durable now, the messages that have left the queue inside. The queue is in the
   * journal, above `queueAfter` and up to `sequence`.
   */
  view(): SessionState {
    const { durable } = this.#log;
    const messages = this.#outbound.takenMessages();
    const state = this.snapshot(false);
    const open = state.open.flatMap((entry) => {
      const message = messages.get(entry.sequence);
      return message === undefined || entry.sequence > durable ? [] : [{ ...entry, message }];
    });
    return { ...state, open, sequence: durable };
  }

  /** QoS 0 bypasses the queue while connected, as long as the stream takes it. */
  #sendAtOnce(message: Message): boolean {
    const limits = this.#limits;
    if (limits === undefined || !this.#outbound.takesQoS0) return false;
    if (message.retain && !limits.retainAvailable) return false;
    const packetSize = publishPacketSize(message);
    if (limits.maximumPacketSize !== undefined && packetSize > limits.maximumPacketSize) return false;
    const { topic, payload, retain } = message;
    const properties =
      limits.protocolVersion === 5 && message.properties !== undefined ? { properties: message.properties } : {};
    this.#effects.push({
      type: 'send',
      packet: { cmd: 'publish', topic, payload, qos: 0, retain, dup: false, ...properties },
    });
    return true;
  }

  /** The broker may hold something under these identifiers: no message gets such a sequence. */
  #skipReserved(): void {
    while (this.#outbound.isReserved(identifierOf(this.#log.sequence + 1))) {
      this.#log.append({ kind: RecordKind.Paused, paused: this.paused });
    }
  }

  #makeRoom(size: number, isTransfer: boolean): boolean {
    const { maxBytes, whenFull } = this.#options;
    if (this.#outbound.stored.bytes + size <= maxBytes) return true;
    if (whenFull === 'reject' || isTransfer || size > maxBytes) return false;
    const count = this.#outbound.dropOldest(size, maxBytes);
    if (count > 0) this.#effects.push({ type: 'report', report: { kind: 'dropped-oldest', count } });
    return this.#outbound.stored.bytes + size <= maxBytes;
  }

  #sessionLost(policy: 'republish' | 'discard', now: number): void {
    const record = this.#log.append({ kind: RecordKind.SessionLost });
    this.#inbound.sessionLost();
    this.#subscriptions.sessionLost(record);
    const counts = this.#outbound.sessionLost(policy, record, now);
    if (counts.requeued + counts.discarded > 0) {
      this.#effects.push({ type: 'report', report: { kind: 'session-lost', ...counts } });
    }
  }

  /** Messages above `from` are concerned. */
  #adopt(from: number): void {
    const until = this.#log.sequence + MESSAGE_IDENTIFIERS;
    this.#log.append({ kind: RecordKind.Adopted, until });
    this.#outbound.adopt(from, until);
  }

  /** A slow link that does deliver must not be closed again and again: the limit follows what was seen. */
  #adaptOverdue(now: number): void {
    const took = this.#outbound.overdueFor(now);
    this.#overdueMs = Math.min(Math.max(OVERDUE_MS, took * 2, this.#overdueMs * 0.9), OVERDUE_MAX_MS);
  }

  #unexpected(packet: Exclude<InboundPacket, { cmd: 'publish' }>): void {
    const { cmd, messageId } = packet;
    this.#effects.push({ type: 'report', report: { kind: 'unexpected-packet', packet: cmd, messageId } });
  }

  #close(reason: CloseReason, reasonCode: number): void {
    this.#effects.push({ type: 'close', reason, reasonCode });
  }
}
