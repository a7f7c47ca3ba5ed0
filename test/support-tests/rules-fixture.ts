import type { IConnackPacket, IPublishPacket, Packet } from 'mqtt-packet';
import { RuleChecker } from '../support/rules';

export type Version = 4 | 5;

interface ConnectOptions {
  clean?: boolean;
  clientId?: string;
  sessionPresent?: boolean;
  reason?: number;
  limits?: IConnackPacket['properties'];
  sessionExpiry?: number;
}

/** Writes packet sequences by hand, one client and one connection after the other. */
export class Script {
  readonly checker = new RuleChecker();
  #connection = 0;

  constructor(readonly version: Version) {}

  /** A new connection; the one before it is closed. */
  connect(options: ConnectOptions = {}): this {
    this.close();
    return this.connectWithoutConnack(options).connack(options);
  }

  connectWithoutConnack({ clean = false, clientId = 'client', sessionExpiry = 3600 }: ConnectOptions = {}): this {
    this.#connection++;
    const properties = this.version === 5 ? { properties: { sessionExpiryInterval: sessionExpiry } } : {};
    return this.out({ cmd: 'connect', clientId, clean, protocolVersion: this.version, ...properties });
  }

  connack({ sessionPresent = false, reason = 0, limits }: ConnectOptions = {}): this {
    const code = this.version === 5 ? { reasonCode: reason } : { returnCode: reason };
    return this.in({ cmd: 'connack', sessionPresent, ...code, ...(limits && { properties: limits }) });
  }

  close(): this {
    if (this.#connection > 0) this.checker.connectionClosed(this.#connection);
    return this;
  }

  /** PUBLISH of the client; the payload follows from the identifier unless given. */
  publish(identifier: number, qos: 1 | 2 = 1, more: Partial<IPublishPacket> = {}): this {
    return this.out({ ...message(identifier, qos), ...more });
  }

  resend(identifier: number, qos: 1 | 2 = 1, more: Partial<IPublishPacket> = {}): this {
    return this.publish(identifier, qos, { dup: true, ...more });
  }

  /** PUBLISH of the broker. */
  deliver(identifier: number, qos: 1 | 2 = 1, more: Partial<IPublishPacket> = {}): this {
    return this.in({ ...message(identifier, qos), ...more });
  }

  /** Acknowledgements of the client. */
  ack(cmd: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', ...identifiers: number[]): this {
    for (const messageId of identifiers) this.out({ cmd, messageId, reasonCode: 0 });
    return this;
  }

  /** Acknowledgements of the broker. */
  acked(cmd: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', ...identifiers: number[]): this {
    for (const messageId of identifiers) this.in({ cmd, messageId, reasonCode: 0 });
    return this;
  }

  out(packet: Packet): this {
    this.checker.packet(this.#connection, 'toBroker', packet);
    return this;
  }

  in(packet: Packet): this {
    this.checker.packet(this.#connection, 'toClient', packet);
    return this;
  }

  get connection(): number {
    return this.#connection;
  }

  /** Names of the broken rules, in order. */
  get broken(): string[] {
    return this.checker.violations.map((violation) => violation.rule);
  }

  get notes(): string[] {
    return this.checker.notes.map((note) => note.kind);
  }
}

function message(identifier: number, qos: 1 | 2): IPublishPacket {
  return {
    cmd: 'publish',
    messageId: identifier,
    qos,
    dup: false,
    retain: false,
    topic: 'line/1',
    payload: Buffer.from(`message ${identifier}`),
  };
}
