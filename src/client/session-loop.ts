import { errorCode, SessionError } from '../errors';
import type { Scheduler } from '../scheduler';
import type { Delivery, Effect, Report } from '../session/effects';
import type { Message, MessageOrigin } from '../session/message';
import type { InboundPacket, OutboundPacket } from '../session/packets';
import type { SessionRecord } from '../session/records';
import type { ConnectedTo, Session } from '../session/session';
import type { SessionMetadata, Subscription } from '../session/state';
import type { SubscriptionRequest } from '../session/subscriptions';
import { Checkpoints } from './checkpoints';
import { discardError } from './discard-error';
import type { Link } from './link';
import type { SessionJournal } from './ports';
import { type PublishObserver, PublishObservers } from './publish-observers';
import type { UserCalls } from './user-calls';

const RETRY_READ_MS = 1_000;
const TICK_MS = 1_000;
/** More unread backlog than this many segments, and snapshots carry the open messages, so that old segments go. */
const INLINE_ABOVE_SEGMENTS = 8;
/** Messages of one chunk handed over in one round: below our Receive Maximum. */
const DELIVERED_AT_ONCE = 250;
/** Bytes of memory that messages waiting for the disk may take, each counted with what is kept about it. */
const UNSTORED_BYTES_MAX = 64 * 1024 * 1024;
const UNSTORED_OVERHEAD_BYTES = 512;

export interface SessionLoopEvents {
  deliver(delivery: Delivery): void;
  discarded(effect: Extract<Effect, { type: 'discarded' }>, error: SessionError, observed: boolean): void;
  subscription(subscription: Subscription): void;
  unsubscribed(filter: string): void;
  report(report: Report): void;
  /** The journal could not write, read or make a snapshot; it goes on trying. */
  storeError(error: Error): void;
  /** Writing works again. */
  storeRecovered(): void;
  /** Another process holds the session now: nothing may be written or sent any more. */
  lost(error: Error): void;
}

/**
 * The one loop: gives inputs to the session, carries out its effects on journal and link in their order, and feeds the
 * completions back. All calls of one turn of the event loop share a round, so they share a write and a packet burst.
 */
export class SessionLoop {
  readonly #observers: PublishObservers;
  readonly #checkpoints: Checkpoints;
  readonly #saidGoodbye: (() => void)[] = [];
  #running = false;
  #scheduled = false;
  /** The journal is being closed: it takes no more records. What waits for the disk is still reported. */
  #sealed = false;
  #ended = false;
  #cancelTick: (() => void) | undefined;
  #cancelReadRetry: (() => void) | undefined;
  #failing = false;

  constructor(
    readonly session: Session,
    private readonly journal: SessionJournal<SessionRecord>,
    private readonly metadata: SessionMetadata,
    private readonly link: Pick<Link, 'send' | 'flush' | 'drop' | 'proven'>,
    private readonly scheduler: Scheduler,
    private readonly events: SessionLoopEvents,
    calls: UserCalls,
  ) {
    this.#observers = new PublishObservers(calls);
    this.#checkpoints = new Checkpoints(
      () => this.#snapshot(),
      (error) => events.storeError(error),
    );
    journal.events = {
      durable: (sequence) => this.#durable(sequence),
      failed: (error, records) => this.#storeFailed(error, records),
      checkpointDue: () => this.#checkpoints.due(),
      lost: (error) => {
        this.end(error);
        events.lost(error);
      },
    };
    this.#schedule();
  }

  /** Gives the journal all that there is, and nothing after it. Who waits for the disk is still told. */
  seal(): void {
    this.#run();
    this.#sealed = true;
    this.#stop();
  }

  /** Who still waits, for the disk or the broker, is told; nothing is done any more. The journal is the caller's to close. */
  end(error: Error): void {
    this.#ended = true;
    this.#stop();
    this.#observers.end(error);
  }

  /**
   * @throws SessionError `ERR_QUEUE_FULL`, `ERR_STORE_FULL`, `ERR_STORE_BUSY`, `ERR_SESSION_CLOSED`, or an error with the
   * system's code of a failing disk: the message is not in the queue.
   */
  publish(message: Message, origin: MessageOrigin | undefined, observer: PublishObserver): void {
    if (this.#sealed) throw this.#closedError();
    if (message.qos > 0 || !this.session.sendsQoS0) this.#assertAdmission();
    const watched = observer.acknowledged !== undefined;
    const outcome = this.session.publish(message, origin, watched, this.scheduler.now());
    // Also when it is full: the oldest messages may have been dropped, which is to be recorded and told.
    this.#schedule();
    if (outcome.kind === 'full') {
      const { count, bytes } = this.session.stored;
      throw new SessionError(
        'ERR_QUEUE_FULL',
        `The queue of "${this.metadata.clientId}" is full (${count} messages, ${bytes} bytes): raise its maximum size, ` +
          'let it drain, or choose to drop the oldest.',
        { details: { clientId: this.metadata.clientId, count, bytes } },
      );
    }
    if (outcome.kind === 'stored') {
      this.#observers.add(outcome.sequence, message.payload.length + UNSTORED_OVERHEAD_BYTES, observer);
    }
    if (outcome.kind === 'sent') this.#observers.sent(observer);
  }

  /** Sends the close message. @returns when the broker has answered, or the connection is gone. */
  sayGoodbye(message: Message): Promise<void> {
    const answered = new Promise<void>((resolve) => this.#saidGoodbye.push(resolve));
    this.session.publishDirectly('close', message);
    this.#schedule();
    return answered;
  }

  subscribe(request: SubscriptionRequest): void {
    this.session.subscribe(request);
    this.#schedule();
  }

  unsubscribe(filter: string): void {
    this.session.unsubscribe(filter);
    this.#schedule();
  }

  deactivate(filter: string): void {
    this.session.deactivate(filter);
    this.#schedule();
  }

  pause(paused: boolean): void {
    this.session.pause(paused);
    this.#schedule();
  }

  /** `birth` goes out before anything from the queue. */
  connected(to: ConnectedTo, birth: Message | undefined): void {
    if (this.#isOver) return;
    this.session.connected(to, this.scheduler.now());
    if (birth !== undefined) this.session.publishDirectly('birth', birth);
    this.#tick();
    this.#run();
  }

  disconnected(closedByPeer: boolean): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    this.session.disconnected(closedByPeer, this.scheduler.now());
    this.#schedule();
  }

  packets(packets: readonly InboundPacket[]): void {
    const now = this.scheduler.now();
    let delivered = 0;
    for (const packet of packets) {
      if (packet.cmd === 'puback' || packet.cmd === 'pubcomp') this.link.proven();
      this.session.received(packet, now);
      // What the flow takes at once must not count as held.
      if (packet.cmd === 'publish' && ++delivered % DELIVERED_AT_ONCE === 0) this.#run();
    }
    this.#run();
  }

  taken(delivery: Delivery): void {
    this.session.taken(delivery.delivery, delivery.identifier);
  }

  handled(delivery: Delivery): void {
    this.session.handled(delivery.delivery, delivery.identifier);
    this.#schedule();
  }

  congested(congested: boolean): void {
    this.session.congestion(congested);
    if (!congested) this.#run();
  }

  /** Makes a snapshot of the session as it is now. @throws SessionError `ERR_SESSION_CLOSED`, or the error of the journal. */
  async checkpoint(): Promise<void> {
    if (this.#isOver) throw this.#closedError();
    await this.#checkpoints.make();
  }

  get #isOver(): boolean {
    return this.#sealed || this.#ended;
  }

  #stop(): void {
    this.#checkpoints.end();
    for (const answered of this.#saidGoodbye.splice(0)) answered();
    this.#cancelTick?.();
    this.#cancelReadRetry?.();
  }

  #schedule(): void {
    if (this.#scheduled || this.#running || this.#isOver) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  #run(): void {
    if (this.#running || this.#isOver) return;
    this.#running = true;
    try {
      let effects = this.session.takeEffects(this.scheduler.now());
      while (effects.length > 0 && !this.#isOver) {
        for (const effect of effects) this.#execute(effect);
        effects = this.session.takeEffects(this.scheduler.now());
      }
      this.link.flush();
    } finally {
      this.#running = false;
    }
  }

  #execute(effect: Effect): void {
    switch (effect.type) {
      case 'append':
        this.journal.append(effect.sequence, effect.record);
        return;
      case 'send':
        this.#send(effect.packet);
        return;
      case 'load':
        this.#load(effect.after, effect.maxBytes);
        return;
      case 'deliver':
        this.events.deliver(effect.delivery);
        return;
      case 'acknowledged':
        this.#observers.acknowledged(effect.sequence, {
          reasonCode: effect.reasonCode,
          ...(effect.properties === undefined ? {} : { properties: effect.properties }),
        });
        return;
      case 'discarded': {
        const error = discardError(effect);
        this.events.discarded(effect, error, this.#observers.discarded(effect.message.sequence, error));
        return;
      }
      case 'rejected':
        this.#observers.rejected(effect.sequence, effect.error);
        return;
      case 'directDone':
        if (effect.kind === 'close') for (const answered of this.#saidGoodbye.splice(0)) answered();
        return;
      case 'close':
        this.link.drop({ kind: 'ended', reasonCode: effect.reasonCode, reasonString: effect.reason });
        return;
      case 'subscription':
        this.events.subscription(effect.subscription);
        return;
      case 'unsubscribed':
        this.events.unsubscribed(effect.filter);
        return;
      case 'report':
        this.events.report(effect.report);
        return;
    }
  }

  #send(packet: OutboundPacket): void {
    try {
      this.link.send(packet);
    } catch (error) {
      // Everything is checked before it enters the session; what came in another way must not stop the round.
      const cause = error as Error;
      this.link.drop({ kind: 'ended', reasonString: 'packet-invalid', error: cause });
    }
  }

  #durable(sequence: number): void {
    if (this.#ended) return;
    if (!this.#sealed) this.session.durable(sequence);
    if (this.#failing) {
      this.#failing = false;
      this.events.storeRecovered();
    }
    this.#observers.durable(sequence);
    this.#run();
  }

  #storeFailed(cause: Error, records: { sequence: number; record: SessionRecord }[]): void {
    if (this.#ended) return;
    const error = this.#writeError(cause);
    if (this.#sealed) {
      for (const { sequence } of records) this.#observers.rejected(sequence, error);
      return;
    }
    this.#failing = true;
    this.session.storeFailed(error, records);
    this.events.storeError(error);
    this.#run();
  }

  #load(after: number, maxBytes: number): void {
    this.journal.read(after, maxBytes).then(
      (records) => {
        if (this.#isOver) return;
        this.session.loaded(records);
        this.#run();
      },
      (error: Error) => {
        if (this.#isOver) return;
        this.session.loadFailed();
        this.events.storeError(error);
        this.#cancelReadRetry?.();
        this.#cancelReadRetry = this.scheduler.after(RETRY_READ_MS, () => this.#run());
      },
    );
  }

  #snapshot(): Promise<void> {
    this.#run();
    const inline = this.journal.statistics().segments > INLINE_ABOVE_SEGMENTS;
    const state = this.session.snapshot(inline);
    this.metadata.lastAccessAt = Math.trunc(this.scheduler.now());
    const firstOpen = state.open.find((open) => open.message === undefined)?.sequence;
    const neededFrom = Math.min(firstOpen ?? Number.MAX_SAFE_INTEGER, state.queueAfter + 1);
    return this.journal.checkpoint(state, { ...this.metadata }, neededFrom);
  }

  #assertAdmission(): void {
    const refusal = this.journal.admission();
    if (refusal !== undefined) throw refusal instanceof SessionError ? refusal : this.#writeError(refusal);
    const bytes = this.#observers.unstoredBytes;
    if (bytes < UNSTORED_BYTES_MAX) return;
    throw new SessionError(
      'ERR_STORE_BUSY',
      `The store of "${this.metadata.clientId}" is slower than the flow: ${bytes} bytes wait to be written. ` +
        'Publish more slowly, or use a faster disk.',
      { details: { clientId: this.metadata.clientId, bytes } },
    );
  }

  /** Keeps the code of the system (`ENOSPC`, `EIO`, ...). */
  #writeError(cause: Error): Error {
    const code = errorCode(cause);
    const text =
      `The session "${this.metadata.clientId}" cannot write to its store: ${cause.message}. ` +
      'What is stored is kept; check the disk, it is tried again.';
    return Object.assign(new Error(text, { cause }), code === undefined ? {} : { code });
  }

  #closedError(): SessionError {
    const { clientId } = this.metadata;
    return new SessionError('ERR_SESSION_CLOSED', `The session "${clientId}" is closed.`, { details: { clientId } });
  }

  #tick(): void {
    this.#cancelTick = this.scheduler.after(TICK_MS, () => {
      this.session.tick(this.scheduler.now());
      this.#run();
      this.#tick();
    });
  }
}
