import { errorCode, SessionError } from '../errors';
import type { Scheduler } from '../scheduler';
import type { Delivery, Effect, Report } from '../session/effects';
import type { Message, MessageOrigin } from '../session/message';
import type { InboundPacket } from '../session/packets';
import type { SessionRecord } from '../session/records';
import type { ConnectedTo, Session } from '../session/session';
import type { SessionMetadata, Subscription } from '../session/state';
import type { SubscriptionRequest } from '../session/subscriptions';
import { discardError } from './discard-error';
import type { Link } from './link';
import type { SessionJournal } from './ports';
import { type PublishObserver, PublishObservers } from './publish-observers';

const RETRY_READ_MS = 1_000;
const TICK_MS = 1_000;
/** More unread backlog than this many segments, and snapshots carry the open messages, so that old segments go. */
const INLINE_ABOVE_SEGMENTS = 8;
/** Messages of one chunk handed over in one round: below our Receive Maximum. */
const DELIVERED_AT_ONCE = 250;
/** Bytes of messages that may wait for the disk at once. */
const UNSTORED_BYTES_MAX = 64 * 1024 * 1024;

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
  readonly #observers = new PublishObservers();
  readonly #saidGoodbye: (() => void)[] = [];
  #running = false;
  #scheduled = false;
  #ended = false;
  #cancelTick: (() => void) | undefined;
  #cancelReadRetry: (() => void) | undefined;
  #checkpointing: Promise<void> | undefined;
  #checkpointAgain = false;
  #unstoredBytes = 0;
  #unstoredSizes: { sequence: number; bytes: number }[] = [];
  #failing = false;

  constructor(
    readonly session: Session,
    private readonly journal: SessionJournal<SessionRecord>,
    private readonly metadata: SessionMetadata,
    private readonly link: Pick<Link, 'send' | 'flush' | 'drop' | 'proven'>,
    private readonly scheduler: Scheduler,
    private readonly events: SessionLoopEvents,
  ) {
    journal.events = {
      durable: (sequence) => this.#durable(sequence),
      failed: (error, records) => this.#storeFailed(error, records),
      checkpointDue: () => this.#checkpointDue(),
      lost: (error) => {
        this.#end();
        this.#observers.fail(error);
        events.lost(error);
      },
    };
    this.#schedule();
  }

  /** Publishes waiting for the disk are told; nothing is executed any more. The journal is the caller's to close. */
  end(error: Error): void {
    this.#end();
    this.#observers.fail(error);
  }

  /** @throws SessionError `ERR_QUEUE_FULL`, `ERR_STORE_FULL` or `ERR_STORE_BUSY`: the message is not in the queue. */
  publish(message: Message, origin: MessageOrigin | undefined, observer: PublishObserver): void {
    const offline = message.qos > 0 || !this.session.sendsQoS0;
    if (offline) this.#assertAdmission();
    const watched = observer.acknowledged !== undefined;
    const outcome = this.session.publish(message, origin, watched, this.scheduler.now());
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
      this.#observers.add(outcome.sequence, observer);
      this.#unstoredBytes += message.payload.length;
      this.#unstoredSizes.push({ sequence: outcome.sequence, bytes: message.payload.length });
    }
    this.#schedule();
    if (outcome.kind === 'sent') {
      observer.stored?.();
      observer.acknowledged?.({ reasonCode: 0 });
    }
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

  handled(delivery: Delivery): void {
    this.session.handled(delivery.delivery, delivery.identifier);
    this.#schedule();
  }

  congested(congested: boolean): void {
    this.session.congestion(congested);
    if (!congested) this.#run();
  }

  /** Makes a snapshot of the session as it is now. @throws the error of the journal. */
  async checkpoint(): Promise<void> {
    // Not in the middle of a round: the snapshot would speak of records that the journal has not been given yet.
    await Promise.resolve();
    while (this.#checkpointing !== undefined) await this.#checkpointing.catch(() => undefined);
    this.#checkpointing = this.#snapshot();
    try {
      await this.#checkpointing;
    } finally {
      this.#checkpointing = undefined;
    }
  }

  #end(): void {
    this.#ended = true;
    for (const answered of this.#saidGoodbye.splice(0)) answered();
    this.#cancelTick?.();
    this.#cancelReadRetry?.();
  }

  #schedule(): void {
    if (this.#scheduled || this.#running || this.#ended) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#run();
    });
  }

  #run(): void {
    if (this.#running || this.#ended) return;
    this.#running = true;
    try {
      let effects = this.session.takeEffects(this.scheduler.now());
      while (effects.length > 0 && !this.#ended) {
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
        this.link.send(effect.packet);
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

  #durable(sequence: number): void {
    if (this.#ended) return;
    this.session.durable(sequence);
    let done = 0;
    for (const { sequence: unstored, bytes } of this.#unstoredSizes) {
      if (unstored > sequence) break;
      this.#unstoredBytes -= bytes;
      done += 1;
    }
    if (done > 0) this.#unstoredSizes.splice(0, done);
    if (this.#failing) {
      this.#failing = false;
      this.events.storeRecovered();
    }
    this.#observers.durable(sequence);
    this.#run();
  }

  #storeFailed(cause: Error, records: { sequence: number; record: SessionRecord }[]): void {
    if (this.#ended) return;
    this.#failing = true;
    const code = errorCode(cause);
    const error = Object.assign(
      new Error(`The session "${this.metadata.clientId}" cannot write to its store: ${cause.message}`, { cause }),
      code === undefined ? {} : { code },
    );
    this.#unstoredSizes = [];
    this.#unstoredBytes = 0;
    this.session.storeFailed(error, records);
    this.events.storeError(error);
    this.#run();
  }

  #load(after: number, maxBytes: number): void {
    this.journal.read(after, maxBytes).then(
      (records) => {
        if (this.#ended) return;
        this.session.loaded(records);
        this.#run();
      },
      (error: Error) => {
        if (this.#ended) return;
        this.session.loadFailed();
        this.events.storeError(error);
        this.#cancelReadRetry = this.scheduler.after(RETRY_READ_MS, () => this.#run());
      },
    );
  }

  #checkpointDue(): void {
    if (this.#checkpointing !== undefined) {
      this.#checkpointAgain = true;
      return;
    }
    this.#checkpointAgain = false;
    this.checkpoint().then(
      () => {
        if (this.#checkpointAgain && !this.#ended) this.#checkpointDue();
      },
      (error: Error) => {
        if (!this.#ended) this.events.storeError(error);
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
    if (refusal !== undefined) throw refusal;
    if (this.#unstoredBytes < UNSTORED_BYTES_MAX) return;
    throw new SessionError(
      'ERR_STORE_BUSY',
      `The store of "${this.metadata.clientId}" is slower than the flow: ${this.#unstoredBytes} bytes wait to be written. ` +
        'Publish more slowly, or use a faster disk.',
      { details: { clientId: this.metadata.clientId, bytes: this.#unstoredBytes } },
    );
  }

  #tick(): void {
    this.#cancelTick = this.scheduler.after(TICK_MS, () => {
      if (this.#ended) return;
      this.session.tick(this.scheduler.now());
      this.#run();
      this.#tick();
    });
  }
}
