import type { Packet } from 'mqtt-packet';
import { waitFor } from '../wait';
import { BrokerLink, type LinkOptions } from './link';

export interface PublisherOptions extends LinkOptions {
  /** Messages open at the broker at a time. Default 15, below the limit of a default Mosquitto. */
  window?: number;
}

interface OpenMessage {
  identifier: number;
  topic: string;
  payload: string | Buffer;
  qos: 1 | 2;
  retain: boolean;
  state: 'queued' | 'published' | 'released';
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * A publisher of its own that gets QoS 1 and 2 messages to the broker in order, through lost connections and broker
 * restarts; QoS 2 exactly once as long as the broker keeps the session. Everything is in memory.
 */
export class Publisher {
  /** Reconnects at which the broker had forgotten the session while messages were open: these may arrive twice. */
  sessionsLost = 0;
  readonly #link: BrokerLink;
  readonly #window: number;
  #queue: OpenMessage[] = [];
  /** The queue begins here: shift() on a long array is slow. */
  #queueHead = 0;
  /** In the order of their first send. */
  readonly #open = new Map<number, OpenMessage>();
  #identifier = 0;

  constructor(options: PublisherOptions) {
    this.#window = options.window ?? 15;
    this.#link = new BrokerLink(options);
    this.#link.on('up', (sessionPresent) => this.#onUp(sessionPresent));
    this.#link.on('packet', (packet) => this.#onPacket(packet));
  }

  static async start(options: PublisherOptions): Promise<Publisher> {
    const publisher = new Publisher(options);
    publisher.#link.connect();
    await waitFor(() => publisher.#link.up, { what: 'CONNACK', detail: () => publisher.#link.lastError });
    return publisher;
  }

  /** Messages without PUBACK or PUBCOMP. */
  get openCount(): number {
    return this.#open.size + this.#queue.length - this.#queueHead;
  }

  /**
   * @returns a promise of PUBACK or PUBCOMP. It stays open as long as the broker is away, and rejects when the broker
   * refuses the message (5.0: reason code of 0x80 and above).
   */
  publish(topic: string, payload: string | Buffer, qos: 1 | 2 = 2, retain = false): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ identifier: 0, topic, payload, qos, retain, state: 'queued', resolve, reject });
      this.#fill();
    });
  }

  /** Disconnects; messages that are still open are given up. */
  async stop(): Promise<void> {
    await this.#link.close();
  }

  #onUp(sessionPresent: boolean): void {
    if (!sessionPresent && this.#open.size > 0) {
      this.sessionsLost++;
      const open = [...this.#open.values()];
      this.#open.clear();
      for (const message of open) message.state = 'queued';
      this.#queue = [...open, ...this.#queue.slice(this.#queueHead)];
      this.#queueHead = 0;
    }
    for (const message of this.#open.values()) this.#send(message, true);
    this.#fill();
  }

  #fill(): void {
    while (this.#link.up && this.#open.size < this.#window) {
      const message = this.#queue[this.#queueHead];
      if (!message) {
        this.#queue = [];
        this.#queueHead = 0;
        return;
      }
      this.#queueHead++;
      message.identifier = this.#freeIdentifier();
      message.state = 'published';
      this.#open.set(message.identifier, message);
      this.#send(message, false);
    }
  }

  #send({ state, identifier: messageId, topic, payload, qos, retain }: OpenMessage, dup: boolean): void {
    if (state === 'released') this.#link.send({ cmd: 'pubrel', messageId, reasonCode: 0 });
    else this.#link.send({ cmd: 'publish', messageId, topic, payload, qos, retain, dup });
  }

  #freeIdentifier(): number {
    do {
      this.#identifier = (this.#identifier % 65_535) + 1;
    } while (this.#open.has(this.#identifier));
    return this.#identifier;
  }

  #onPacket(packet: Packet): void {
    const message = this.#open.get(packet.messageId ?? 0);
    if (!message) return;
    const reason = 'reasonCode' in packet ? (packet.reasonCode ?? 0) : 0;
    if (packet.cmd === 'pubrec' && reason < 0x80) {
      message.state = 'released';
      this.#send(message, false);
    } else if (packet.cmd === 'puback' || packet.cmd === 'pubrec' || packet.cmd === 'pubcomp') {
      this.#open.delete(message.identifier);
      if (packet.cmd !== 'pubcomp' && reason >= 0x80) message.reject(new Error(`the broker refused: ${reason}`));
      else message.resolve();
      this.#fill();
    }
  }
}
