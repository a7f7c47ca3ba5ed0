import { publishPacketSize } from '../session/outbound-message';
import type { ConnectionLimits, PublishPacket } from '../session/packets';
import type { TopicAliasWishes } from './topic-alias-wishes';

/** The property, and one byte more for each of the two lengths that count it. */
const ALIAS_BYTES = 5;

/** The topic aliases that we set on one connection (5.0, 3.3.2.3.4). */
export class OutboundTopicAliases {
  /** What the server knows each alias to stand for. */
  readonly #topics = new Map<number, string>();

  constructor(
    private readonly wishes: TopicAliasWishes,
    private readonly limits: Pick<ConnectionLimits, 'topicAliasMaximum' | 'maximumPacketSize'>,
  ) {}

  /**
   * The packet as it goes out: with the alias its topic has by wish, and without its topic when the server knows that.
   * An alias above the server's Topic Alias Maximum (MQTT-3.2.2-17 (5.0)) is not used.
   */
  applied(packet: PublishPacket): PublishPacket {
    const { topic } = packet;
    const topicAlias = this.wishes.aliasOf(topic);
    if (topicAlias === undefined || topicAlias > this.limits.topicAliasMaximum) return packet;
    const properties = { ...packet.properties, topicAlias };
    if (this.#topics.get(topicAlias) === topic) return { ...packet, topic: '', properties };
    const { maximumPacketSize } = this.limits;
    const isTooLarge = maximumPacketSize !== undefined && publishPacketSize(packet) + ALIAS_BYTES > maximumPacketSize;
    return isTooLarge ? packet : { ...packet, properties };
  }

  /** A packet that `applied` answered goes out. Not before: what could not be encoded told the server nothing. */
  sent({ topic, properties }: PublishPacket): void {
    if (topic !== '' && properties?.topicAlias !== undefined) this.#topics.set(properties.topicAlias, topic);
  }
}
