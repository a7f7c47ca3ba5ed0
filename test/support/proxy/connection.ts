import type * as net from 'node:net';
import type { Packet } from 'mqtt-packet';
import type { Direction } from '../rules';
import { type Decision, type Link, Pipe } from './pipe';

/** What the proxy wants to know of a connection. */
export interface ConnectionObserver {
  read(connection: ProxiedConnection, direction: Direction, packet: Packet): void;
  forwarding(connection: ProxiedConnection, direction: Direction, packet: Packet): void;
  decide(connection: ProxiedConnection, direction: Direction, packet: Packet): Decision;
  wantsDecisions(): boolean;
  malformed(connection: ProxiedConnection, direction: Direction, message: string): void;
  closed(connection: ProxiedConnection): void;
}

/** A client's connection and the one made to the broker for it. */
export class ProxiedConnection {
  /** Of the CONNECT; undefined before it. */
  clientId: string | undefined;
  protocolVersion: number | undefined;
  closed = false;
  readonly #client: net.Socket;
  readonly #broker: net.Socket;
  readonly #toBroker: Pipe;
  readonly #toClient: Pipe;

  constructor(
    /** Counts up from 1 over the life of the proxy. */
    readonly number: number,
    client: net.Socket,
    broker: net.Socket,
    links: Record<Direction, Link>,
    observer: ConnectionObserver,
  ) {
    this.#client = client;
    this.#broker = broker;
    for (const socket of [client, broker]) {
      socket.setNoDelay(true);
      // A reset is the normal end of a killed process; 'close' follows and is what counts.
      socket.on('error', () => socket.destroy());
    }
    const pipe = (source: net.Socket, destination: net.Socket, direction: Direction) =>
      new Pipe(source, destination, links[direction], {
        read: (packet) => {
          if (packet.cmd === 'connect' && direction === 'toBroker' && this.clientId === undefined) {
            this.clientId = packet.clientId;
            this.protocolVersion = packet.protocolVersion;
            this.#toClient.decode(packet.protocolVersion);
          }
          observer.read(this, direction, packet);
        },
        forwarding: (packet) => observer.forwarding(this, direction, packet),
        decide: (packet) => observer.decide(this, direction, packet),
        wantsDecisions: () => observer.wantsDecisions(),
        malformed: (message) => observer.malformed(this, direction, message),
        cut: () => this.cut(),
        cutBehind: (socket) => this.#cutBehind(socket),
      });
    this.#toBroker = pipe(client, broker, 'toBroker');
    this.#toClient = pipe(broker, client, 'toClient');
    this.#toBroker.decode();
    client.on('close', () => {
      if (this.closed) return;
      this.closed = true;
      observer.closed(this);
    });
  }

  /** Ends both sides at once; whatever is under way is lost. */
  cut(): void {
    this.#toBroker.close();
    this.#toClient.close();
    this.#client.destroy();
    this.#broker.destroy();
  }

  #cutBehind(socket: net.Socket): void {
    this.#toBroker.close();
    this.#toClient.close();
    // Not destroyed: closing with unread bytes sends a reset, which may overtake the last packet.
    socket.end();
    (socket === this.#client ? this.#broker : this.#client).destroy();
  }

  /** The link has changed. */
  wake(): void {
    this.#toBroker.wake();
    this.#toClient.wake();
  }
}
