import type { ConnectionEnd } from '../connection/types';
import type { SessionError } from '../errors';
import type { Delivery, Effect, Report } from '../session/effects';
import type { OutboundPacket } from '../session/packets';
import type { SessionRecord } from '../session/records';
import type { Subscription } from '../session/state';
import type { Checkpoints } from './checkpoints';
import type { DeadLetterKeeping } from './dead-letter-keeping';
import { discardError } from './discard-error';
import type { Link } from './link';
import type { LoopErrors } from './loop-errors';
import type { SessionJournal } from './ports';
import type { PublishObservers } from './publish-observers';
import type { Purges } from './purges';
import type { QueueLoading } from './queue-loading';

export interface SessionLoopEvents {
  deliver(delivery: Delivery): void;
  /** The broker waits for a delivery no more. */
  withdrawn(delivery: number): void;
  discarded(effect: Extract<Effect, { type: 'discarded' }>, error: SessionError, observed: boolean): void;
  subscription(subscription: Subscription): void;
  unsubscribed(filter: string): void;
  report(report: Report): void;
  /** The journal could not write, read or make a snapshot; it goes on trying. */
  storeError(error: Error): void;
  /** Writing works again. */
  storeRecovered(): void;
  /** An administrator removed so many messages. */
  purged(count: number): void;
  /** Nothing is stored; called again and again while that is so. */
  drained(): void;
  /** Another process holds the session now: nothing may be written or sent any more. */
  lost(error: Error): void;
}

export interface EffectTargets {
  journal: Pick<SessionJournal<SessionRecord>, 'append'>;
  link: Pick<Link, 'send' | 'drop' | 'proven'>;
  observers: PublishObservers;
  loading: QueueLoading;
  keeping: DeadLetterKeeping;
  purges: Purges;
  checkpoints: Checkpoints;
  errors: LoopErrors;
  events: SessionLoopEvents;
}

/** Carries out what the session asks for; the loop gives it one effect after the other. */
export class EffectExecutor {
  readonly #saidGoodbye: (() => void)[] = [];

  constructor(private readonly parts: EffectTargets) {}

  /** Resolves when the close message is answered, or at `end`. */
  goodbyeSaid(): Promise<void> {
    return new Promise((resolve) => this.#saidGoodbye.push(resolve));
  }

  end(): void {
    for (const answered of this.#saidGoodbye.splice(0)) answered();
  }

  /** Carries out one effect. */
  execute(effect: Effect): void {
    switch (effect.type) {
      case 'append':
        this.parts.journal.append(effect.sequence, effect.record);
        return;
      case 'send':
        this.#send(effect.packet);
        return;
      case 'load':
        this.parts.loading.load(effect);
        return;
      case 'deliver':
        this.parts.events.deliver(effect.delivery);
        return;
      case 'withdrawn':
        this.parts.events.withdrawn(effect.delivery);
        return;
      case 'acknowledged':
        this.parts.observers.acknowledged(effect.sequence, effect.reasonCode, effect.properties);
        return;
      case 'discarded': {
        const error = discardError(effect);
        this.parts.events.discarded(effect, error, this.parts.observers.discarded(effect.message.sequence, error));
        return;
      }
      case 'keepFailed':
        this.parts.keeping.keep(effect);
        return;
      case 'purged': {
        const { count, bytes, watched } = effect;
        for (const sequence of watched) this.parts.observers.discarded(sequence, this.parts.errors.purged(sequence));
        this.parts.events.purged(count);
        this.parts.purges.done({ count, bytes });
        // The space of what is gone is given back.
        if (count > 0) this.parts.checkpoints.due();
        return;
      }
      case 'rejected':
        this.parts.observers.rejected(effect.sequence, effect.error);
        return;
      case 'directDone':
        if (effect.kind === 'close') this.end();
        return;
      case 'close':
        // Not because of anything that is wrong with the connection: the next one is made soon.
        if (effect.reason === 'inbound-room') this.parts.link.proven();
        this.parts.link.drop(this.#endFor(effect));
        return;
      case 'subscription':
        this.parts.events.subscription(effect.subscription);
        return;
      case 'unsubscribed':
        this.parts.events.unsubscribed(effect.filter);
        return;
      case 'report':
        this.parts.events.report(effect.report);
        return;
    }
  }

  #endFor(effect: Extract<Effect, { type: 'close' }>): ConnectionEnd {
    const { reason, reasonCode } = effect;
    if (reason !== 'protocol-error') return { kind: 'ended', reasonCode, reasonString: reason };
    return { kind: reason, reasonCode, error: this.parts.errors.violated(effect.violation) };
  }

  #send(packet: OutboundPacket): void {
    try {
      this.parts.link.send(packet);
    } catch (error) {
      // Everything is checked before it enters the session; what came in another way must not stop the round.
      const cause = error as Error;
      this.parts.link.drop({ kind: 'ended', reasonString: 'packet-invalid', error: cause });
    }
  }
}
