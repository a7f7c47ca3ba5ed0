import type { IPublishPacket, Packet } from 'mqtt-packet';
import { BrokerLink, type LinkOptions } from './observer/link';
import { doubledIn, missingIn, type ObservedMessage, outOfOrderIn, sequenceOf } from './observer/sequence';
import { waitFor } from './wait';

export { Publisher } from './observer/publisher';
export type { ObservedMessage } from './observer/sequence';

export interface ObserverOptions extends LinkOptions {
  /** Topic filter. Default `#`. */
  filter?: string;
  /** Default 2. */
  qos?: 0 | 1 | 2;
}

/**
 * A subscriber of its own, with a persistent session, that writes down every message in the order received.
 *
 * QoS 2 is delivered exactly once as long as the object lives (received identifiers are kept in memory) and the broker
 * keeps the session; `sessionsLost` counts when it did not, after which nothing can be concluded from what is missing.
 * At QoS 1 a message that the broker sends again is written down again, with `dup`.
 */
export class Observer {
  readonly messages: ObservedMessage[] = [];
  /**
   * QoS 2 messages that the broker sent again, with DUP = 1 and the same identifier, after it had released them; not
   * among `messages`, because no publisher can be blamed: what was published twice comes as a new message. Mosquitto
   * 2.0.11 does it with every message that waits for PUBCOMP when it is stopped.
   */
  readonly brokerRepeats: ObservedMessage[] = [];
  /** Reconnects at which the broker had forgotten the session. */
  sessionsLost = 0;
  readonly #link: BrokerLink;
  readonly #options: ObserverOptions;
  readonly #byTopic = new Map<string, ObservedMessage[]>();
  /** QoS 2 identifiers between PUBLISH and PUBREL. */
  readonly #received = new Map<number, string>();
  /** Topic and payload of the last message released under each identifier. */
  readonly #released = new Map<number, string>();
  #subscribed = false;

  constructor(options: ObserverOptions) {
    this.#options = options;
    this.#link = new BrokerLink(options);
    this.#link.on('up', (sessionPresent) => this.#onUp(sessionPresent));
    this.#link.on('packet', (packet) => this.#onPacket(packet));
  }

  /** Connects and waits for the SUBACK. */
  static async start(options: ObserverOptions): Promise<Observer> {
    const observer = new Observer(options);
    observer.#link.connect();
    await waitFor(() => observer.#subscribed, {
      what: `SUBACK for ${options.filter ?? '#'}`,
      detail: () => observer.#link.lastError,
    });
    return observer;
  }

  get connected(): boolean {
    return this.#link.up;
  }

  /** Messages of one topic, in order. */
  on(topic: string): readonly ObservedMessage[] {
    return this.#byTopic.get(topic) ?? [];
  }

  /** Topics that had messages. */
  get topics(): string[] {
    return [...this.#byTopic.keys()];
  }

  /** Payloads that have not come in. */
  missing(expected: Iterable<string>, topic?: string): string[] {
    return missingIn(this.#chosen(topic), expected);
  }

  /** Messages that came in more than once, once for each time too many. */
  doubled(topic?: string): ObservedMessage[] {
    return doubledIn(this.#chosen(topic));
  }

  /** Messages behind one of the same topic and QoS with a higher number. @throws Error for a payload without number */
  outOfOrder(sequence = sequenceOf): ObservedMessage[] {
    return outOfOrderIn(this.messages, sequence);
  }

  /** Waits until all these payloads have come in. @throws WaitTimeoutError with some that have not */
  async waitForAll(expected: Iterable<string>, timeoutMs = 30_000): Promise<void> {
    const open = new Set(expected);
    let looked = 0;
    const arrived = () => {
      for (; looked < this.messages.length; looked++) open.delete(this.messages[looked]?.payload ?? '');
      return open.size === 0;
    };
    const detail = () =>
      `${open.size} missing, for example ${[...open].slice(0, 5).join(' | ')}; connected: ${this.connected}, ` +
      `sessions lost: ${this.sessionsLost}`;
    await waitFor(arrived, { what: 'all messages at the observer', timeoutMs, detail });
  }

  /** Disconnects; the session stays at the broker. */
  async stop(): Promise<void> {
    await this.#link.close();
  }

  #chosen(topic: string | undefined): readonly ObservedMessage[] {
    return topic === undefined ? this.messages : this.on(topic);
  }

  #onUp(sessionPresent: boolean): void {
    if (sessionPresent && this.#subscribed) return;
    if (!sessionPresent) {
      this.#received.clear();
      this.#released.clear();
      if (this.#subscribed) this.sessionsLost++;
    }
    const { filter = '#', qos = 2 } = this.#options;
    this.#link.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: filter, qos }] });
  }

  #onPacket(packet: Packet): void {
    const { messageId } = packet;
    switch (packet.cmd) {
      case 'suback':
        this.#subscribed = packet.granted[0] === (this.#options.qos ?? 2);
        if (!this.#subscribed) this.#link.lastError = `SUBACK granted ${packet.granted[0]}`;
        break;
      case 'publish':
        this.#onPublish(packet);
        break;
      case 'pubrel':
        if (messageId === undefined) break;
        this.#release(messageId);
        this.#link.send({ cmd: 'pubcomp', messageId, reasonCode: 0 });
        break;
      default:
        break;
    }
  }

  #release(identifier: number): void {
    const content = this.#received.get(identifier);
    if (content === undefined) return;
    this.#received.delete(identifier);
    this.#released.set(identifier, content);
  }

  #onPublish(packet: IPublishPacket): void {
    const { topic, qos, dup, retain, messageId } = packet;
    const atMs = performance.now();
    const message: ObservedMessage = { topic, payload: packet.payload.toString(), qos, dup, retain, atMs };
    if (messageId === undefined || qos === 0) {
      this.#write(message);
    } else if (qos === 1) {
      this.#write(message);
      this.#link.send({ cmd: 'puback', messageId, reasonCode: 0 });
    } else {
      const content = `${topic}\0${message.payload}`;
      if (dup && this.#released.get(messageId) === content) this.brokerRepeats.push(message);
      // A broker that was killed goes back in time and may give an identifier that is held here to another message.
      else if (this.#received.get(messageId) !== content) this.#write(message);
      this.#received.set(messageId, content);
      this.#link.send({ cmd: 'pubrec', messageId, reasonCode: 0 });
    }
  }

  #write(message: ObservedMessage): void {
    this.messages.push(message);
    const list = this.#byTopic.get(message.topic);
    if (list) list.push(message);
    else this.#byTopic.set(message.topic, [message]);
  }
}
