import type { ConnectionOptions } from '../../src/connection/types';
import type { QoS } from '../../src/session/message';
import type { ConnectionLimits, InboundPacket, OutboundPacket, PublishPacket } from '../../src/session/packets';
import { type Fates, isPoison, isRefused } from './fates';
import { messageNumber } from './message-number';
import type { Oracle } from './oracle';
import type { Random } from './random';
import type { Trace } from './trace';
import type { VirtualTime } from './virtual-time';

/** The broker's end of a connection. */
export interface BrokerLink {
  readonly options: ConnectionOptions;
  toClient(packet: InboundPacket | ConnectionLimits): void;
  closeByBroker(): void;
}

export interface BrokerBehaviour {
  /** MQTT 5 Receive Maximum. */
  receiveMaximum: number;
  /** 3.1.1: a client with more open QoS 2 messages than this is dropped. 0: never. */
  openQoS2Max: number;
  /** A QoS 2 message goes on to subscribers at PUBREL, or already at PUBLISH (figure 4.3 of both versions). */
  onward: 'publish' | 'pubrel';
  answerDelayMsMax: number;
  fates: Fates;
  /** MQTT 5. `undefined`: no limit. */
  maximumPacketSize: number | undefined;
  /** It has stored a QoS 2 message before that makes it end the connection. */
  holdsPoison: boolean;
  /** Messages to the client at once. */
  window: number;
}

interface OutgoingMessage {
  number: number;
  topic: string;
  qos: QoS;
}

interface InFlight extends OutgoingMessage {
  phase: 'published' | 'released';
}

interface BrokerSession {
  /** Names the session among all that this broker ever had. */
  name: string;
  /**
   * Nothing has come from the client that knows of this session. Until then it is reported as new: a CONNACK that says so
   * and is lost cannot be made up for by any client.
   */
  fresh: boolean;
  subscriptions: Map<string, QoS>;
  /** QoS 2 identifiers between PUBLISH and PUBREL: the message, and the name of the session when it came. */
  held: Map<number, { number: number; session: string }>;
  queue: OutgoingMessage[];
  inflight: Map<number, InFlight>;
  nextIdentifier: number;
}

type AnswerKind = 'puback' | 'pubrec' | 'pubcomp' | 'other';

/**
 * An MQTT broker for one client id, as legal and as inconvenient as the specification lets it be: answers of different
 * kinds overtake each other and take their time, identifiers are few and reused at once, QoS 2 messages go on early or
 * late.
 */
export class ModelBroker {
  /** How often the client has given up its protocol state towards this broker. */
  clientStateLost = 0;
  #session: BrokerSession | undefined;
  #sessions = 0;
  #link: BrokerLink | undefined;
  /** When the last answer of a kind leaves: those of one kind keep their order. */
  #answerAt = new Map<AnswerKind, number>();

  constructor(
    private readonly url: string,
    private readonly time: VirtualTime,
    private readonly random: Random,
    private readonly trace: Trace,
    private readonly oracle: Oracle,
    private readonly behaviour: BrokerBehaviour,
  ) {}

  /** Names the present session, as far as the client could tell it from others. Empty: there is none. */
  get sessionName(): string {
    return this.#session === undefined ? '' : `${this.#session.name}.${this.clientStateLost}`;
  }

  get subscriptions(): ReadonlyMap<string, QoS> {
    return this.#session?.subscriptions ?? new Map();
  }

  /** Whether the client has everything it is to have. */
  get isIdle(): boolean {
    return this.#session === undefined || (this.#session.queue.length === 0 && this.#session.inflight.size === 0);
  }

  /** A message of another client. */
  publish(number: number, topic: string, qos: QoS): void {
    const granted = this.#session?.subscriptions.get(topic);
    if (this.#session === undefined || granted === undefined) return;
    const effective = Math.min(qos, granted) as QoS;
    if (effective === 0 && this.#link === undefined) return;
    this.oracle.queued(number, topic, effective, this.sessionName);
    this.#session.queue.push({ number, topic, qos: effective });
    this.#sendQueued();
  }

  /** From now on answers come soon, so that what is left is delivered in reasonable time. */
  hurry(): void {
    this.behaviour.answerDelayMsMax = Math.min(this.behaviour.answerDelayMsMax, 5);
  }

  /** The broker restarts without its sessions. */
  loseSession(): void {
    this.trace.add('session lost', () => this.url);
    this.#session = undefined;
    this.drop();
  }

  /** The broker ends the connection (also: it restarts, and has kept its sessions). */
  drop(): void {
    const link = this.#link;
    if (link === undefined) return;
    this.#detach();
    link.closeByBroker();
  }

  connected(link: BrokerLink): void {
    this.drop();
    const { clean, protocolVersion } = link.options;
    if (clean) this.#session = undefined;
    const present = this.#session !== undefined && !this.#session.fresh;
    this.#session ??= {
      name: `${this.url}/${++this.#sessions}`,
      fresh: true,
      subscriptions: new Map(),
      held: new Map(),
      queue: [],
      inflight: new Map(),
      nextIdentifier: 1,
    };
    this.#link = link;
    const version5 = protocolVersion === 5;
    link.toClient({
      protocolVersion,
      sessionPresent: protocolVersion === 3 ? undefined : present,
      cleanStart: clean,
      receiveMaximum: version5 ? this.behaviour.receiveMaximum : undefined,
      maximumQoS: 2,
      retainAvailable: true,
      maximumPacketSize: version5 ? this.behaviour.maximumPacketSize : undefined,
      topicAliasMaximum: 0,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: true,
      sharedSubscriptionAvailable: true,
    });
    // 4.4.0-1: what is unacknowledged goes out again, in its order.
    for (const [identifier, message] of this.#session.inflight) {
      if (message.phase === 'released') link.toClient({ cmd: 'pubrel', messageId: identifier });
      else link.toClient(publishPacket(message, identifier, true));
    }
    this.#sendQueued();
  }

  closed(link: BrokerLink): void {
    if (this.#link === link) this.#detach();
  }

  received(link: BrokerLink, packet: OutboundPacket): void {
    const session = this.#session;
    if (this.#link !== link || session === undefined) return;
    if (packet.cmd !== 'publish' || packet.qos > 0) session.fresh = false;
    switch (packet.cmd) {
      case 'publish':
        this.#published(session, packet);
        return;
      case 'pubrel':
        this.#released(session, packet.messageId, link);
        return;
      case 'puback':
        this.#acknowledged(session, packet.messageId, 1);
        return;
      case 'pubrec':
        this.#acknowledged(session, packet.messageId, 2);
        return;
      case 'pubcomp':
        session.inflight.delete(packet.messageId);
        this.#sendQueued();
        return;
      case 'subscribe':
        for (const { topic, qos } of packet.subscriptions) session.subscriptions.set(topic, qos);
        this.#answer('other', {
          cmd: 'suback',
          messageId: packet.messageId,
          granted: packet.subscriptions.map(({ qos }) => qos),
        });
        return;
      case 'unsubscribe':
        for (const filter of packet.unsubscriptions) session.subscriptions.delete(filter);
        this.#answer('other', { cmd: 'unsuback', messageId: packet.messageId });
        return;
    }
  }

  #published(session: BrokerSession, packet: PublishPacket): void {
    const number = messageNumber(packet.payload);
    const messageId = packet.messageId ?? 0;
    const { fates, maximumPacketSize = Number.POSITIVE_INFINITY } = this.behaviour;
    if (this.#link?.options.protocolVersion === 5 && packet.payload.length > maximumPacketSize) {
      this.oracle.violation(
        `message ${number} has ${packet.payload.length} bytes, the broker takes ${maximumPacketSize}`,
      );
    }
    if (isPoison(fates, number)) {
      this.trace.add('poison', () => String(number));
      if (packet.qos === 2 && this.behaviour.holdsPoison) {
        session.held.set(messageId, { number, session: this.sessionName });
      }
      this.drop();
      return;
    }
    const refused = this.#refuses(packet);
    if (packet.qos === 0) {
      this.oracle.applied(number, 0, this.sessionName);
    } else if (packet.qos === 1) {
      if (!refused) this.oracle.applied(number, 1, this.sessionName);
      this.#answer('puback', { cmd: 'puback', messageId, ...(refused ? { reasonCode: 0x97 } : {}) });
    } else {
      const held = session.held.get(messageId);
      if (held !== undefined && held.number !== number) {
        this.oracle.violation(
          `PUBLISH ${messageId} brings message ${number}, the broker holds ${held.number} under it`,
        );
      }
      if (held === undefined && refused) {
        this.#answer('pubrec', { cmd: 'pubrec', messageId, reasonCode: 0x97 });
        return;
      }
      if (held === undefined) {
        const limited = this.#link?.options.protocolVersion !== 5 && this.behaviour.openQoS2Max > 0;
        if (limited && session.held.size >= this.behaviour.openQoS2Max) {
          this.trace.add('dropped by broker', () => `${session.held.size} open QoS 2 messages`);
          this.drop();
          return;
        }
        session.held.set(messageId, { number, session: this.sessionName });
        if (this.behaviour.onward === 'publish') this.oracle.applied(number, 2, this.sessionName);
      }
      this.#answer('pubrec', { cmd: 'pubrec', messageId });
    }
  }

  #refuses(packet: PublishPacket): boolean {
    if (this.#link?.options.protocolVersion !== 5 || packet.qos === 0) return false;
    return isRefused(this.behaviour.fates, messageNumber(packet.payload));
  }

  #released(session: BrokerSession, messageId: number, link: BrokerLink): void {
    const held = session.held.get(messageId);
    session.held.delete(messageId);
    if (held !== undefined && this.behaviour.onward === 'pubrel') {
      this.oracle.applied(held.number, 2, held.session);
    }
    const unknown = held === undefined && link.options.protocolVersion === 5;
    this.#answer('pubcomp', { cmd: 'pubcomp', messageId, ...(unknown ? { reasonCode: 0x92 } : {}) });
  }

  #acknowledged(session: BrokerSession, messageId: number, qos: 1 | 2): void {
    const message = session.inflight.get(messageId);
    if (message === undefined || message.qos !== qos) {
      this.oracle.violation(
        `the client acknowledged identifier ${messageId} at QoS ${qos}, which the broker did not send`,
      );
      return;
    }
    this.oracle.acknowledgedByUs(message.number);
    if (qos === 1) session.inflight.delete(messageId);
    else {
      message.phase = 'released';
      this.#answer('other', { cmd: 'pubrel', messageId });
    }
    this.#sendQueued();
  }

  #sendQueued(): void {
    const session = this.#session;
    const link = this.#link;
    if (session === undefined || link === undefined) return;
    while (session.queue.length > 0) {
      const message = session.queue[0] as OutgoingMessage;
      if (message.qos > 0 && session.inflight.size >= this.behaviour.window) return;
      session.queue.shift();
      if (message.qos === 0) {
        link.toClient(publishPacket(message, undefined, false));
        continue;
      }
      while (session.inflight.has(session.nextIdentifier)) session.nextIdentifier = (session.nextIdentifier % 40) + 1;
      const identifier = session.nextIdentifier;
      session.nextIdentifier = (session.nextIdentifier % 40) + 1;
      session.inflight.set(identifier, { ...message, phase: 'published' });
      link.toClient(publishPacket(message, identifier, false));
    }
  }

  #answer(kind: AnswerKind, packet: InboundPacket): void {
    const link = this.#link;
    const now = this.time.now();
    const at = Math.max(this.#answerAt.get(kind) ?? 0, now + this.random.between(0, this.behaviour.answerDelayMsMax));
    this.#answerAt.set(kind, at);
    this.time.after(at - now, () => {
      if (this.#link === link) link?.toClient(packet);
    });
  }

  #detach(): void {
    this.#link = undefined;
    this.#answerAt.clear();
  }
}

function publishPacket(message: OutgoingMessage, identifier: number | undefined, dup: boolean): PublishPacket {
  return {
    cmd: 'publish',
    topic: message.topic,
    payload: Buffer.from(`${message.number} `),
    qos: message.qos,
    retain: false,
    dup,
    ...(identifier === undefined ? {} : { messageId: identifier }),
  };
}
