import type { QoS } from '../../src/session/message';
import { MANUAL_TOPICS } from './acknowledging-flow';

/** `dead`: a dead letter. `gone`: one that the application has thrown away. `dropped`: by a full queue. `purged`. */
export type GivenUp = 'dead' | 'gone' | 'dropped' | 'purged';

/** A message that the application gave to the client. */
interface Outbound {
  topic: string;
  qos: QoS;
  /** `pending`: nothing was reported yet. `stored`: promised. `failed`: reported as not stored. */
  state: 'pending' | 'stored' | 'failed';
  /** Given up for a reason that the episode allows, and reported. */
  givenUp: false | GivenUp;
  /** It was a dead letter when the application asked for those to be sent again. */
  replayable: boolean;
  /** A purge was asked for while it was not at the broker's application. */
  purgeable: boolean;
  /** It is stored no more, unsent; that is told when it is durable. */
  leaving: boolean;
  /** `doomed`: its session is being deleted. `void`: it was, or damage that was reported took the message. */
  session: 'kept' | 'doomed' | 'void';
  /** The broker sessions in which the broker's application got it, each time it did. */
  applied: string[];
}

/** A message that the broker queued for the client. */
interface Inbound {
  topic: string;
  qos: QoS;
  /** In which broker session; if that is gone, so is the message. */
  session: string;
  /** Who got it, each time: a process, or the subscriber of one until it is replaced. */
  given: number[];
  /** The flow acknowledged it, where that is left to it. */
  acknowledged: boolean;
  /** The application gave up its subscription meanwhile: nobody may be there to take it. */
  unwanted: boolean;
}

/**
 * Knows what was promised, and what both applications saw; every difference is a violation.
 *
 * Out: a message reported stored reaches the broker's application or is still stored. QoS 2 reaches it once per broker
 * session. Those of one topic and QoS arrive in the order of publishing. A message given up is a dead letter, once, and
 * from then on reaches nobody if it is not sent again from there; or it was dropped or purged, and reported: never again.
 * In: a message that we acknowledged was given to the flow. QoS 2 is given twice only across the end of a process, and
 * is marked then. Those of one topic and QoS are given in order.
 */
export class Oracle {
  readonly violations: string[] = [];
  /** Promised and not yet at the broker's application. */
  owed = 0;
  readonly #outbound = new Map<number, Outbound>();
  readonly #leaving = new Set<number>();
  readonly #inbound = new Map<number, Inbound>();
  readonly #lastApplied = new Map<string, number>();
  readonly #lastGiven = new Map<string, number>();
  #purgesAsked = 0;
  #purged = 0;
  /** Flipped bits that were reported: what was sent may be forgotten, so that it is sent again. */
  #isDamaged = false;
  /** The same after a power cut, where the setting promises nothing for one. */
  #isForgetful = false;

  /**
   * `wanted`: the filters that the application wants, at any time. `clears`: brokers may deliver what they hold under an
   * identifier long after the client has given it up.
   */
  constructor(
    private readonly wanted: ReadonlyMap<string, QoS>,
    private readonly clears: () => boolean,
  ) {}

  violation(text: string): void {
    this.violations.push(text);
  }

  // Out.

  published(number: number, topic: string, qos: QoS): void {
    this.#outbound.set(number, {
      topic,
      qos,
      state: 'pending',
      givenUp: false,
      replayable: false,
      purgeable: false,
      leaving: false,
      session: 'kept',
      applied: [],
    });
  }

  stored(number: number): void {
    this.#change(number, (message) => {
      if (message.state !== 'pending') this.violation(`message ${number} reported stored after ${message.state}`);
      message.state = 'stored';
    });
  }

  /** Reported as failed: before it was stored, or (to who waits for the broker's answer) given up later. */
  failed(number: number): void {
    this.#change(number, (message) => {
      if (message.state === 'pending') message.state = 'failed';
      else if (!message.givenUp) this.violation(`message ${number} reported failed after it was stored`);
    });
  }

  /** The application asks for the session to be deleted: what it holds goes with it. */
  deletes(): void {
    for (const [number, { session }] of this.#outbound) {
      if (session === 'kept') {
        this.#change(number, (message) => {
          message.session = 'doomed';
        });
      }
    }
  }

  /** What became of the deletion: whole or gone. */
  deleted(isGone: boolean): void {
    for (const [number, { session }] of this.#outbound) {
      if (session === 'doomed') {
        this.#change(number, (message) => {
          message.session = isGone ? 'void' : 'kept';
        });
      }
    }
  }

  /** The store has reported that flipped bits took these messages. */
  damaged(numbers: Iterable<number>): void {
    this.#isDamaged = true;
    this.#isForgetful = true;
    this.#void(numbers);
  }

  /** A power cut, and nothing had to be synced: what was stored until now may be gone, what comes is promised again. */
  forgets(): void {
    this.#isForgetful = true;
    this.#void(this.#outbound.keys());
  }

  /**
   * The broker takes a message for the repetition of another one. @returns whether that may be: flipped bits that nothing
   * tells from an interrupted write took the other one, and with it the knowledge that its identifier is in use; or
   * nothing is promised of this one any more.
   */
  swallowed(number: number): boolean {
    if (this.#isDamaged) this.damaged([number]);
    return this.#of(number).session === 'void';
  }

  /** The session has recorded that it stores the message no more, and the broker did not take it. */
  leaves(number: number): void {
    if (!isOwed(this.#of(number))) return;
    this.#leaving.add(number);
    this.#change(number, (message) => {
      message.leaving = true;
    });
  }

  givenUp(number: number, as: GivenUp): void {
    this.#leaving.delete(number);
    this.#change(number, (message) => {
      message.leaving = false;
      message.givenUp = as;
      // If it was sent again from there before, it was given up again.
      if (as === 'dead') message.replayable = false;
    });
  }

  /** Whoever published a message that left is told as soon as that is durable. */
  checkLeft(isStored: (number: number) => boolean): void {
    for (const number of this.#leaving) {
      if (isStored(number) || this.#of(number).session !== 'kept') continue;
      this.#leaving.delete(number);
      this.violation(`message ${number} left the queue for good, and nobody was told`);
    }
  }

  /** A process opened the session: what was leaving is back, or gone and the process to be told with it. */
  reopened(isStored: (number: number) => boolean): void {
    for (const number of this.#leaving) {
      this.#change(number, (message) => {
        message.leaving = false;
        if (!isStored(number)) message.givenUp = 'dropped';
      });
    }
    this.#leaving.clear();
  }

  /** The application asks for all dead letters to be sent again. What it has thrown away may still be there. */
  replays(): void {
    for (const message of this.#outbound.values()) {
      if (message.givenUp === 'dead' || message.givenUp === 'gone') message.replayable = true;
    }
  }

  /** The application asks for a purge: what is not delivered may go. Dead letters may be back in the queue. */
  purges(): void {
    this.#purgesAsked += 1;
    for (const [number, { applied }] of this.#outbound) {
      if (applied.length === 0) {
        this.#change(number, (message) => {
          message.purgeable = true;
        });
      }
    }
  }

  purged(count: number): void {
    this.#purgesAsked -= 1;
    this.#purged += count;
  }

  /** All that the file of dead letters holds, when a process has opened the session. */
  deadLetters(numbers: readonly number[]): void {
    for (const number of numbers) if (this.#of(number).givenUp === false) this.givenUp(number, 'dead');
  }

  acknowledged(number: number): void {
    const { qos, applied, session } = this.#of(number);
    // One that the broker took for the repetition of another is acknowledged by it as that.
    if (qos > 0 && applied.length === 0 && session !== 'void') {
      this.violation(`message ${number} reported acknowledged, and the broker does not have it`);
    }
  }

  /** The broker's application got it. `session` names the broker's session, as far as the client could know it. */
  applied(number: number, qos: QoS, session: string): void {
    this.#change(number, (message) => {
      const { givenUp, replayable } = message;
      if (givenUp !== false && !replayable && !this.clears() && !this.#isForgetful) {
        this.violation(`message ${number} arrived after it was given up (${givenUp})`);
      }
      if (message.qos !== qos) this.violation(`message ${number} of QoS ${message.qos} arrived at QoS ${qos}`);
      if (qos === 2 && message.applied.includes(session) && !this.#isForgetful) {
        this.violation(`QoS 2 message ${number} arrived twice in broker session ${session}`);
      }
      if (qos === 0 && message.applied.length > 0 && !this.#isForgetful)
        this.violation(`QoS 0 message ${number} arrived twice`);
      // A dead letter that is sent again comes later than what was published after it.
      if (
        message.applied.length === 0 &&
        qos > 0 &&
        !message.givenUp &&
        message.session === 'kept' &&
        !this.#isForgetful
      ) {
        const key = `${message.topic} ${qos}`;
        const last = this.#lastApplied.get(key) ?? 0;
        if (last > number) this.violation(`message ${number} arrived after ${last} (${key})`);
        this.#lastApplied.set(key, Math.max(last, number));
      }
      message.applied.push(session);
    });
  }

  /** At any moment: what is owed must be in the store. */
  checkStored(count: number): void {
    if (count < this.owed)
      this.violation(`${this.owed} promised messages are not delivered, but only ${count} are stored`);
  }

  /**
   * With everything delivered: nothing may be owed. Each dead letter (by number) is there once, and what was reported to
   * be one is, if it was not delivered from there. `mayBeEvicted`: it may have been one, and have made room for others.
   */
  checkDelivered(deadLetters: readonly number[], mayBeEvicted: (number: number) => boolean): void {
    const dead = new Set(deadLetters);
    if (dead.size < deadLetters.length) this.violation(`a dead letter is there twice: ${deadLetters.join(', ')}`);
    const undelivered = [...this.#outbound].filter(
      ([number, { state, session, qos, applied }]) =>
        state === 'stored' &&
        session !== 'void' &&
        qos > 0 &&
        applied.length === 0 &&
        !dead.has(number) &&
        !mayBeEvicted(number),
    );
    const missing = undelivered
      .filter(([, { givenUp, purgeable }]) => !isGone(givenUp) && !purgeable)
      .map(([number]) => number);
    const purged = undelivered.filter(([, { givenUp, purgeable }]) => !isGone(givenUp) && purgeable).length;
    // What a purge removed whose end a crash has hidden is not known.
    if (this.#purgesAsked === 0 && purged > this.#purged) {
      this.violation(`${this.#purged} messages were purged, and ${purged} are not there`);
    }
    if (missing.length > 0)
      this.violation(`lost: ${missing.length} stored messages: ${missing.slice(0, 10).join(', ')}`);
  }

  // In.

  queued(number: number, topic: string, qos: QoS, session: string): void {
    this.#inbound.set(number, {
      topic,
      qos,
      session,
      given: [],
      acknowledged: false,
      unwanted: !this.wanted.has(topic),
    });
  }

  /** The application gives up a subscription. */
  unwanted(topic: string): void {
    for (const message of this.#inbound.values()) if (message.topic === topic) message.unwanted = true;
  }

  /** `to`: a process, or the subscriber of one until it is replaced. */
  given(number: number, topic: string, to: number, redelivered: boolean): void {
    const message = this.#inbound.get(number);
    if (message === undefined) {
      this.violation(`the flow was given message ${number}, which the broker never had`);
      return;
    }
    const { given, qos } = message;
    if (topic !== message.topic) this.violation(`inbound message ${number} of ${message.topic} was given as ${topic}`);
    if (given.length > 0 && qos === 0) this.violation(`inbound QoS 0 message ${number} given twice`);
    if (given.length > 0 && qos === 2) {
      if (given.includes(to)) this.violation(`inbound QoS 2 message ${number} given twice to one subscriber`);
      if (!redelivered && !this.#isForgetful)
        this.violation(`inbound QoS 2 message ${number} given twice and not marked as redelivered`);
    }
    if (given.length === 0 && qos > 0) {
      const key = `${topic} ${qos} ${message.session}`;
      const last = this.#lastGiven.get(key) ?? 0;
      // What nobody was there to take may come again, with the next process, when somebody is.
      if (last > number && !message.unwanted) this.violation(`inbound message ${number} given after ${last} (${key})`);
      this.#lastGiven.set(key, Math.max(last, number));
    }
    given.push(to);
  }

  /** Acknowledging is left to the flow, which has done so. */
  acknowledgedByFlow(number: number): void {
    const message = this.#inbound.get(number);
    if (message !== undefined) message.acknowledged = true;
  }

  /** The broker got our PUBACK or PUBREC for it. */
  acknowledgedByUs(number: number): void {
    const message = this.#inbound.get(number);
    if (message?.given.length === 0 && !message.unwanted) {
      this.violation(`inbound message ${number} was acknowledged and never given to the flow`);
    }
    if (message !== undefined && MANUAL_TOPICS.has(message.topic) && !message.acknowledged && !message.unwanted) {
      this.violation(`inbound message ${number} was acknowledged to the broker before the flow had done so`);
    }
  }

  /** With everything delivered: all that the broker's present session had for us was given to the flow. */
  checkGiven(session: string): void {
    const missing = [...this.#inbound]
      .filter(
        ([, message]) =>
          message.session === session && message.qos > 0 && !message.unwanted && message.given.length === 0,
      )
      .map(([number]) => number);
    if (missing.length > 0)
      this.violation(`inbound: ${missing.length} never given: ${missing.slice(0, 10).join(', ')}`);
  }

  #void(numbers: Iterable<number>): void {
    for (const number of numbers) {
      this.#change(number, (message) => {
        message.session = 'void';
      });
    }
  }

  #of(number: number): Outbound {
    const message = this.#outbound.get(number);
    if (message === undefined) throw new Error(`message ${number} was never published`);
    return message;
  }

  #change(number: number, change: (message: Outbound) => void): void {
    const message = this.#of(number);
    const before = isOwed(message);
    change(message);
    this.owed += Number(isOwed(message)) - Number(before);
  }
}

/** What a purge removed is counted with the others that it may have removed. */
function isGone(givenUp: false | GivenUp): boolean {
  return givenUp === 'gone' || givenUp === 'dropped';
}

function isOwed({ state, qos, applied, givenUp, purgeable, leaving, session }: Outbound): boolean {
  const isWanted = !givenUp && !purgeable && !leaving;
  return state === 'stored' && qos > 0 && applied.length === 0 && isWanted && session === 'kept';
}
