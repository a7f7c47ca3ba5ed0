import { randomBytes } from 'node:crypto';
import type { Scheduler } from '../scheduler';
import type { Delivery } from '../session/effects';
import type { AcknowledgementOutcome, AcknowledgementReference } from './acknowledgement-reference';
import type { Route } from './router';

/** The oldest message without acknowledgement, and how many there are. */
export interface UnacknowledgedReport {
  count: number;
  topic: string;
  subscriber: string;
  /** The subscriber has gone and is not back. */
  isSubscriberGone: boolean;
  receivedAt: number;
  waitingMs: number;
}

/** Messages whose subscriber has gone for good before it acknowledged them: they are acknowledged without it. */
export interface AbandonedReport {
  count: number;
  /** Of the oldest. */
  topic: string;
  subscriber: string;
}

/** A message that waits this long for its acknowledgement is reported, and again as often. */
const REPORTED_AFTER_MS = 60_000;
/** So many tokens that are void are remembered, with the reason. */
const VOID_TOKENS_MAX = 10_000;

/** One subscriber's share of a message. */
interface HandOver {
  of: UnacknowledgedMessage;
  subscriber: string;
  filter: string;
  token: number;
  /** The subscriber has gone: to be handed over again, to whoever comes in its place. */
  waits: boolean;
}

interface UnacknowledgedMessage {
  delivery: Delivery;
  receivedAt: number;
  handOvers: Set<HandOver>;
  acknowledged: () => void;
}

type Registered = { session: string; acknowledge: (token: number) => AcknowledgementOutcome };
/** By epoch: all open sessions of this process, of whatever store. One that is dropped without being closed is not kept by it. */
const openEpochs = new Map<string, WeakRef<Registered>>();

/** The session of this process that gave out a reference, if it is still open. */
export function sessionOfEpoch(epoch: string): Registered | undefined {
  return openEpochs.get(epoch)?.deref();
}

/** Messages that were handed to subscribers who acknowledge them themselves. */
export class ManualAcknowledgements {
  #epoch = '';
  /** Held by this alone. */
  #registered: Registered | undefined;
  #tokens = 0;
  /** By delivery, oldest first. */
  readonly #messages = new Map<number, UnacknowledgedMessage>();
  readonly #byToken = new Map<number, HandOver>();
  readonly #void = new Map<number, 'subscriber-gone' | 'withdrawn'>();
  #cancelReport: (() => void) | undefined;

  constructor(
    private readonly session: string,
    private readonly scheduler: Scheduler,
    private readonly report: (report: UnacknowledgedReport) => void,
  ) {}

  /** For statistics: messages that wait, and since when the oldest does (milliseconds since the epoch, 0: there is none). */
  get unacknowledged(): { count: number; oldestAt: number } {
    return { count: this.#messages.size, oldestAt: this.#oldest()?.receivedAt ?? 0 };
  }

  /** A session was opened. */
  begin(): void {
    this.end();
    this.#epoch = randomBytes(12).toString('base64url');
    this.#registered = { session: this.session, acknowledge: (token) => this.#acknowledge(token) };
    openEpochs.set(this.#epoch, new WeakRef(this.#registered));
  }

  /** It is closed: nothing it gave out counts any more, and nothing is acknowledged by that. */
  end(): void {
    openEpochs.delete(this.#epoch);
    this.#registered = undefined;
    this.#epoch = '';
    this.#tokens = 0;
    this.#messages.clear();
    this.#byToken.clear();
    this.#void.clear();
    this.#cancelReport?.();
    this.#cancelReport = undefined;
  }

  /**
   * A delivery is about to be handed over to `routes`. `acknowledged` is called when all that acknowledge by themselves
   * have done so.
   * @returns a reference for each route; undefined: that one acknowledges by itself, by being handed the message.
   */
  expect(
    delivery: Delivery,
    routes: readonly Route[],
    acknowledged: () => void,
  ): (AcknowledgementReference | undefined)[] {
    const handOvers = new Set<HandOver>();
    const message = { delivery, receivedAt: this.scheduler.now(), handOvers, acknowledged };
    const references = routes.map(({ subscriber, filter, acknowledge }) => {
      if (acknowledge === 'auto') return undefined;
      const handOver: HandOver = { of: message, subscriber, filter, token: 0, waits: false };
      handOvers.add(handOver);
      return this.#reference(handOver);
    });
    if (handOvers.size > 0) this.#messages.set(delivery.delivery, message);
    this.#watch();
    return references;
  }

  acknowledge(epoch: string, token: number): AcknowledgementOutcome {
    return epoch === this.#epoch && epoch !== '' ? this.#acknowledge(token) : 'other-epoch';
  }

  /** A subscriber has gone: what it has not acknowledged waits for whoever comes in its place. */
  left(subscriber: string): void {
    for (const handOver of this.#byToken.values()) {
      if (handOver.subscriber !== subscriber) continue;
      this.#invalidate(handOver, 'subscriber-gone');
      handOver.waits = true;
    }
  }

  /** The broker does not wait for the acknowledgement any more. */
  withdrawn(delivery: number): void {
    const message = this.#messages.get(delivery);
    if (message === undefined) return;
    for (const handOver of message.handOvers) {
      // One that waits was lost with its subscriber, and is here only.
      if (handOver.waits) continue;
      this.#invalidate(handOver, 'withdrawn');
      message.handOvers.delete(handOver);
    }
    if (message.handOvers.size === 0) this.#forget(message);
  }

  /**
   * Hands over again what has lost its subscriber: `successor` names the one in its place, or says that there is none yet
   * (`wait`) or never will be (`abandoned`). `handOver` gets each with a new reference; the answer is when it is done with,
   * if the successor does not acknowledge by itself.
   * @returns what is abandoned, by subscriber.
   */
  handOverAgain(
    successor: (subscriber: string, filter: string, topic: string) => Route | 'wait' | 'abandoned',
    handOver: (delivery: Delivery, route: Route, reference: AcknowledgementReference | undefined) => Promise<void>,
  ): AbandonedReport[] {
    const abandoned = new Map<string, AbandonedReport>();
    const all = [...this.#messages.values()].flatMap(({ handOvers }) => [...handOvers]);
    for (const each of all) {
      const { of, subscriber, filter } = each;
      if (!each.waits || !of.handOvers.has(each)) continue;
      const { topic } = of.delivery.message;
      const route = successor(subscriber, filter, topic);
      if (route === 'wait') continue;
      each.waits = false;
      if (route === 'abandoned') {
        const report = abandoned.get(subscriber) ?? { count: 0, topic, subscriber };
        report.count += 1;
        abandoned.set(subscriber, report);
        this.#settle(each);
      } else if (route.acknowledge === 'manual') {
        each.filter = route.filter;
        void handOver(of.delivery, route, this.#reference(each));
      } else {
        void handOver(of.delivery, route, undefined).then(() => this.#settle(each));
      }
    }
    return [...abandoned.values()];
  }

  #acknowledge(token: number): AcknowledgementOutcome {
    const handOver = this.#byToken.get(token);
    if (handOver === undefined) {
      if (!(token >= 1 && token <= this.#tokens)) return 'unknown';
      return this.#void.get(token) ?? 'repeated';
    }
    this.#byToken.delete(token);
    this.#settle(handOver);
    return 'counted';
  }

  #reference(handOver: HandOver): AcknowledgementReference {
    const token = ++this.#tokens;
    handOver.token = token;
    this.#byToken.set(token, handOver);
    return { session: this.session, epoch: this.#epoch, token };
  }

  #invalidate({ token }: HandOver, reason: 'subscriber-gone' | 'withdrawn'): void {
    if (!this.#byToken.delete(token)) return;
    this.#void.set(token, reason);
    if (this.#void.size <= VOID_TOKENS_MAX) return;
    for (const oldest of this.#void.keys()) {
      this.#void.delete(oldest);
      return;
    }
  }

  #settle(handOver: HandOver): void {
    const { of } = handOver;
    if (!of.handOvers.delete(handOver) || of.handOvers.size > 0) return;
    if (this.#forget(of)) of.acknowledged();
  }

  #forget(message: UnacknowledgedMessage): boolean {
    const { delivery } = message.delivery;
    if (this.#messages.get(delivery) !== message) return false;
    this.#messages.delete(delivery);
    if (this.#messages.size === 0) {
      this.#cancelReport?.();
      this.#cancelReport = undefined;
    }
    return true;
  }

  #oldest(): UnacknowledgedMessage | undefined {
    for (const message of this.#messages.values()) return message;
    return undefined;
  }

  #watch(afterMs = REPORTED_AFTER_MS): void {
    if (this.#cancelReport !== undefined || this.#messages.size === 0) return;
    this.#cancelReport = this.scheduler.after(afterMs, () => {
      this.#cancelReport = undefined;
      this.#reportOldest();
    });
  }

  #reportOldest(): void {
    const oldest = this.#oldest();
    if (oldest === undefined) return;
    const waitingMs = this.scheduler.now() - oldest.receivedAt;
    if (waitingMs < REPORTED_AFTER_MS) {
      this.#watch(REPORTED_AFTER_MS - waitingMs);
      return;
    }
    this.#watch();
    const [handOver] = oldest.handOvers;
    if (handOver === undefined) return;
    this.report({
      count: this.#messages.size,
      topic: oldest.delivery.message.topic,
      subscriber: handOver.subscriber,
      isSubscriberGone: handOver.waits,
      receivedAt: oldest.receivedAt,
      waitingMs,
    });
  }
}
