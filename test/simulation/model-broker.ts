import type { ConnectionOptions } from '../../src/connection/types';
import type { QoS } from '../../src/session/message';
import type { ConnectionLimits, InboundPacket, OutboundPacket, PublishPacket } from '../../src/session/packets';
import { BrokerAnswers } from './broker-answers';
import { type BrokerSession, newBrokerSession, type OutgoingMessage, publishPacket } from './broker-session';
import type { BrokerCharacter } from './character';
import { type Fates, isPoison, refusal } from './fates';
import { messageNumber } from './message-number';
import type { Oracle } from './oracle';
import type { Random } from './random';
import type { Trace } from './trace';
import type { VirtualTime } from './virtual-time';

/** Few, so that they are soon used again. */
const IDENTIFIERS = 40;
const NOT_AUTHORISED = 0x87;
const FAILURE_3_1_1 = 0x80;
const IDENTIFIER_NOT_FOUND = 0x92;

/** The broker's end of a connection. */
export interface BrokerLink {
  readonly options: ConnectionOptions;
  toClient(packet: InboundPacket | ConnectionLimits): void;
  closeByBroker(reasonCode?: number): void;
}

/**
 * An MQTT broker for one client id, as legal and as inconvenient as the specification lets it be: answers of different
 * kinds overtake each other and take their time, identifiers are few and reused at once, QoS 2 messages go on early or
 * late.
 */
export class ModelBroker {
  /** How often the client has given up its protocol state towards this broker. */
  clientStateLost = 0;
  /** CONNACK with this reason code, and no connection. `undefined`: welcome. */
  refusesWith: number | undefined;
  #session: BrokerSession | undefined;
  #sessions = 0;
  #link: BrokerLink | undefined;
  #answers: BrokerAnswers | undefined;
  /** Identifiers of the client's messages that are unanswered on this connection. */
  readonly #unanswered = new Set<number>();
  #isTroubled = true;
  #refusedSubscriptions = 0;

  constructor(
    private readonly url: string,
    private readonly time: VirtualTime,
    private readonly random: Random,
    private readonly trace: Trace,
    private readonly oracle: Oracle,
    private readonly character: BrokerCharacter,
    private readonly fates: Fates,
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

  /** A message of another client, for which nothing is done when the client has not subscribed to it. */
  publish(number: number, topic: string, qos: QoS): void {
    const granted = this.#session?.subscriptions.get(topic);
    if (this.#session === undefined || granted === undefined) return;
    const effective = Math.min(qos, granted) as QoS;
    if (effective === 0 && this.#link === undefined) return;
    this.trace.add(`deliver QoS ${effective}`, () => `${number} to ${topic}`);
    this.oracle.queued(number, topic, effective, this.sessionName);
    this.#session.queue.push({ number, topic, qos: effective });
    this.#sendQueued();
  }

  /** From now on answers come soon and nothing is refused, so that what is left is delivered in reasonable time. */
  troubleEnds(): void {
    this.#isTroubled = false;
    this.refusesWith = undefined;
    this.#answers?.speak();
    // It is asked again on the next connection.
    if (this.#refusedSubscriptions > 0) this.drop();
  }

  /** The broker restarts without its sessions. */
  loseSession(): void {
    this.#session = undefined;
    this.drop();
  }

  /** It has a session from before: these QoS 2 messages came in, and their PUBREL has not. */
  remember(held: readonly { identifier: number; number: number }[]): void {
    this.#session = newBrokerSession(`${this.url}/${++this.#sessions}`);
    this.#session.fresh = false;
    for (const { identifier, number } of held) {
      this.#session.held.set(identifier, { number, session: this.sessionName });
      if (this.character.onward === 'publish') this.oracle.applied(number, 2, this.sessionName);
    }
  }

  /** The broker ends the connection (also: it restarts, and has kept its sessions). */
  drop(reasonCode?: number): void {
    const link = this.#link;
    if (link === undefined) return;
    this.#link = undefined;
    link.closeByBroker(reasonCode);
  }

  /** It answers nothing on this connection any more, until the trouble ends. */
  mute(): void {
    this.#answers?.mute();
  }

  connected(link: BrokerLink): void {
    this.drop();
    const { clean } = link.options;
    if (clean) this.#session = undefined;
    const present = this.#session !== undefined && !this.#session.fresh;
    if (!present && !clean) this.trace.count('Session Present 0');
    this.#session ??= newBrokerSession(`${this.url}/${++this.#sessions}`);
    this.#link = link;
    this.#unanswered.clear();
    const delayMsMax = () => (this.#isTroubled ? this.character.answerDelayMsMax : 5);
    this.#answers = new BrokerAnswers(this.time, this.random, this.trace, delayMsMax, (packet) => {
      if (this.#link !== link) return;
      if (packet.cmd !== 'pubrec' || (packet.reasonCode ?? 0) >= 0x80) this.#unanswered.delete(packet.messageId ?? 0);
      link.toClient(packet);
    });
    link.toClient(this.#limits(link.options, present));
    // 4.4.0-1: what is unacknowledged goes out again, in its order.
    for (const [identifier, message] of this.#session.inflight) {
      if (message.phase === 'released') link.toClient({ cmd: 'pubrel', messageId: identifier });
      else {
        this.trace.count('delivered again with DUP');
        link.toClient(publishPacket(message, identifier, true));
      }
    }
    this.#sendQueued();
  }

  closed(link: BrokerLink): void {
    if (this.#link === link) this.#link = undefined;
  }

  received(link: BrokerLink, packet: OutboundPacket): void {
    const session = this.#session;
    if (this.#link !== link || session === undefined) return;
    if (packet.cmd !== 'publish' || packet.qos > 0) session.fresh = false;
    switch (packet.cmd) {
      case 'publish':
        this.#published(session, packet, link);
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
        this.#answer({
          cmd: 'suback',
          messageId: packet.messageId,
          granted: packet.subscriptions.map(({ topic, qos }) => this.#subscribe(session, topic, qos, link)),
        });
        return;
      case 'unsubscribe':
        for (const filter of packet.unsubscriptions) session.subscriptions.delete(filter);
        this.#answer({ cmd: 'unsuback', messageId: packet.messageId });
        return;
    }
  }

  #limits({ clean, protocolVersion }: ConnectionOptions, present: boolean): ConnectionLimits {
    const { receiveMaximum, maximumPacketSize, retainAvailable, topicAliasMaximum } = this.character;
    const version5 = protocolVersion === 5;
    return {
      protocolVersion,
      sessionPresent: protocolVersion === 3 ? undefined : present,
      cleanStart: clean,
      receiveMaximum: version5 ? receiveMaximum : undefined,
      maximumQoS: 2,
      retainAvailable: version5 ? retainAvailable : true,
      maximumPacketSize: version5 ? maximumPacketSize : undefined,
      topicAliasMaximum: version5 ? topicAliasMaximum : 0,
      wildcardSubscriptionAvailable: true,
      subscriptionIdentifiersAvailable: true,
      sharedSubscriptionAvailable: true,
    };
  }

  /** @returns what SUBACK says of it. */
  #subscribe(session: BrokerSession, topic: string, qos: QoS, link: BrokerLink): number {
    if (this.#isTroubled && this.random.chance(this.character.refusedSubscriptions)) {
      this.trace.add('subscription refused', () => topic);
      this.#refusedSubscriptions += 1;
      session.subscriptions.delete(topic);
      return link.options.protocolVersion === 5 ? NOT_AUTHORISED : FAILURE_3_1_1;
    }
    session.subscriptions.set(topic, qos);
    return qos;
  }

  #published(session: BrokerSession, packet: PublishPacket, link: BrokerLink): void {
    const number = messageNumber(packet.payload);
    const messageId = packet.messageId ?? 0;
    const isVersion5 = link.options.protocolVersion === 5;
    if (packet.qos > 0) this.#takePlace(messageId, isVersion5);
    const { maximumPacketSize = Number.POSITIVE_INFINITY } = this.character;
    if (isVersion5 && packet.payload.length > maximumPacketSize) {
      this.oracle.violation(
        `message ${number} has ${packet.payload.length} bytes, the broker takes ${maximumPacketSize}`,
      );
    }
    if (isPoison(number)) {
      this.trace.add('poison met', () => String(number));
      if (packet.qos === 2 && this.character.holdsPoison) {
        session.held.set(messageId, { number, session: this.sessionName });
      }
      this.drop();
      return;
    }
    const refusedWith = isVersion5 && packet.qos > 0 ? refusal(this.fates, number) : undefined;
    const reason = refusedWith === undefined ? {} : { reasonCode: refusedWith };
    if (packet.qos === 0) {
      this.oracle.applied(number, 0, this.sessionName);
    } else if (packet.qos === 1) {
      if (refusedWith === undefined) this.oracle.applied(number, 1, this.sessionName);
      else this.trace.count('refused in PUBACK');
      this.#answer({ cmd: 'puback', messageId, ...reason });
    } else if (session.held.has(messageId) || refusedWith === undefined) {
      if (this.#hold(session, messageId, number, isVersion5)) this.#answer({ cmd: 'pubrec', messageId });
    } else {
      this.trace.count('refused in PUBREC');
      this.#answer({ cmd: 'pubrec', messageId, ...reason });
    }
  }

  /** @returns false when the client is dropped for having too many open. */
  #hold(session: BrokerSession, messageId: number, number: number, isVersion5: boolean): boolean {
    const held = session.held.get(messageId);
    if (held !== undefined) {
      if (held.number !== number && !this.oracle.swallowed(number)) {
        this.oracle.violation(
          `PUBLISH ${messageId} brings message ${number}, the broker holds ${held.number} under it`,
        );
      }
      return true;
    }
    const { openQoS2Max, onward } = this.character;
    if (!isVersion5 && openQoS2Max > 0 && session.held.size >= openQoS2Max) {
      this.trace.add('dropped by a broker above its limit', () => `${session.held.size} open QoS 2 messages`);
      this.drop();
      return false;
    }
    session.held.set(messageId, { number, session: this.sessionName });
    if (onward === 'publish') this.oracle.applied(number, 2, this.sessionName);
    return true;
  }

  #takePlace(messageId: number, isVersion5: boolean): void {
    this.#unanswered.add(messageId);
    if (isVersion5 && this.#unanswered.size === this.character.receiveMaximum) {
      this.trace.count('Receive Maximum reached');
    }
  }

  #released(session: BrokerSession, messageId: number, link: BrokerLink): void {
    const held = session.held.get(messageId);
    const isRepeated = this.#unanswered.has(messageId) || session.completed.has(`${this.clientStateLost} ${messageId}`);
    const isClearing = !isRepeated && held?.session !== this.sessionName;
    if (isClearing && held === undefined && this.character.refusesClearing) {
      this.trace.add('clearing refused', () => String(messageId));
      this.drop();
      return;
    }
    if (isClearing) this.trace.count('identifier cleared');
    session.held.delete(messageId);
    session.completed.add(`${this.clientStateLost} ${messageId}`);
    if (held !== undefined && this.character.onward === 'pubrel') {
      this.oracle.applied(held.number, 2, held.session);
    }
    const unknown = held === undefined && link.options.protocolVersion === 5;
    this.#answer({ cmd: 'pubcomp', messageId, ...(unknown ? { reasonCode: IDENTIFIER_NOT_FOUND } : {}) });
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
      this.#answer({ cmd: 'pubrel', messageId });
    }
    this.#sendQueued();
  }

  #sendQueued(): void {
    const session = this.#session;
    const link = this.#link;
    if (session === undefined || link === undefined) return;
    while (session.queue.length > 0) {
      const message = session.queue[0] as OutgoingMessage;
      if (message.qos > 0 && session.inflight.size >= this.character.window) return;
      session.queue.shift();
      if (message.qos === 0) {
        link.toClient(publishPacket(message, undefined, false));
        continue;
      }
      while (session.inflight.has(session.nextIdentifier))
        session.nextIdentifier = (session.nextIdentifier % IDENTIFIERS) + 1;
      const identifier = session.nextIdentifier;
      session.nextIdentifier = (session.nextIdentifier % IDENTIFIERS) + 1;
      session.inflight.set(identifier, { ...message, phase: 'published' });
      link.toClient(publishPacket(message, identifier, false));
    }
  }

  #answer(packet: InboundPacket): void {
    this.#answers?.give(packet);
  }
}
