import type { IPublishPacket, Packet } from 'mqtt-packet';
import { BrokerLink } from '../support/observer/link';
import { Publisher } from '../support/observer/publisher';
import { waitFor } from '../support/wait';
import type { Broker } from './brokers/broker';

export interface PeerMessage {
  topic: string;
  payload: string;
  qos: 0 | 1 | 2;
  retain: boolean;
  properties: IPublishPacket['properties'];
}

const ANSWER_TIMEOUT_MS = 15_000;

/** The other side of a scenario: subscribes and publishes behind the back of the client under test. */
export class Peer {
  readonly messages: PeerMessage[] = [];
  readonly #link: BrokerLink;
  readonly #publisher: Publisher;
  /** QoS 2 identifiers between PUBLISH and PUBREL. */
  readonly #received = new Set<number>();
  readonly #granted = new Map<number, number>();
  /** Made again when the broker has forgotten them. */
  readonly #filters = new Map<string, 0 | 1 | 2>();
  #identifier = 0;

  private constructor(link: BrokerLink, publisher: Publisher) {
    this.#link = link;
    this.#publisher = publisher;
    link.on('packet', (packet) => this.#onPacket(packet));
    link.on('up', (sessionPresent) => {
      if (sessionPresent) return;
      this.#received.clear();
      for (const [filter, qos] of this.#filters) this.#subscribe(filter, qos);
    });
  }

  static async start({ port, credentials }: Broker, protocolVersion: 4 | 5): Promise<Peer> {
    const options = { port, protocolVersion, ...(credentials && { credentials }) };
    const link = new BrokerLink(options);
    const publisher = await Publisher.start(options);
    const peer = new Peer(link, publisher);
    link.connect();
    await waitFor(() => link.up, { what: 'CONNACK for the peer', detail: () => link.lastError });
    return peer;
  }

  /** @returns the QoS granted, or a reason code of 0x80 and above. */
  async subscribe(filter: string, qos: 0 | 1 | 2): Promise<number> {
    this.#filters.set(filter, qos);
    const messageId = this.#subscribe(filter, qos);
    await waitFor(() => this.#granted.has(messageId), {
      what: `SUBACK for ${filter}`,
      timeoutMs: ANSWER_TIMEOUT_MS,
      detail: () => this.#link.lastError,
    });
    return this.#granted.get(messageId) as number;
  }

  /** Resolves when the broker has it; at QoS 0 when it is sent. */
  async publish(topic: string, payload: string | Buffer, qos: 0 | 1 | 2, retain = false): Promise<void> {
    if (qos > 0) await this.#publisher.publish(topic, payload, qos as 1 | 2, retain);
    else this.#link.send({ cmd: 'publish', topic, payload, qos, dup: false, retain });
  }

  on(topic: string): PeerMessage[] {
    return this.messages.filter((message) => message.topic === topic);
  }

  async stop(): Promise<void> {
    await this.#publisher.stop();
    await this.#link.close();
  }

  #subscribe(filter: string, qos: 0 | 1 | 2): number {
    const messageId = ++this.#identifier;
    this.#link.send({ cmd: 'subscribe', messageId, subscriptions: [{ topic: filter, qos }] });
    return messageId;
  }

  #onPacket(packet: Packet): void {
    const { messageId = 0 } = packet;
    if (packet.cmd === 'suback') {
      this.#granted.set(messageId, packet.granted[0] as number);
    } else if (packet.cmd === 'pubrel') {
      this.#received.delete(messageId);
      this.#link.send({ cmd: 'pubcomp', messageId, reasonCode: 0 });
    } else if (packet.cmd === 'publish') {
      const { topic, qos, retain, properties } = packet;
      if (qos < 2 || !this.#received.has(messageId)) {
        this.messages.push({ topic, payload: packet.payload.toString(), qos, retain, properties });
      }
      if (qos === 2) this.#received.add(messageId);
      if (qos > 0) this.#link.send({ cmd: qos === 1 ? 'puback' : 'pubrec', messageId, reasonCode: 0 });
    }
  }
}
