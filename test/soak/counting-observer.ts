import type { IPublishPacket } from 'mqtt-packet';
import { BrokerLink } from '../support/observer/link';
import { waitFor } from '../support/wait';
import { numberOf, OUTBOUND, StreamCount } from './streams';

/**
 * As the Observer of the tests, for runs of any length: it keeps what it needs to count, not the messages. QoS 2 is
 * delivered exactly once as long as the object lives and the broker keeps the session.
 */
export class CountingObserver {
  readonly counts = new Map(OUTBOUND.map(({ topic }) => [topic, new StreamCount()]));
  /** At QoS 2, and not explained by a broker that sent again what it had released: see Observer.brokerRepeats. */
  readonly doubledQoS2: string[] = [];
  repeatedQoS1 = 0;
  brokerRepeats = 0;
  sessionsLost = 0;
  readonly #link: BrokerLink;
  readonly #received = new Map<number, string>();
  /** What was last released under each identifier. */
  readonly #released = new Map<number, string>();
  #subscribed = false;

  private constructor(port: number) {
    this.#link = new BrokerLink({ port, protocolVersion: 5 });
    this.#link.on('up', (sessionPresent) => {
      if (this.#subscribed && !sessionPresent) this.sessionsLost++;
      const subscriptions = OUTBOUND.map(({ topic }) => ({ topic, qos: 2 as const }));
      if (!sessionPresent) this.#link.send({ cmd: 'subscribe', messageId: 65_535, subscriptions });
    });
    this.#link.on('packet', (packet) => {
      if (packet.cmd === 'suback') this.#subscribed = true;
      else if (packet.cmd === 'publish') this.#onPublish(packet);
      else if (packet.cmd === 'pubrel') this.#onPubrel(packet.messageId ?? 0);
    });
  }

  static async start(port: number): Promise<CountingObserver> {
    const observer = new CountingObserver(port);
    observer.#link.connect();
    await waitFor(() => observer.#subscribed, { what: 'SUBACK', detail: () => observer.#link.lastError });
    return observer;
  }

  /** Messages of these streams, by topic the number of the last one, that have not come. */
  missing(last: Record<string, number>): number {
    return [...this.counts].reduce((sum, [topic, count]) => sum + count.missing(last[topic] ?? 0), 0);
  }

  async stop(): Promise<void> {
    await this.#link.close();
  }

  #onPublish({ topic, payload, qos, dup, messageId = 0 }: IPublishPacket): void {
    const number = numberOf(Buffer.from(payload));
    const key = `${topic} ${number}`;
    if (qos === 1) {
      this.#link.send({ cmd: 'puback', messageId, reasonCode: 0 });
      if (!this.#add(topic, number)) this.repeatedQoS1++;
      return;
    }
    if (dup && this.#released.get(messageId) === key) this.brokerRepeats++;
    else if (!this.#received.has(messageId) && !this.#add(topic, number)) this.doubledQoS2.push(key);
    this.#received.set(messageId, key);
    this.#link.send({ cmd: 'pubrec', messageId, reasonCode: 0 });
  }

  #onPubrel(messageId: number): void {
    this.#link.send({ cmd: 'pubcomp', messageId, reasonCode: 0 });
    const key = this.#received.get(messageId);
    if (key === undefined) return;
    this.#received.delete(messageId);
    this.#released.set(messageId, key);
  }

  #add(topic: string, number: number): boolean {
    const count = this.counts.get(topic);
    if (!count) throw new Error(`a message on ${topic}, which is none of the streams`);
    return count.add(number);
  }
}
