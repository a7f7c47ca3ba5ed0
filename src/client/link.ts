import { Backoff } from '../connection/backoff';
import type { ConnackDetails, Connect, Connection, ConnectionEnd, ConnectionOptions } from '../connection/types';
import type { Scheduler } from '../scheduler';
import type { ConnectionLimits, InboundPacket, OutboundPacket } from '../session/packets';

/** Closed by the peer this soon after CONNACK, this often in a row: most likely another client uses our client id. */
const SHORT_LIVED_MS = 5_000;
const SHORT_LIVED_COUNT = 3;
const SESSION_TAKEN_OVER = 0x8e;
/** A connection that stands this long has proved good: the next failure starts with a short delay again. */
const PROVEN_AFTER_MS = 30_000;

export type LinkState =
  | { kind: 'idle' }
  | { kind: 'connecting' }
  | { kind: 'up'; since: number }
  /** The next attempt comes at `retryAt`. */
  | { kind: 'waiting'; retryAt: number };

export interface LinkEvents {
  up(limits: ConnectionLimits, connack: ConnackDetails): void;
  packets(packets: InboundPacket[]): void;
  congested(congested: boolean): void;
  /** A connection that was up, or an attempt (`wasUp` false), ended; `Link.state` says what comes next. */
  down(end: ConnectionEnd, wasUp: boolean): void;
  /** The state changed otherwise. */
  state(state: LinkState): void;
}

/** Since the link was made. */
export interface LinkCounters {
  attempts: number;
  /** CONNACK said so. */
  successes: number;
  /** Attempts that ended, unasked, before CONNACK with success. */
  failures: number;
  /** Attempts after the first success. */
  reconnectionAttempts: number;
  /** Successes after the first. */
  reconnections: number;
  lastConnectAt: number;
  lastDisconnectAt: number;
}

/** What went over connections; see `Connection`. */
export interface LinkTraffic {
  bytesSent: number;
  bytesReceived: number;
  messagesSent: number;
  messagesResent: number;
  messagesReceived: number;
}

/** Keeps one connection at a time and, while wanted, makes the next one after a back-off. */
export class Link {
  readonly counters: LinkCounters = {
    attempts: 0,
    successes: 0,
    failures: 0,
    reconnectionAttempts: 0,
    reconnections: 0,
    lastConnectAt: 0,
    lastDisconnectAt: 0,
  };
  /** Of connections that have ended. */
  #pastTraffic: LinkTraffic = noTraffic();
  #state: LinkState = { kind: 'idle' };
  #wanted = false;
  #connection: Connection | undefined;
  #cancelTimer: (() => void) | undefined;
  #whenIdle: (() => void)[] = [];
  #shortLived = 0;
  /** Another client uses our client id: the back-off grows until a connection stands, so that the two do not alternate. */
  #contested = false;
  readonly #backoff: Backoff;

  constructor(
    private readonly connect: Connect,
    private readonly options: () => ConnectionOptions,
    private readonly events: LinkEvents,
    private readonly scheduler: Scheduler,
    random: () => number,
    maxDelayMs: number,
  ) {
    this.#backoff = new Backoff({ maxMs: maxDelayMs, random });
  }

  get state(): LinkState {
    return this.#state;
  }

  get bufferedBytes(): number {
    return this.#connection?.bufferedBytes ?? 0;
  }

  get contested(): boolean {
    return this.#contested;
  }

  /** Of this and all earlier connections. */
  get traffic(): LinkTraffic {
    const past = this.#pastTraffic;
    if (this.#connection === undefined) return past;
    const { bytes, messages } = this.#connection;
    return {
      bytesSent: past.bytesSent + bytes.sent,
      bytesReceived: past.bytesReceived + bytes.received,
      messagesSent: past.messagesSent + messages.sent,
      messagesResent: past.messagesResent + messages.resent,
      messagesReceived: past.messagesReceived + messages.received,
    };
  }

  /** Connects now, and again whenever the connection ends, until `stop`. */
  start(): void {
    this.#wanted = true;
    if (this.#connection === undefined) this.#attempt();
  }

  /** Ends the connection and stays down. Resolves when it is closed. */
  stop(options: { force?: boolean; sessionExpiryInterval?: number } = {}): Promise<void> {
    this.#wanted = false;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#backoff.reset();
    if (this.#connection === undefined) {
      this.#setState({ kind: 'idle' });
      return Promise.resolve();
    }
    const closed = new Promise<void>((resolve) => this.#whenIdle.push(resolve));
    this.#connection.end(options);
    return closed;
  }

  /** Ends the present connection because of what the peer did or did not do; another one follows after a back-off. */
  drop(cause: ConnectionEnd): void {
    this.#connection?.end({ ...(cause.reasonCode === undefined ? {} : { reasonCode: cause.reasonCode }), cause });
  }

  /** The peer has acknowledged something. */
  proven(): void {
    if (!this.#contested) this.#backoff.reset();
  }

  send(packet: OutboundPacket): void {
    this.#connection?.send(packet);
  }

  flush(): void {
    this.#connection?.flush();
  }

  #attempt(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.counters.attempts += 1;
    if (this.counters.successes > 0) this.counters.reconnectionAttempts += 1;
    this.#setState({ kind: 'connecting' });
    let wasUp = false;
    this.#connection = this.connect(this.options(), {
      up: (limits, connack) => {
        wasUp = true;
        if (this.counters.successes > 0) this.counters.reconnections += 1;
        this.counters.successes += 1;
        this.counters.lastConnectAt = this.scheduler.now();
        this.#cancelTimer = this.scheduler.after(PROVEN_AFTER_MS, () => this.#stood());
        this.#setState({ kind: 'up', since: this.counters.lastConnectAt });
        this.events.up(limits, connack);
      },
      packets: (packets) => this.events.packets(packets),
      congested: (congested) => this.events.congested(congested),
      down: (end) => this.#down(end, wasUp),
    });
  }

  #down(end: ConnectionEnd, wasUp: boolean): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#pastTraffic = this.traffic;
    this.#connection = undefined;
    if (wasUp) {
      this.counters.lastDisconnectAt = this.scheduler.now();
      this.#watchForTakeOver(end);
    }
    if (!wasUp && end.kind !== 'ended') this.counters.failures += 1;
    if (this.#wanted) {
      const delayMs = this.#backoff.next();
      this.#state = { kind: 'waiting', retryAt: this.scheduler.now() + delayMs };
      this.#cancelTimer = this.scheduler.after(delayMs, () => this.#attempt(), true);
    } else {
      this.#state = { kind: 'idle' };
    }
    for (const resolve of this.#whenIdle.splice(0)) resolve();
    this.events.down(end, wasUp);
  }

  #stood(): void {
    this.#shortLived = 0;
    this.#contested = false;
    this.#backoff.reset();
  }

  #watchForTakeOver(end: ConnectionEnd): void {
    const { lastConnectAt, lastDisconnectAt } = this.counters;
    const wasShort = end.kind === 'closed' && lastDisconnectAt - lastConnectAt < SHORT_LIVED_MS;
    this.#shortLived = wasShort ? this.#shortLived + 1 : 0;
    if (end.reasonCode === SESSION_TAKEN_OVER || this.#shortLived >= SHORT_LIVED_COUNT) this.#contested = true;
  }

  #setState(state: LinkState): void {
    this.#state = state;
    this.events.state(state);
  }
}

function noTraffic(): LinkTraffic {
  return { bytesSent: 0, bytesReceived: 0, messagesSent: 0, messagesResent: 0, messagesReceived: 0 };
}
