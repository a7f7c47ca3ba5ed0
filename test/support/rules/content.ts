import { createHash } from 'node:crypto';
import type { IPublishPacket } from 'mqtt-packet';

/** What makes two PUBLISH packets the same message, apart from identifier and DUP. */
export function contentDigest(packet: IPublishPacket, topic: string): string {
  const hash = createHash('sha1');
  hash.update(`${packet.qos} ${packet.retain ? 1 : 0} ${topic}\0`);
  if (packet.properties) {
    // The alias belongs to the connection, and the expiry interval shrinks while the message waits (5.0 3.3.2-6).
    const { topicAlias: _alias, messageExpiryInterval: _expiry, ...lasting } = packet.properties;
    const text = JSON.stringify(lasting);
    if (text !== '{}') hash.update(text);
  }
  hash.update('\0').update(packet.payload);
  return hash.digest('base64');
}

/** The topic aliases of one direction of one connection (5.0 3.3.2.3.4). */
export class TopicAliases {
  readonly #topics = new Map<number, string>();

  /** The topic of a packet, or undefined if it has none and its alias (if any) is unknown. */
  resolve(packet: IPublishPacket): string | undefined {
    const alias = packet.properties?.topicAlias;
    if (packet.topic !== '') {
      if (alias !== undefined) this.#topics.set(alias, packet.topic);
      return packet.topic;
    }
    return alias === undefined ? undefined : this.#topics.get(alias);
  }
}
