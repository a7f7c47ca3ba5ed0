import { once } from 'node:events';
import * as net from 'node:net';
import * as tls from 'node:tls';
import { generate, type IConnectPacket, parser } from 'mqtt-packet';

/** What a client showed of itself when it came. */
export interface Arrival {
  packet: IConnectPacket;
  /** With TLS. */
  servername?: string | undefined;
  alpnProtocol?: string | undefined;
  /** Common name of the client's certificate, when the authority signed it. */
  certificate?: string | undefined;
}

/** Stands in front of a broker, with TLS if it is told so, writes down who comes, and lets everything through. */
export class FrontDoor {
  /** By client id; the newest. */
  readonly connects = new Map<string, Arrival>();
  /** Arrivals of each client id. */
  readonly counts = new Map<string, number>();
  readonly #sockets = new Set<net.Socket>();
  readonly #clients = new Set<net.Socket>();

  private constructor(
    private readonly server: net.Server,
    private readonly brokerPort: number,
  ) {
    server.on(server instanceof tls.Server ? 'secureConnection' : 'connection', (socket: net.Socket) => {
      this.#accept(socket);
    });
    // A client that does not like the certificate.
    server.on('tlsClientError', () => undefined);
  }

  static async open(brokerPort: number, secure?: tls.TlsOptions, host = '127.0.0.1'): Promise<FrontDoor> {
    // The end of one side goes through to the other: a client must not think that the broker has read its DISCONNECT.
    const server = secure === undefined ? net.createServer({ allowHalfOpen: true }) : tls.createServer(secure);
    const door = new FrontDoor(server, brokerPort);
    server.listen(0, host);
    await once(server, 'listening');
    return door;
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Ends all connections as an MQTT 5 broker does that says why. */
  disconnectClients(reasonCode: number): void {
    for (const client of this.#clients) {
      client.end(generate({ cmd: 'disconnect', reasonCode }, { protocolVersion: 5 }));
    }
  }

  async close(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.cut();
    await closed;
  }

  #accept(client: net.Socket): void {
    const broker = net.connect({ port: this.brokerPort, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    client.setNoDelay(true);
    this.#clients.add(client);
    client.on('close', () => this.#clients.delete(client));
    const decoder = parser();
    decoder.once('packet', (packet) => {
      if (packet.cmd === 'connect') this.#arrived(client, packet);
    });
    decoder.on('error', () => undefined);
    client.once('data', (chunk) => decoder.parse(chunk));
    for (const [from, to] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  }

  #arrived(client: net.Socket, packet: IConnectPacket): void {
    const arrival: Arrival = { packet };
    if (client instanceof tls.TLSSocket) {
      const { servername, alpnProtocol } = client as tls.TLSSocket & { servername?: string | false };
      arrival.servername = servername || undefined;
      arrival.alpnProtocol = alpnProtocol || undefined;
      arrival.certificate = client.authorized ? client.getPeerCertificate().subject?.CN?.toString() : undefined;
    }
    this.connects.set(packet.clientId, arrival);
    this.counts.set(packet.clientId, (this.counts.get(packet.clientId) ?? 0) + 1);
  }
}
