import type { ConnackDetails, ConnectionEnd, ConnectionOptions } from '../connection/types';
import type { ConnectionLimits } from '../session/packets';
import type { ClientState } from './client-events';
import { isClosedByPeer } from './closed-by-peer';
import { brokerAddress, connectionOptions } from './connection-options';
import { Goodbye } from './goodbye';
import { Link } from './link';
import type { OpenSession } from './open-session';
import { type ClientEnvironment, DEFAULT_MAX_RECONNECT_DELAY_MS, type SessionClientOptions } from './options';

export interface SessionConnectionEvents {
  connected(limits: ConnectionLimits, connack: ConnackDetails): void;
  /** A connection, or an attempt to make one (`wasUp` false), ended. */
  disconnected(end: ConnectionEnd, wasUp: boolean): void;
  /** `state` may be another. */
  changed(): void;
  /** Whether received messages wait because nobody is there to take them. */
  isHolding(): boolean;
}

/** The connection to the broker, as it is wanted; it serves whichever session is open, and there is none without one. */
export class SessionConnection {
  readonly link: Link;
  readonly #goodbye: Goodbye;
  /** By `connect` and `disconnect`. */
  #wanted = false;
  #open: OpenSession | undefined;
  /** The session that is still open is about to be closed: no connection is made for it any more. */
  #isClosing = false;
  #lastEnd: ConnectionEnd | undefined;

  constructor(
    private readonly options: SessionClientOptions,
    { connect, scheduler, random }: ClientEnvironment,
    private readonly events: SessionConnectionEvents,
  ) {
    this.#goodbye = new Goodbye(scheduler);
    this.link = new Link(
      connect,
      () => this.#connectionOptions(),
      {
        up: (limits, connack) => this.#up(limits, connack),
        packets: (packets) => this.#open?.loop.packets(packets),
        congested: (congested) => this.#open?.loop.congested(congested),
        down: (end, wasUp) => this.#down(end, wasUp),
        state: ({ kind }) => {
          if (kind === 'up') this.#lastEnd = undefined;
          events.changed();
        },
      },
      scheduler,
      random,
      options.maxReconnectDelayMs ?? DEFAULT_MAX_RECONNECT_DELAY_MS,
    );
  }

  get isUp(): boolean {
    return this.link.state.kind === 'up';
  }

  get state(): Omit<Extract<ClientState, { kind: 'open' }>, 'kind'> {
    const { state: link, contested } = this.link;
    return { link, contested, ...(this.#lastEnd === undefined ? {} : { end: this.#lastEnd }) };
  }

  /** Connects as soon as a session is open, and again whenever the connection is lost, until `disconnect`. */
  connect(): void {
    this.#wanted = true;
    this.resume();
  }

  /** Connects now, if that is wanted. */
  resume(): void {
    if (this.#wanted && this.#open !== undefined && !this.#isClosing) this.link.start();
  }

  /** Ends the connection, with the close message unless it is `force`, and makes a snapshot. */
  async disconnect(options: { force?: boolean; sessionExpiryInterval?: number } = {}): Promise<void> {
    this.#wanted = false;
    await this.#end(options);
  }

  /** The session is to be closed: what is wanted from now on counts for the next one. */
  closing(): void {
    this.#wanted = false;
    this.#isClosing = true;
  }

  /** As `disconnect`, after `closing`. */
  async close(): Promise<void> {
    await this.#end();
  }

  /** The session is closed. */
  closed(): void {
    this.#isClosing = false;
  }

  attach(open: OpenSession): void {
    this.#open = open;
    this.resume();
  }

  /** `cut`: what is left of the connection is dropped, because nothing may be sent for the session any more. */
  detach(cut: boolean): void {
    this.#open = undefined;
    if (cut) void this.link.stop({ force: true });
  }

  async #end(options: { force?: boolean; sessionExpiryInterval?: number } = {}): Promise<void> {
    if (!options.force) await this.#sayGoodbye();
    await this.link.stop(options);
    // It may have been asked for again meanwhile.
    this.resume();
    await this.#open?.snapshot();
  }

  /** The close message, once, if the broker answers soon enough. */
  async #sayGoodbye(): Promise<void> {
    const { close } = this.options;
    const loop = this.#open?.loop;
    if (close === undefined || loop === undefined || !this.isUp) return;
    await this.#goodbye.say(close, (message) => loop.sayGoodbye(message));
  }

  #up(limits: ConnectionLimits, connack: ConnackDetails): void {
    const { connection, birth } = this.options;
    const to = { address: brokerAddress(connection.url), limits };
    if (limits.cleanStart && !connection.clean) {
      // A session that lasts is begun by the next connection: this one ends its own in 3.1.1 (MQTT-3.1.2-6).
      this.#open?.loop.startedClean(to);
      this.link.proven();
      this.link.drop({ kind: 'ended', reasonString: 'session-cleared' });
      return;
    }
    this.#open?.loop.connected(to, birth);
    this.events.connected(limits, connack);
  }

  #down(end: ConnectionEnd, wasUp: boolean): void {
    this.#lastEnd = end;
    if (wasUp) this.#open?.loop.disconnected(isClosedByPeer(end));
    else if (end.unanswered) this.#open?.loop.unanswered();
    // Whoever would take the messages is not there: they stay with the broker until then.
    const overflow = end.reasonString === 'inbound-overflow' || end.reasonString === 'receive-maximum-exceeded';
    if (overflow && this.events.isHolding()) void this.link.stop();
    this.events.changed();
    this.events.disconnected(end, wasUp);
  }

  #connectionOptions(): ConnectionOptions {
    const { clientId, connection } = this.options;
    const clean = connection.clean || this.#open?.session.needsCleanStart === true;
    return connectionOptions({ ...connection, clean }, clientId, this.#open?.expiryInterval ?? 0);
  }
}
