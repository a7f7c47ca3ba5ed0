// What a broker may lose or double, so that it is not taken for the client's.
import type { Finding } from './findings';
import type { MessageKey } from './ledger';
import type { Outward, WireHistory } from './wire-history';

/** A broker that was killed forgets what it did between its last save and its end. Times of `performance.now()`. */
interface ForgottenTime {
  savedAtMs: number;
  killedAtMs: number;
  /** Until then what it had sent may still be on its way through sockets. */
  startedAtMs: number;
}

interface Span {
  fromMs: number;
  toMs: number;
}

/** When the observer's publisher gave a message to the broker, and when the broker had taken it. */
export interface Feed {
  qos: 1 | 2;
  givenAtMs: number;
  takenAtMs?: number;
}

/** An acknowledgement that went out so shortly before a kill may not have been recorded by the client. */
const DOUBT_MS = 1_000;
const QUOTA_EXCEEDED = 0x97;
/** The broker's save may have begun so long before the time stamp of its file. */
const SAVE_MS = 100;

export class BrokerFaults {
  readonly #forgotten: ForgottenTime[] = [];
  readonly #sessionsLostAtMs: number[] = [];

  constructor(
    private readonly wire: WireHistory,
    private readonly feeds: ReadonlyMap<MessageKey, Feed>,
  ) {}

  /** SIGKILL, now. `stateSavedAtMs`: time stamp of its state file, since the epoch. */
  killed(stateSavedAtMs: number): void {
    const savedAtMs = stateSavedAtMs - performance.timeOrigin - SAVE_MS;
    this.#forgotten.push({ savedAtMs, killedAtMs: performance.now(), startedAtMs: Number.POSITIVE_INFINITY });
  }

  /** It is about to be started again. */
  starting(): void {
    const last = this.#forgotten.at(-1);
    if (last !== undefined) last.startedAtMs = performance.now();
  }

  /**
   * A broker that went back in time may count QoS 2 messages as open that were completed in the time that it forgot:
   * they take up its quota for good, and it refuses others although the client keeps to the Receive Maximum.
   */
  get mayRefuse(): boolean {
    return this.#forgotten.length > 0;
  }

  /** It was made to forget the sessions of the process under test, while nothing waited there for it. */
  sessionLost(): void {
    this.#sessionsLostAtMs.push(performance.now());
  }

  /** Whether the broker alone explains this. */
  explains({ kind, key, qos, observedAtMs }: Finding): boolean {
    switch (kind) {
      case 'lost-out':
        return this.#lostOut(key);
      case 'doubled-out':
        // QoS 0 is not acknowledged, so that no broker asks for it twice, and no client sends it twice.
        return qos === 2 && (this.#republished(key) || this.#touched(this.#outward(key)) || this.#during(observedAtMs));
      case 'disorder-out':
        return !this.#sentOutOfOrder().has(key);
      case 'lost-in':
        return this.#lostIn(key);
      case 'doubled-in':
        return this.#touched(this.#inward(key)) || this.#touched(this.#fed(key));
      case 'disorder-in':
        return this.wire.inward.get(key)?.identifierTaken === true;
      case 'invented-in':
        return false;
    }
  }

  /**
   * Messages of which a later one of the same topic and QoS had gone over the wire before. What went over it in order, and
   * came out of order, the broker has mixed up: Mosquitto does, behind its limit of messages in flight to a subscriber.
   */
  #sentOutOfOrder(): Set<MessageKey> {
    const highest = new Map<string, number>();
    const late = new Set<MessageKey>();
    // In the order in which they were first sent.
    for (const [key, { qos }] of this.wire.outward) {
      const [topic, number] = key.split(' ');
      const stream = `${qos} ${topic}`;
      const last = highest.get(stream) ?? 0;
      if (Number(number) < last) late.add(key);
      highest.set(stream, Math.max(last, Number(number)));
    }
    return late;
  }

  /** A QoS 2 message that came twice because the broker lost the session. */
  isRepublished({ kind, key, qos }: Finding): boolean {
    return kind === 'doubled-out' && qos === 2 && this.#republished(key);
  }

  /** Taken by the broker, and that forgotten. What it had not acknowledged it cannot lose. */
  #lostOut(key: MessageKey): boolean {
    const message = this.wire.outward.get(key);
    if (message === undefined) return false;
    if (message.refusedWith === QUOTA_EXCEEDED) return this.mayRefuse;
    // At QoS 1 a re-send makes up for what was forgotten before it; at QoS 2 a broker that forgot answers PUBCOMP.
    const times = message.qos === 1 ? message.acknowledgedAtMs.slice(-1) : message.acknowledgedAtMs;
    return times.some((time) => this.#during(time)) || this.#releasedIntoNewSession(message);
  }

  /**
   * QoS 2, with PUBREC from a session that was lost, and PUBCOMP from the next one, and the only CONNACK that told of it
   * did not reach a living client: nothing in the protocol tells it afterwards.
   */
  #releasedIntoNewSession({ clientId, qos, acknowledgedAtMs: [first], endedAtMs }: Outward): boolean {
    if (qos !== 2 || first === undefined || endedAtMs === undefined) return false;
    const noticed = (lostAtMs: number) =>
      this.wire.noticedLosses.some(
        (loss) => loss.clientId === clientId && lostAtMs < loss.atMs && loss.atMs < endedAtMs,
      );
    return this.#sessionsLostAtMs.some((lostAtMs) => first < lostAtMs && lostAtMs < endedAtMs && !noticed(lostAtMs));
  }

  #lostIn(key: MessageKey): boolean {
    const delivered = this.wire.inward.get(key);
    if (delivered?.identifierTaken) return true;
    // Answered, so it is the client's: whatever the broker forgot, it had handed this message over.
    if (delivered?.answeredOn !== undefined) return false;
    const feed = this.feeds.get(key);
    if (feed === undefined) return false;
    return feed.qos === 1 ? this.#during(feed.takenAtMs) : this.#touched(this.#fed(key));
  }

  /** In flight when the session was lost: it has to be published anew, and may have arrived before. */
  #republished(key: MessageKey): boolean {
    const message = this.wire.outward.get(key);
    if (message === undefined) return false;
    const until = (message.endedAtMs ?? Number.POSITIVE_INFINITY) + DOUBT_MS;
    return this.#sessionsLostAtMs.some((time) => message.sentAtMs <= time && time <= until);
  }

  #outward(key: MessageKey): Span | undefined {
    const message = this.wire.outward.get(key);
    return message && { fromMs: message.sentAtMs, toMs: message.endedAtMs ?? Number.POSITIVE_INFINITY };
  }

  #inward(key: MessageKey): Span | undefined {
    const message = this.wire.inward.get(key);
    return message && { fromMs: message.sentAtMs, toMs: message.endedAtMs ?? Number.POSITIVE_INFINITY };
  }

  #fed(key: MessageKey): Span | undefined {
    const feed = this.feeds.get(key);
    return feed && { fromMs: feed.givenAtMs, toMs: feed.takenAtMs ?? Number.POSITIVE_INFINITY };
  }

  #touched(span: Span | undefined): boolean {
    return (
      span !== undefined &&
      this.#forgotten.some(({ savedAtMs, killedAtMs }) => span.fromMs <= killedAtMs && savedAtMs <= span.toMs)
    );
  }

  #during(timeMs: number | undefined): boolean {
    return (
      timeMs !== undefined &&
      this.#forgotten.some(({ savedAtMs, startedAtMs }) => savedAtMs <= timeMs && timeMs <= startedAtMs)
    );
  }
}
