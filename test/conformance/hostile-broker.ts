import { once } from 'node:events';
import * as net from 'node:net';
import { generate, type IConnectPacket, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import { RuleChecker } from '../support/rules';
import { waitFor } from '../support/wait';

export type Version = 4 | 5;

type Cmd = Packet['cmd'];
type Sent<C extends Cmd> = Extract<Packet, { cmd: C }>;

/** One connection of the client to a broker that does what the test says, packet for packet or byte for byte. */
export class Side {
  /** What the client sent and nobody has waited for yet. */
  readonly packets: Packet[] = [];
  /** All that the client sent. */
  readonly log: Packet[] = [];
  closed = false;
  /** Set when the connection is handed out. */
  connect!: IConnectPacket;
  /** Called for each packet of the client, instead of leaving it in `packets`. */
  onPacket: ((packet: Packet) => void) | undefined;

  constructor(
    readonly socket: net.Socket,
    readonly version: Version,
    readonly number: number,
    private readonly rules: RuleChecker,
  ) {
    const decoder = parser({ protocolVersion: version });
    decoder.on('packet', (packet) => this.#received(packet));
    decoder.on('error', (error: Error) => rules.malformed(number, error.message));
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => decoder.parse(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      rules.connectionClosed(number);
    });
  }

  /** Sends packets, or raw bytes, in one chunk. */
  send(...packets: (Packet | Buffer)[]): void {
    this.announce(...packets.filter((packet): packet is Packet => !Buffer.isBuffer(packet)));
    this.socket.write(Buffer.concat(packets.map((packet) => this.bytes(packet))));
  }

  /** The client gets these, as bytes: what it answers is right. */
  announce(...packets: Packet[]): void {
    for (const packet of packets) this.rules.packet(this.number, 'toClient', packet);
  }

  bytes(packet: Packet | Buffer): Buffer {
    return Buffer.isBuffer(packet) ? packet : generate(packet, { protocolVersion: this.version });
  }

  /** CONNACK with success. */
  accept({ sessionPresent = false, properties }: { sessionPresent?: boolean; properties?: object } = {}): void {
    this.send(
      this.version === 5
        ? { cmd: 'connack', sessionPresent, reasonCode: 0, ...(properties && { properties }) }
        : { cmd: 'connack', sessionPresent, returnCode: 0 },
    );
  }

  /** The next packet of a kind that was not yet waited for. */
  async next<C extends Cmd>(cmd: C, matches: (packet: Sent<C>) => boolean = () => true): Promise<Sent<C>> {
    const isWanted = (packet: Packet): packet is Sent<C> => packet.cmd === cmd && matches(packet as Sent<C>);
    const packet = await waitFor(() => this.packets.find(isWanted), {
      what: `${cmd} from the client`,
      intervalMs: 1,
      detail: () => `received: ${this.log.map((received) => received.cmd).join(' ')}`,
    });
    this.packets.splice(this.packets.indexOf(packet), 1);
    return packet as Sent<C>;
  }

  async gone(): Promise<void> {
    await waitFor(() => this.closed, { what: 'the connection to be closed', intervalMs: 1 });
  }

  /** Ends the connection without a word. */
  leave(): void {
    this.socket.destroy();
  }

  #received(packet: Packet): void {
    this.rules.packet(this.number, 'toBroker', packet);
    this.log.push(packet);
    if (this.onPacket === undefined) this.packets.push(packet);
    else this.onPacket(packet);
  }
}

/**
 * A broker on a real socket that breaks any rule the test wants broken. What the client does is checked against its own
 * rules the whole time, across all connections.
 */
export class HostileBroker {
  readonly rules = new RuleChecker();
  readonly #server = net.createServer();
  readonly #waiting: Side[] = [];
  #connections = 0;

  private constructor(readonly version: Version) {
    this.#server.on('connection', (socket) => {
      this.#waiting.push(new Side(socket, version, ++this.#connections, this.rules));
    });
  }

  static async listen(version: Version): Promise<HostileBroker> {
    const broker = new HostileBroker(version);
    broker.#server.listen(0, '127.0.0.1');
    await once(broker.#server, 'listening');
    return broker;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${(this.#server.address() as net.AddressInfo).port}`;
  }

  /** A client waits to be answered. */
  get isAsked(): boolean {
    return this.#waiting.length > 0;
  }

  /** The next connection of the client, of which CONNECT has come. */
  async connection(): Promise<Side> {
    const side = await waitFor(() => this.#waiting.shift(), { what: 'a client to connect', intervalMs: 1 });
    side.connect = await side.next('connect');
    return side;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const side of this.#waiting) side.leave();
    await closed;
  }
}

/** A broker's session that keeps the rules: what it has taken, and what it hands out. */
export class SaneSession {
  /** Payloads in the order in which their PUBLISH was taken: QoS 2 once. */
  readonly taken: string[] = [];
  /** Packets by which the client acknowledged what was sent to it: `PUBACK 1`, `PUBCOMP 2`. */
  readonly acknowledged: string[] = [];
  readonly #held: Set<number>;
  #side: Side | undefined;

  /** `held`: identifiers of QoS 2 messages that wait for PUBREL. */
  constructor(held: Iterable<number> = []) {
    this.#held = new Set(held);
  }

  /** Answers the client on this connection from now on. */
  serve(side: Side, options: { sessionPresent?: boolean; properties?: object } = {}): void {
    this.#side = side;
    side.onPacket = (packet) => this.#answer(side, packet);
    side.accept(options);
    for (const packet of side.packets.splice(0)) this.#answer(side, packet);
  }

  send(...packets: IPublishPacket[]): void {
    this.#side?.send(...packets);
  }

  #answer(side: Side, packet: Packet): void {
    switch (packet.cmd) {
      case 'publish':
        this.#take(side, packet);
        return;
      case 'pubrel':
        this.#held.delete(packet.messageId as number);
        side.send({ cmd: 'pubcomp', messageId: packet.messageId as number });
        return;
      case 'subscribe':
        side.send({
          cmd: 'suback',
          messageId: packet.messageId as number,
          granted: packet.subscriptions.map(({ qos }) => qos),
        });
        return;
      case 'unsubscribe':
        side.send({
          cmd: 'unsuback',
          messageId: packet.messageId as number,
          granted: packet.unsubscriptions.map(() => 0),
        });
        return;
      case 'pingreq':
        side.send({ cmd: 'pingresp' });
        return;
      case 'pubrec':
        side.send({ cmd: 'pubrel', messageId: packet.messageId as number });
        return;
      case 'puback':
      case 'pubcomp':
        this.acknowledged.push(`${packet.cmd.toUpperCase()} ${packet.messageId}`);
        return;
      default:
    }
  }

  #take(side: Side, { qos, messageId, payload }: IPublishPacket): void {
    if (qos !== 2 || !this.#held.has(messageId as number)) this.taken.push(payload.toString());
    if (qos === 2) this.#held.add(messageId as number);
    if (qos === 1) side.send({ cmd: 'puback', messageId: messageId as number });
    if (qos === 2) side.send({ cmd: 'pubrec', messageId: messageId as number });
  }
}

/** A PUBLISH of the broker. */
export function delivery(qos: 0 | 1 | 2, messageId: number, payload: string, more: object = {}): IPublishPacket {
  const packet: IPublishPacket = { cmd: 'publish', topic: 'in/a', payload, qos, retain: false, dup: false, ...more };
  if (qos > 0) packet.messageId = messageId;
  return packet;
}

/** A variable byte integer (1.5.5 (5.0)), in as many bytes as it takes. */
export function variableByteInteger(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    const byte = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest > 0 ? byte | 0x80 : byte);
  } while (rest > 0);
  return Buffer.from(bytes);
}

/** A packet of its first byte and its body. */
export function rawPacket(first: number, ...body: (Buffer | number[])[]): Buffer {
  const rest = Buffer.concat(body.map((part) => Buffer.from(part)));
  return Buffer.concat([Buffer.from([first]), variableByteInteger(rest.length), rest]);
}

/** A UTF-8 string as MQTT carries it, of any bytes. */
export function field(bytes: Buffer | string): Buffer {
  const content = Buffer.from(bytes as string);
  return Buffer.concat([Buffer.from([content.length >> 8, content.length & 0xff]), content]);
}

/** An MQTT 5 PUBLISH with these property bytes. */
export function publishWithProperties(properties: Buffer, { qos = 0, payload = 'x' } = {}): Buffer {
  const identifier = qos > 0 ? [0, 77] : [];
  const topic = field('in/a');
  return rawPacket(
    0x30 | (qos << 1),
    topic,
    identifier,
    variableByteInteger(properties.length),
    properties,
    Buffer.from(payload),
  );
}
