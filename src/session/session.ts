import { type ConnectedTo, Continuity } from './continuity';
import { DirectPublish } from './direct-publish';
import type { Effect } from './effects';
import { Inbound } from './inbound';
import { Intake, type PublishOutcome } from './intake';
import type { Message, MessageOrigin, QueuedMessage } from './message';
import type { SessionOptions } from './options';
import { Outbound } from './outbound';
import type { OutboundMessage } from './outbound-message';
import { OverdueWatch } from './overdue';
import type { InboundPacket } from './packets';
import { RecordLog } from './record-log';
import { type MessageSource, RecordKind, type SessionRecord } from './records';
import type { Recovery } from './recovery';
import type { SessionState, Subscription, TransferState } from './state';
import { type SubscriptionRequest, Subscriptions } from './subscriptions';
import type { Transfers } from './transfers';
import { durableView } from './view';

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
  /** Since this object was made. `overdue`: connections closed because acknowledgements were. */
  readonly counters = { overdue: 0 };
  readonly #effects: Effect[] = [];
  readonly #log: RecordLog;
  readonly #outbound: Outbound;
  readonly #inbound: Inbound;
  readonly #subscriptions: Subscriptions;
  readonly #direct: DirectPublish;
  readonly #transfers: Transfers;
  readonly #continuity: Continuity;
  readonly #intake: Intake;
  readonly #overdue = new OverdueWatch();
  readonly #recovery: Recovery;
  #isConnected = false;

  /** `recovery` must have nothing left to read. */
  constructor(recovery: Recovery, options: SessionOptions, now: number) {
    this.#recovery = recovery;
    this.#log = new RecordLog(recovery.sequence, this.#effects);
    this.#outbound = new Outbound(recovery.outbound(), options, this.#log, this.#effects, now);
    this.#inbound = new Inbound(recovery.received, options, this.#log, this.#effects);
    const inUse = (identifier: number) => this.#outbound.usesIdentifier(identifier);
    this.#subscriptions = new Subscriptions(recovery.subscriptions, this.#log, this.#effects, inUse);
    this.#direct = new DirectPublish(this.#effects, this.#outbound);
    this.#transfers = recovery.transfers;
    const parts = { outbound: this.#outbound, inbound: this.#inbound, subscriptions: this.#subscriptions };
    this.#continuity = new Continuity(recovery.broker, parts, this.#log, this.#effects, options.onSessionLost);
    this.#intake = new Intake(this.#outbound, this.#transfers, this.#log, this.#effects, options);
  }

  // What is there.

  /** Messages stored: queued and in flight; `bytes` counts their records. */
  get stored(): { count: number; bytes: number } {
    return { ...this.#outbound.stored };
  }

  /** Address of the broker that the protocol state belongs to; empty: none yet. */
  get broker(): string {
    return this.#continuity.broker;
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

  /**
   * The next connection is to be made with a clean start, and ended at once: the broker has a session of which we know
   * nothing, and ends the connection when an identifier is cleared, so that no QoS 2 message can be sent in it.
   */
  get needsCleanStart(): boolean {
    return this.#outbound.needsCleanStart;
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
    return this.#intake.publish(message, origin, watched, now, source);
  }

  /** CONNACK with success. */
  connected(to: ConnectedTo, now: number): void {
    const { limits } = to;
    this.#isConnected = true;
    this.#overdue.connected();
    this.#intake.connected(limits);
    this.#continuity.connected(to, now);
    this.#outbound.connected(limits, now);
    this.#inbound.connected(limits);
    this.#subscriptions.connected(limits);
    this.#direct.connected(limits);
  }

  /** CONNACK to the clean start that `needsCleanStart` asked for. Nothing is sent on that connection. */
  startedClean(to: ConnectedTo, now: number): void {
    this.#continuity.connected(to, now);
    this.#effects.push({ type: 'report', report: { kind: 'session-cleared' } });
  }

  /**
   * The stored session had expired when it was opened (3.1.2.11.2 of 5.0): the protocol state starts anew, and what the
   * broker may still hold is adopted. Queued messages stay.
   */
  expire(now: number): void {
    this.#continuity.expire(now);
  }

  /**
   * The machine went down, and records that were not synced may be gone: identifiers of messages that the broker has
   * may be given out again, so they are cleared before use; and a received identifier may be remembered whose removal
   * was lost, which would swallow a new message.
   */
  distrustIdentifiers(): void {
    this.#continuity.distrustIdentifiers();
  }

  /** A birth or close message: sent at once on the live connection, never stored, never re-sent. */
  publishDirectly(kind: 'birth' | 'close', message: Message): void {
    this.#direct.send(kind, message);
  }

  /**
   * A CONNECT was never answered. Its CONNACK may have said Session Present 0: then the session that the next one finds
   * present is a new one.
   */
  unanswered(): void {
    this.#subscriptions.unanswered();
  }

  /** The connection ended. `closedByPeer`: neither we nor our half of the network ended it. */
  disconnected(closedByPeer: boolean, now: number): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#intake.disconnected();
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
        this.#overdue.acknowledged(this.#outbound.overdueFor(now));
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
    const rejected = this.#log.storeFailed(records);
    this.#transfers.storeFailed();
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
    this.#outbound.loaded(this.#recovery.queued(records));
    this.#intake.loaded();
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
    if (!this.#overdue.isDue(this.#outbound.overdueFor(now))) return;
    this.counters.overdue += 1;
    this.#effects.push({ type: 'close', reason: 'acknowledgement-overdue', reasonCode: 0 });
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
      broker: this.#continuity.broker,
      transfers: this.#transfers.state,
    };
  }

  /**
   * The session for a copy: what is durable now, the messages that have left the queue inside. The queue is in the
   * journal, above `queueAfter` and up to `sequence`.
   */
  view(): SessionState {
    return durableView(this.snapshot(false), this.#outbound.takenMessages(), this.#log.durable);
  }

  #unexpected(packet: Exclude<InboundPacket, { cmd: 'publish' }>): void {
    const { cmd, messageId } = packet;
    this.#effects.push({ type: 'report', report: { kind: 'unexpected-packet', packet: cmd, messageId } });
  }
}
