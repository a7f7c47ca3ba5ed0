import * as net from 'node:net';
import type { Packet } from 'mqtt-packet';
import { freePort } from './ports';
import { type ConnectionObserver, ProxiedConnection } from './proxy/connection';
import type { Decision, Link } from './proxy/pipe';
import { describe, type PacketSummary, summarise } from './proxy/summary';
import { type Direction, RuleChecker, RuleError } from './rules';

export type { ProxiedConnection } from './proxy/connection';
export type { Decision } from './proxy/pipe';
export type { PacketSummary } from './proxy/summary';

/** One line of the proxy's log. */
export interface ProxyEvent {
  connection: number;
  direction: Direction;
  packet: PacketSummary;
  /** Milliseconds since the proxy was made, monotonic. */
  timeMs: number;
}

/** Decides on one packet, right before it would be forwarded. */
export type PacketHook = (direction: Direction, packet: Packet, connection: ProxiedConnection) => Decision;

export interface ProxyOptions {
  /** Port of the broker. */
  brokerPort: number;
  /** Default 127.0.0.1. */
  brokerHost?: string;
  /** Judges every packet; default a new one. */
  checker?: RuleChecker;
  /** At most so many events are kept, the newest. Default 10,000. */
  maxEvents?: number;
  /** Gets every event with its packet, for a log of any length. */
  onEvent?: (event: ProxyEvent, packet: Packet) => void;
}

/**
 * A TCP proxy in front of a broker that decodes every packet and forwards the original bytes.
 *
 * A packet of the client is logged, counted and judged when it is read from the client's socket, a packet of the broker
 * when it goes out to the client: that is what each of the two can have sent or known. What a client wrote and the
 * proxy has not read when the connection is cut, nobody saw.
 *
 * Only plain MQTT over TCP (no TLS, no WebSocket).
 */
export class MqttProxy {
  readonly checker: RuleChecker;
  readonly #options: ProxyOptions;
  readonly #events: ProxyEvent[] = [];
  readonly #counters: Record<Direction, Partial<Record<Packet['cmd'], number>>> = { toBroker: {}, toClient: {} };
  readonly #links: Record<Direction, Link> = { toBroker: newLink(), toClient: newLink() };
  readonly #open = new Set<ProxiedConnection>();
  readonly #started = performance.now();
  readonly #observer: ConnectionObserver;
  #server: net.Server | undefined;
  #hook: PacketHook | undefined;
  #port = 0;
  #connectionCount = 0;

  constructor(options: ProxyOptions) {
    this.#options = options;
    this.checker = options.checker ?? new RuleChecker();
    this.#observer = {
      read: (connection, direction, packet) => {
        if (direction === 'toBroker') this.#record(connection, direction, packet);
      },
      forwarding: (connection, direction, packet) => {
        if (direction === 'toClient') this.#record(connection, direction, packet);
      },
      decide: (connection, direction, packet) => this.#hook?.(direction, packet, connection) ?? 'forward',
      wantsDecisions: () => this.#hook !== undefined,
      malformed: (connection, direction, message) =>
        this.checker.malformed(connection.number, `${direction}: ${message}`),
      closed: (connection) => {
        this.#open.delete(connection);
        this.checker.connectionClosed(connection.number);
      },
    };
  }

  /** Where clients connect to, on 127.0.0.1; the same over the whole life of the proxy. */
  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  /** The newest events, oldest first. */
  get events(): readonly ProxyEvent[] {
    return this.#events;
  }

  /** Packets so far, per direction and type. */
  get counters(): Readonly<Record<Direction, Readonly<Partial<Record<Packet['cmd'], number>>>>> {
    return this.#counters;
  }

  /** Open connections of clients. */
  get connections(): readonly ProxiedConnection[] {
    return [...this.#open];
  }

  /** Connections accepted so far. */
  get connectionCount(): number {
    return this.#connectionCount;
  }

  async start(): Promise<this> {
    for (let attempt = 1; ; attempt++) {
      this.#port = await freePort();
      try {
        await this.#listen();
        return this;
      } catch (error) {
        if (attempt === 10) throw error;
      }
    }
  }

  /** Ends everything; the proxy cannot be started again. */
  async stop(): Promise<void> {
    this.cut();
    await this.refuse(true);
  }

  /** Points new connections at another broker. */
  retarget(brokerPort: number): void {
    this.#options.brokerPort = brokerPort;
  }

  /** Breaks all open connections at once, in both directions. */
  cut(): void {
    for (const connection of this.#open) connection.cut();
  }

  /** An outage: new connections are refused (ECONNREFUSED) until it is switched off. Open ones go on; see {@link cut}. */
  async refuse(on: boolean): Promise<void> {
    if (on) {
      this.#server?.close();
      this.#server = undefined;
    } else if (!this.#server) {
      await this.#listen();
    }
  }

  /** Half-open: nothing is forwarded, in neither direction, and nobody is told. New connections are accepted so too. */
  freeze(): void {
    this.#changeLinks((link) => {
      link.frozen = true;
    });
  }

  /** What waited goes on. */
  thaw(): void {
    this.#changeLinks((link) => {
      link.frozen = false;
    });
  }

  /**
   * Limits what goes through, each direction for itself; undefined takes the limit away. The proxy stops reading when
   * some kilobytes wait, so that the sender's socket fills up as on a slow line (after the system's buffers, which hold
   * some megabytes on a loopback).
   */
  throttle(bytesPerSecond: number | undefined, direction?: Direction): void {
    this.#changeLinks((link) => {
      link.bytesPerSecond = bytesPerSecond;
    }, direction);
  }

  /** Adds to the round trip, half of it each way. 0 takes it away. */
  delay(roundTripMs: number): void {
    this.#changeLinks((link) => {
      link.delayMs = roundTripMs / 2;
    });
  }

  /**
   * Asks `hook` about every packet that begins to arrive from now on; undefined ends it. Packets are held back until
   * they are complete while a hook is set.
   */
  onPacket(hook: PacketHook | undefined): void {
    this.#hook = hook;
  }

  /**
   * Cuts at an exact step of the protocol, once: `decision` is taken for the first packet that `matches`.
   *
   * @returns a promise of that packet.
   */
  once(
    matches: (direction: Direction, packet: Packet, connection: ProxiedConnection) => boolean,
    decision: Decision,
  ): Promise<Packet> {
    return new Promise((resolve) => {
      this.onPacket((direction, packet, connection) => {
        if (!matches(direction, packet, connection)) return 'forward';
        this.onPacket(undefined);
        resolve(packet);
        return decision;
      });
    });
  }

  /** The last `count` events as text, for error messages. */
  recent(count = 40): string {
    return this.#events
      .slice(-count)
      .map(({ timeMs, connection, direction, packet }) => {
        const arrow = direction === 'toBroker' ? '->' : '<-';
        return `${timeMs.toFixed(1).padStart(9)} #${connection} ${arrow} ${describe(packet)}`;
      })
      .join('\n');
  }

  /** @throws RuleError with the last packets if a rule was broken. */
  assertClean(): void {
    try {
      this.checker.assertClean();
    } catch (error) {
      if (error instanceof RuleError) error.message += `\nlast packets:\n${this.recent()}`;
      throw error;
    }
  }

  #listen(): Promise<void> {
    const server = net.createServer({ noDelay: true }, (client) => this.#accept(client));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#port, '127.0.0.1', () => {
        this.#server = server;
        resolve();
      });
    });
  }

  #accept(client: net.Socket): void {
    const { brokerPort: port, brokerHost: host = '127.0.0.1' } = this.#options;
    const broker = net.connect({ host, port });
    this.#open.add(new ProxiedConnection(++this.#connectionCount, client, broker, this.#links, this.#observer));
  }

  #changeLinks(change: (link: Link) => void, direction?: Direction): void {
    if (direction !== 'toClient') change(this.#links.toBroker);
    if (direction !== 'toBroker') change(this.#links.toClient);
    for (const connection of this.#open) connection.wake();
  }

  #record(connection: ProxiedConnection, direction: Direction, packet: Packet): void {
    const counters = this.#counters[direction];
    counters[packet.cmd] = (counters[packet.cmd] ?? 0) + 1;
    const event: ProxyEvent = {
      connection: connection.number,
      direction,
      packet: summarise(packet),
      timeMs: performance.now() - this.#started,
    };
    const max = this.#options.maxEvents ?? 10_000;
    // Dropped in blocks: shift() on a long list is slow.
    if (this.#events.length >= max * 1.1) this.#events.splice(0, this.#events.length - max);
    this.#events.push(event);
    this.#options.onEvent?.(event, packet);
    this.checker.packet(connection.number, direction, packet);
  }
}

function newLink(): Link {
  return { frozen: false, bytesPerSecond: undefined, delayMs: 0 };
}
