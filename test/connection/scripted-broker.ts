import { once } from 'node:events';
import * as net from 'node:net';
import { generate, type Packet, parser } from 'mqtt-packet';
import { waitFor } from '../support/wait';

/** One connection of a client to the scripted broker. */
export class BrokerSide {
  /** What the client sent, decoded by `mqtt-packet`. */
  readonly packets: Packet[] = [];
  /** Set when the client's bytes are not MQTT. */
  malformed: Error | undefined;
  closed = false;

  constructor(
    readonly socket: net.Socket,
    readonly protocolVersion: 3 | 4 | 5,
  ) {
    const decoder = parser({ protocolVersion });
    decoder.on('packet', (packet) => this.packets.push(packet));
    decoder.on('error', (error: Error) => {
      this.malformed = error;
    });
    socket.on('data', (chunk: Buffer) => decoder.parse(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
    });
  }

  /** Sends packets, or raw bytes, in one chunk. */
  send(...packets: (Packet | Buffer)[]): void {
    this.socket.write(Buffer.concat(packets.map((packet) => this.encode(packet))));
  }

  encode(packet: Packet | Buffer): Buffer {
    return Buffer.isBuffer(packet) ? packet : generate(packet, { protocolVersion: this.protocolVersion });
  }

  /** Waits for the next packet of a kind that was not yet waited for. */
  async next<C extends Packet['cmd']>(cmd: C): Promise<Extract<Packet, { cmd: C }>> {
    const packet = await waitFor(() => this.packets.find((candidate) => candidate.cmd === cmd), {
      what: `${cmd} from the client`,
      detail: () => `received: ${this.packets.map((received) => received.cmd).join(' ')}`,
    });
    this.packets.splice(this.packets.indexOf(packet), 1);
    return packet as Extract<Packet, { cmd: C }>;
  }
}

/** A server that does what the test says, byte for byte. */
export class ScriptedBroker {
  readonly #server: net.Server;
  readonly #sides: BrokerSide[] = [];

  private constructor(server: net.Server, protocolVersion: 3 | 4 | 5) {
    this.#server = server;
    server.on('connection', (socket) => this.#sides.push(new BrokerSide(socket, protocolVersion)));
  }

  static async listen(protocolVersion: 3 | 4 | 5 = 4, host = '127.0.0.1'): Promise<ScriptedBroker> {
    const server = net.createServer();
    const broker = new ScriptedBroker(server, protocolVersion);
    server.listen(0, host);
    await once(server, 'listening');
    return broker;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  /** The next client that connects. */
  async accept(): Promise<BrokerSide> {
    const side = await waitFor(() => this.#sides[0], { what: 'a client to connect' });
    this.#sides.shift();
    return side;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const side of this.#sides) side.socket.destroy();
    await closed;
  }
}

/** An accepting CONNACK in the format of `protocolVersion`. */
export function connack(protocolVersion: 3 | 4 | 5, properties?: Record<string, unknown>): Packet {
  return protocolVersion === 5
    ? { cmd: 'connack', sessionPresent: false, reasonCode: 0, ...(properties && { properties }) }
    : { cmd: 'connack', sessionPresent: false, returnCode: 0 };
}
