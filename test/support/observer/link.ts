import { EventEmitter } from 'node:events';
import * as net from 'node:net';
import type { Packet } from 'mqtt-packet';
import * as mqttPacket from 'mqtt-packet';

export interface LinkOptions {
  /** Port of the broker on 127.0.0.1. */
  port: number;
  /** Default: random. */
  clientId?: string;
  /** 4 is MQTT 3.1.1. Default 4. */
  protocolVersion?: 4 | 5;
  credentials?: { username: string; password: string };
}

const RECONNECT_DELAY_MS = 50;
const KEEPALIVE_S = 30;

/**
 * A connection that comes back by itself, with a session that lasts, and nothing else: no queue, no retries.
 *
 * Events: `up` (session present) after a successful CONNACK, `down`, `packet` for everything else.
 */
export class BrokerLink extends EventEmitter<{ up: [boolean]; down: []; packet: [Packet] }> {
  readonly clientId: string;
  readonly #options: LinkOptions;
  #socket: net.Socket | undefined;
  #up = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  /** Why the last connection ended; for error messages. */
  lastError = '';

  constructor(options: LinkOptions) {
    super();
    this.#options = options;
    this.clientId = options.clientId ?? `kit-${process.pid}-${Math.random().toString(36).slice(2, 10)}`;
  }

  get up(): boolean {
    return this.#up;
  }

  get protocolVersion(): 4 | 5 {
    return this.#options.protocolVersion ?? 4;
  }

  connect(): void {
    const protocolVersion = this.protocolVersion;
    const socket = net.connect({ port: this.#options.port, host: '127.0.0.1', noDelay: true });
    const parser = mqttPacket.parser({ protocolVersion });
    const ping = setInterval(() => this.send({ cmd: 'pingreq' }), (KEEPALIVE_S * 1000) / 2);
    this.#socket = socket;
    parser.on('packet', (packet) => this.#onPacket(packet));
    parser.on('error', (error: Error) => socket.destroy(error));
    socket.on('data', (chunk) => parser.parse(chunk));
    socket.on('error', (error) => {
      this.lastError = error.message;
    });
    socket.on('close', () => {
      clearInterval(ping);
      const wasUp = this.#up;
      this.#up = false;
      if (wasUp) this.emit('down');
      if (!this.#closed) this.#timer = setTimeout(() => this.connect(), RECONNECT_DELAY_MS);
    });
    const { credentials } = this.#options;
    this.#write({
      cmd: 'connect',
      clientId: this.clientId,
      clean: false,
      keepalive: KEEPALIVE_S,
      protocolVersion,
      ...(credentials && { username: credentials.username, password: Buffer.from(credentials.password) }),
      ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 0xffffffff } }),
    });
  }

  /** Sends if the connection is up; otherwise the packet is gone. */
  send(packet: Packet): void {
    if (this.#up) this.#write(packet);
  }

  /** Ends it. The session stays at the broker. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    if (!socket || socket.closed) return;
    const closed = new Promise((resolve) => socket.once('close', resolve));
    this.send({ cmd: 'disconnect', reasonCode: 0 } as Packet);
    if (this.#up) socket.end();
    else socket.destroy();
    await closed;
  }

  #onPacket(packet: Packet): void {
    if (packet.cmd !== 'connack') {
      this.emit('packet', packet);
      return;
    }
    const reason = packet.reasonCode ?? packet.returnCode ?? 0;
    if (reason !== 0) {
      this.lastError = `the broker refused ${this.clientId} with reason ${reason}`;
      this.#socket?.destroy();
      return;
    }
    this.#up = true;
    this.emit('up', packet.sessionPresent);
  }

  #write(packet: Packet): void {
    this.#socket?.write(mqttPacket.generate(packet, { protocolVersion: this.protocolVersion }));
  }
}
