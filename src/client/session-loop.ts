import type { Scheduler } from '../scheduler';
import type { ConnectedTo } from '../session/continuity';
import type { Delivery } from '../session/effects';
import type { Message, MessageOrigin } from '../session/message';
import type { InboundPacket } from '../session/packets';
import type { MessageSource, SessionRecord } from '../session/records';
import type { Session } from '../session/session';
import type { SessionMetadata } from '../session/state';
import type { SubscriptionRequest } from '../session/subscriptions';
import { Checkpoints } from './checkpoints';
import { DeadLetterKeeping } from './dead-letter-keeping';
import { EffectExecutor, type SessionLoopEvents } from './effect-executor';
import type { Link } from './link';
import { LoopErrors } from './loop-errors';
import type { SessionJournal } from './ports';
import { type PublishObserver, PublishObservers } from './publish-observers';
import { type PurgedCounts, Purges } from './purges';
import { QueueLoading } from './queue-loading';
import { queuedMessages, type SessionCopy } from './session-copy';
import type { UserCalls } from './user-calls';

const TICK_MS = 1_000;
/** More unread backlog than this many segments, and snapshots carry the open messages, so that old segments go. */
const INLINE_ABOVE_SEGMENTS = 8;
/** Messages of one chunk handed over in one round: below our Receive Maximum. */
const DELIVERED_AT_ONCE = 250;
/** Bytes of memory that messages waiting for the disk may take, each counted with what is kept about it. */
const UNSTORED_BYTES_MAX = 64 * 1024 * 1024;
const UNSTORED_OVERHEAD_BYTES = 512;

/**
 * The one loop: gives inputs to the session, carries out its effects on journal and link in their order, and feeds the
 * completions back. All calls of one turn of the event loop share a round, so they share a write and a packet burst.
 */
export class SessionLoop {
  readonly #observers: PublishObservers;
  readonly #checkpoints: Checkpoints;
  readonly #errors: LoopErrors;
  readonly #loading: QueueLoading;
  readonly #keeping: DeadLetterKeeping;
  readonly #purges = new Purges();
  readonly #executor: EffectExecutor;
  #running = false;
  #scheduled = false;
  /** The journal is being closed: it takes no more records. What waits for the disk is still reported. */
  #sealed = false;
  #ended = false;
  #cancelTick: (() => void) | undefined;
  #cancelSend: (() => void) | undefined;
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
    this.#errors = new LoopErrors(metadata.clientId);
    this.#loading = new QueueLoading(journal, scheduler, {
      loaded: (records) => this.#input(() => session.loaded(records)),
      failed: (error) => {
        session.loadFailed();
        events.storeError(this.#errors.reading(error));
      },
      retry: () => this.#run(),
    });
    this.#keeping = new DeadLetterKeeping(journal.deadLetters, scheduler, {
      kept: (sequence) => this.#input(() => session.failedKept(sequence)),
      notKept: (sequences) =>
        this.#input(() => {
          for (const sequence of sequences) session.failedNotKept(sequence);
        }),
      failed: (error) => events.storeError(this.#errors.writing(error)),
      recovered: () => this.#recovered(),
    });
    this.#checkpoints = new Checkpoints(
      () => this.#snapshot(),
      (error) => events.storeError(this.#errors.writing(error)),
    );
    this.#executor = new EffectExecutor({
      journal,
      link,
      observers: this.#observers,
      loading: this.#loading,
      keeping: this.#keeping,
      purges: this.#purges,
      checkpoints: this.#checkpoints,
      errors: this.#errors,
      events,
    });
    journal.events = {
      durable: (sequence) => this.#durable(sequence),
      failed: (error, records) => this.#storeFailed(error, records),
      checkpointDue: () => this.#checkpoints.due(),
      lost: (cause) => {
        const error = this.#errors.writing(cause);
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
  publish(
    message: Message,
    origin: MessageOrigin | undefined,
    observer: PublishObserver,
    transfer?: { source: MessageSource; enqueuedAt: number },
  ): void {
    if (this.#sealed) throw this.#errors.closed();
    if (message.qos > 0 || transfer !== undefined || !this.session.sendsQoS0) this.#assertAdmission();
    const watched = observer.acknowledged !== undefined;
    const enqueuedAt = transfer?.enqueuedAt ?? this.scheduler.now();
    const outcome = this.session.publish(message, origin, watched, enqueuedAt, transfer?.source);
    // Also when it is full: the oldest messages may have been dropped, which is to be recorded and told.
    this.#schedule();
    if (outcome.kind === 'full') throw this.#errors.queueFull(this.session.stored);
    if (outcome.kind === 'stored') {
      this.#observers.add(outcome.sequence, message.payload.length + UNSTORED_OVERHEAD_BYTES, observer);
    }
    if (outcome.kind === 'sent') this.#observers.sent(observer);
    if (outcome.kind === 'duplicate') {
      if (outcome.pending) throw this.#errors.transferring();
      this.#observers.duplicate(observer);
    }
  }

  /** See `Session.endTransfer`. */
  endTransfer(source: string): void {
    this.session.endTransfer(source);
    this.#schedule();
  }

  /** See `Session.restoreSubscription`. */
  restoreSubscription(request: SubscriptionRequest): boolean {
    const added = this.session.restoreSubscription(request);
    this.#schedule();
    return added;
  }

  /** The session as of now, for reading while it goes on. To be closed. */
  copy(): SessionCopy {
    const state = this.session.view();
    const reader = this.journal.reader(state.queueAfter);
    return {
      metadata: { ...this.metadata },
      uid: this.journal.recovered.uid,
      state,
      queued: () => queuedMessages(reader, state),
      deadLetters: this.journal.deadLetters,
      lost: () => reader.lost,
      close: () => reader.close(),
    };
  }

  /** Sends the close message. @returns when the broker has answered, or the connection is gone. */
  sayGoodbye(message: Message): Promise<void> {
    const answered = this.#executor.goodbyeSaid();
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

  /**
   * Removes all messages that were not sent; what is published from now on stays. Resolves when that is durable.
   * @throws SessionError `ERR_SESSION_CLOSED`.
   */
  async purge(): Promise<PurgedCounts> {
    if (this.#isOver) throw this.#errors.closed();
    const purged = this.#purges.wait();
    this.session.purge();
    this.#schedule();
    return purged;
  }

  /** `birth` goes out before anything from the queue. */
  connected(to: ConnectedTo, birth: Message | undefined): void {
    if (this.#isOver) return;
    this.session.connected(to, this.scheduler.now());
    if (birth !== undefined) this.session.publishDirectly('birth', birth);
    this.#tick();
    this.#run();
  }

  /** See `Session.startedClean`. */
  startedClean(to: ConnectedTo): void {
    if (this.#isOver) return;
    this.session.startedClean(to, this.scheduler.now());
    this.#run();
  }

  /** See `Session.unanswered`. */
  unanswered(): void {
    this.session.unanswered();
  }

  disconnected(closedByPeer: boolean): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    this.session.disconnected(closedByPeer, this.scheduler.now());
    this.#schedule();
    this.#checkpoints.due();
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

  awaited(delivery: Delivery): boolean {
    return this.session.awaited(delivery.delivery, delivery.identifier);
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
    if (this.#isOver) throw this.#errors.closed();
    await this.#checkpoints.make().catch((error: Error) => {
      throw this.#errors.writing(error);
    });
  }

  get #isOver(): boolean {
    return this.#sealed || this.#ended;
  }

  #stop(): void {
    this.#checkpoints.end();
    this.#executor.end();
    this.#cancelTick?.();
    this.#cancelSend?.();
    this.#loading.end();
    this.#keeping.end();
    this.#purges.end(this.#errors.closed());
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
        for (const effect of effects) this.#executor.execute(effect);
        effects = this.session.takeEffects(this.scheduler.now());
      }
      this.link.flush();
      if (this.session.stored.count === 0) this.events.drained();
      this.#sendLater(this.session.waitMs);
    } finally {
      this.#running = false;
    }
  }

  #durable(sequence: number): void {
    if (this.#ended) return;
    if (!this.#sealed) this.session.durable(sequence);
    if (this.#failing) {
      this.#failing = false;
      this.#recovered();
    }
    this.#observers.durable(sequence);
    this.#run();
  }

  #storeFailed(cause: Error, records: { sequence: number; record: SessionRecord }[]): void {
    if (this.#ended) return;
    const error = this.#errors.writing(cause);
    if (this.#sealed) {
      for (const { sequence } of records) this.#observers.rejected(sequence, error);
      return;
    }
    this.#failing = true;
    this.session.storeFailed(error, records);
    this.events.storeError(error);
    this.#run();
  }

  /** What only the send rate holds back. */
  #sendLater(waitMs: number | undefined): void {
    this.#cancelSend?.();
    this.#cancelSend = waitMs === undefined ? undefined : this.scheduler.after(waitMs, () => this.#run());
  }

  #recovered(): void {
    if (!this.#failing && !this.#keeping.failing) this.events.storeRecovered();
  }

  /** An answer to what the session asked for. */
  #input(give: () => void): void {
    if (this.#isOver) return;
    give();
    this.#run();
  }

  #snapshot(): Promise<void> {
    this.#run();
    const inline = this.journal.statistics().segments > INLINE_ABOVE_SEGMENTS;
    const state = this.session.snapshot(inline);
    this.metadata.lastAccessAt = Math.trunc(this.scheduler.now());
    const firstOpen = state.open.find((open) => open.message === undefined)?.sequence;
    const neededFrom = Math.min(firstOpen ?? Number.MAX_SAFE_INTEGER, state.queueAfter + 1, this.#loading.neededFrom);
    return this.journal.checkpoint(state, { ...this.metadata }, neededFrom);
  }

  #assertAdmission(): void {
    const refusal = this.journal.admission();
    if (refusal !== undefined) throw this.#errors.writing(refusal);
    const bytes = this.#observers.unstoredBytes;
    if (bytes >= UNSTORED_BYTES_MAX) throw this.#errors.tooSlow(bytes);
  }

  #tick(): void {
    this.#cancelTick = this.scheduler.after(TICK_MS, () => {
      this.session.tick(this.scheduler.now());
      this.#run();
      this.#tick();
    });
  }
}
