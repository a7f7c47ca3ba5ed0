import type { PublishPacket } from '../session/packets';
import { ProtocolViolation } from './protocol-violation';

/** The topic aliases that the server set on one connection (5.0, 3.3.2.3.4). */
export class TopicAliases {
  readonly #maximum: number;
  readonly #topics = new Map<number, string>();

  /** `maximum`: the Topic Alias Maximum of our CONNECT; 0 when it had none. */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /**
   * Puts the topic in and takes the alias out of `packet`, so that behind this point there are no aliases.
   * @throws ProtocolViolation for an alias out of range (MQTT-3.3.2-9 (5.0)) or one that was never set.
   */
  resolve(packet: PublishPacket): void {
    if (packet.properties?.topicAlias === undefined) return;
    const { topicAlias, ...properties } = packet.properties;
    if (topicAlias === 0 || topicAlias > this.#maximum) {
      throw new ProtocolViolation(0x94, `it sent the topic alias ${topicAlias}; ${this.#maximum} were allowed`);
    }
    if (packet.topic === '') {
      const topic = this.#topics.get(topicAlias);
      if (topic === undefined)
        throw new ProtocolViolation(0x82, `it sent the topic alias ${topicAlias} without a topic`);
      packet.topic = topic;
    } else {
      this.#topics.set(topicAlias, packet.topic);
    }
    if (Object.keys(properties).length > 0) packet.properties = properties;
    else delete packet.properties;
  }
}
