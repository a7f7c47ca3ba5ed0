import type { Delivery, Effect } from './effects';
import { Fifo } from './fifo';
import { InboundAnswers } from './inbound-answers';
import { InboundRoom, type Occupant } from './inbound-room';
import type { Message } from './message';
import type { SessionOptions } from './options';
import type { AcknowledgementPacket, ConnectionLimits, PublishPacket } from './packets';
import type { RecordLog } from './record-log';

/** Acknowledgements that can be due at once: one for each identifier, in either half of a handshake. */
const DUE_MAX = 2 * 65_535;

/** In place of a delivery: the message was handed over on an earlier connection or before a restart. */
const RECORDED = 0;

/** An inbound QoS 1 or 2 message that is being handed over or waits for its turn to be acknowledged. */
interface InboundMessage extends Occupant {
  delivery: number;
  identifier: number;
  qos: 1 | 2;
  /** It may be acknowledged. */
  handled: boolean;
  /** It came, or came again, on the present connection: only then may it be acknowledged. */
  onConnection: boolean;
}

/**
 * The way of a message in. On every path: hand over, store, acknowledge, forget.
 *
 * PUBLISH QoS 1 -> delivered -> handled -> PUBACK, in the order of receipt.
 * PUBLISH QoS 2 -> delivered -> handled -> identifier recorded, durable -> PUBREC -> PUBREL -> removal durable -> PUBCOMP.
 *
 * Delivered but not handled, a message is left to the flow, which acknowledges it when it likes. It comes again after the
 * end of this process, not before.
 */
export class Inbound {
  // Valid for the session.
  /** QoS 2 identifiers whose message was handed over and not yet released by the broker. */
  readonly #received: Set<number>;
  /** Handed over and not acknowledged, by identifier. Survives a connection, not the process. */
  readonly #open = new Map<number, InboundMessage>();
  readonly #room: InboundRoom;
  #deliveries = 0;

  // Valid for the connection.
  #limits: ConnectionLimits | undefined;
  readonly #order = new Fifo<InboundMessage>();
  readonly #answers: InboundAnswers;
  /** The end of this connection was asked for, so that the broker sends what was left with it. */
  #askedForMore = false;

  constructor(
    received: Set<number>,
    { receiveMaximum, handshakesMax }: Pick<SessionOptions, 'receiveMaximum' | 'handshakesMax'>,
    private readonly log: RecordLog,
    private readonly effects: Effect[],
  ) {
    this.#received = received;
    this.#room = new InboundRoom(receiveMaximum);
    this.#answers = new InboundAnswers(handshakesMax, log, effects);
  }

  get received(): number[] {
    return [...this.#received];
  }

  /** Handed over and not yet acknowledged. */
  get held(): number {
    return this.#open.size;
  }

  connected(limits: ConnectionLimits): void {
    this.#limits = limits;
    this.#room.connected(limits);
    this.#askedForMore = false;
  }

  disconnected(): void {
    this.#limits = undefined;
    this.#order.clear();
    this.#answers.clear();
    for (const message of this.#open.values()) message.onConnection = false;
  }

  /** The broker's session is gone: its identifiers mean nothing any more. What is being handled needs no acknowledgement. */
  sessionLost(): void {
    this.#received.clear();
    for (const message of [...this.#open.values()]) this.#withdraw(message);
  }

  /** Forgets the identifiers of messages handed over: a message that comes again counts as redelivered. */
  forgetReceived(): void {
    for (const identifier of this.#received) this.log.extendReceivedRemoved(identifier);
    this.#received.clear();
  }

  /** A PUBLISH from the broker. */
  publish(packet: PublishPacket): void {
    if (packet.qos === 0) {
      this.#deliver(packet, ++this.#deliveries, false);
      return;
    }
    // Not even what we know is acknowledged behind a message that was left: it comes again, in its order.
    if (this.#room.isLeaving) return;
    const identifier = packet.messageId as number;
    if (packet.qos === 2 && this.#received.has(identifier)) {
      if (this.#isFlooded()) return;
      // Handed over before (MQTT-4.3.3-2 (3.1.1)): acknowledged again, in its turn (MQTT-4.6.0-3 (3.1.1)).
      this.#order.push({
        delivery: RECORDED,
        identifier,
        qos: 2,
        bytes: 0,
        occupies: undefined,
        handled: true,
        onConnection: true,
      });
      this.#acknowledgeHandled();
      return;
    }
    const known = this.#open.get(identifier);
    const isRepeated = known !== undefined && known.qos === packet.qos && packet.dup;
    if (known?.onConnection === true) {
      // 3.1.1 lets a broker that waits too long for the flow send it again (4.4); its acknowledgement is to come.
      if (isRepeated && this.#limits?.protocolVersion !== 5) return;
      // An identifier in use on this very connection (MQTT-2.3.1-2 (3.1.1), MQTT-2.2.1-4 (5.0)).
      this.#violated(`used the packet identifier ${identifier} again before the message under it was acknowledged`);
    } else if (isRepeated) {
      // Sent again after a reconnect while it is still being handled: the flow has it already.
      known.onConnection = true;
      this.#order.push(known);
      this.#acknowledgeHandled();
    } else {
      this.#receive(packet, identifier, packet.qos);
    }
  }

  /** A delivery was handed over. Unknown ones (QoS 0, or of a session that is gone) need nothing. */
  taken(delivery: number, identifier: number | undefined): void {
    const message = this.#openMessage(delivery, identifier);
    if (message !== undefined) this.#room.occupy(message, undefined);
  }

  /**
   * A delivery was handed over to a flow that will acknowledge it: until then it counts against the bounds.
   * @returns false when nothing waits for that (QoS 0, or of a session that is gone).
   */
  awaited(delivery: number, identifier: number | undefined): boolean {
    const message = this.#openMessage(delivery, identifier);
    if (message === undefined) return false;
    if (!message.handled) this.#room.occupy(message, 'awaited');
    return true;
  }

  /** A delivery may be acknowledged. Unknown ones need nothing. */
  handled(delivery: number, identifier: number | undefined): void {
    const message = this.#openMessage(delivery, identifier);
    if (message === undefined || message.handled) return;
    message.handled = true;
    this.#room.occupy(message, undefined);
    // Before its turn to be acknowledged has come: whatever happens until then, it is not delivered again.
    if (message.qos === 2) this.#store(message);
    if (message.onConnection) this.#acknowledgeHandled();
    this.#askForMore();
  }

  /** PUBREL: the broker forgets the message, so must we before we say so. */
  release(packet: AcknowledgementPacket): void {
    if (this.#isFlooded()) return;
    const identifier = packet.messageId;
    const pubcomp: AcknowledgementPacket = { cmd: 'pubcomp', messageId: identifier };
    if (this.#received.delete(identifier)) {
      this.#answers.pubcomp(pubcomp, this.log.extendReceivedRemoved(identifier));
    } else {
      if (this.#limits?.protocolVersion === 5) pubcomp.reasonCode = 0x92;
      this.#answers.pubcomp(pubcomp, this.log.sequence);
    }
    this.#sendDurable();
  }

  /** More records are durable. */
  durable(): void {
    this.#sendDurable();
  }

  /** Records above the durable one were appended again, up to `appended`. */
  storeFailed(appended: number): void {
    this.#answers.storeFailed(appended);
  }

  /** A broker that repeats itself must not fill the memory while a flow or the disk holds the answers back. */
  #isFlooded(): boolean {
    if (this.#order.length + this.#answers.length < DUE_MAX) return false;
    this.#violated('repeated itself more often than there are packet identifiers');
    return true;
  }

  #violated(violation: string): void {
    this.effects.push({ type: 'close', reason: 'protocol-error', reasonCode: 0x82, violation });
  }

  #receive(packet: PublishPacket, identifier: number, qos: 1 | 2): void {
    const replaced = this.#open.get(identifier);
    if (replaced !== undefined) this.#withdraw(replaced);
    const bytes = packet.topic.length + packet.payload.length;
    // Counted is what the flow has not taken, or is to acknowledge, because that is what the limit protects. Mosquitto
    // sends its whole backlog at once after a reconnect, whatever we announced: a client that insisted on every
    // acknowledgement would never get it.
    const admission = this.#room.admit(bytes);
    if (admission === 'leave') {
      this.effects.push({ type: 'report', report: { kind: 'inbound-full', ...this.#room.awaited } });
      return;
    }
    if (admission !== 'take') {
      const reasonCode = admission === 'receive-maximum-exceeded' ? 0x93 : 0x97;
      this.effects.push({ type: 'close', reason: admission, reasonCode });
      return;
    }
    const delivery = ++this.#deliveries;
    const message: InboundMessage = {
      delivery,
      identifier,
      qos,
      bytes,
      occupies: undefined,
      handled: false,
      onConnection: true,
    };
    this.#open.set(identifier, message);
    this.#room.occupy(message, 'held');
    this.#order.push(message);
    this.#deliver(packet, delivery, packet.dup);
  }

  #deliver(packet: PublishPacket, delivery: number, redelivered: boolean): void {
    const { topic, payload, qos, retain, dup, messageId, properties } = packet;
    const message: Message = { topic, payload, qos, retain };
    let subscriptionIdentifiers: number[] = [];
    if (properties !== undefined) {
      const { subscriptionIdentifier = [], topicAlias: _alias, ...others } = properties;
      if (Object.keys(others).length > 0) message.properties = others;
      subscriptionIdentifiers = Array.isArray(subscriptionIdentifier)
        ? subscriptionIdentifier
        : [subscriptionIdentifier];
    }
    const toHandOver: Delivery = { delivery, message, dup, redelivered, subscriptionIdentifiers };
    if (messageId !== undefined) toHandOver.identifier = messageId;
    this.effects.push({ type: 'deliver', delivery: toHandOver });
  }

  /** Acknowledges from the oldest on, as far as they are handled (MQTT-4.6.0-2, -3 (3.1.1)). */
  #acknowledgeHandled(): void {
    // What is sent behind DISCONNECT nobody gets: it is acknowledged on the next connection.
    if (this.#askedForMore) return;
    for (let head = this.#order.peek(); head?.handled === true; head = this.#order.peek()) {
      this.#order.shift();
      if (head.qos === 1) {
        this.#forget(head);
        this.effects.push({ type: 'send', packet: { cmd: 'puback', messageId: head.identifier } });
      } else {
        this.#answers.pubrec(head.identifier, this.#store(head));
      }
    }
    this.#sendDurable();
  }

  /** @returns the record that must be durable before PUBREC; it may be on its way to the disk already. */
  #store(message: InboundMessage): number {
    if (message.delivery === RECORDED || this.#received.has(message.identifier)) return this.log.sequence;
    this.#forget(message);
    this.#received.add(message.identifier);
    return this.log.extendReceived(message.identifier);
  }

  #forget(message: InboundMessage): void {
    if (this.#open.get(message.identifier) === message) this.#open.delete(message.identifier);
    this.#room.occupy(message, undefined);
  }

  /** The broker does not wait for it any more. */
  #withdraw(message: InboundMessage): void {
    this.#forget(message);
    this.effects.push({ type: 'withdrawn', delivery: message.delivery });
  }

  #openMessage(delivery: number, identifier: number | undefined): InboundMessage | undefined {
    const message = identifier === undefined ? undefined : this.#open.get(identifier);
    return message?.delivery === delivery ? message : undefined;
  }

  /** A broker sends unacknowledged messages again on a new connection only (MQTT-4.4.0-1 (5.0)). */
  #askForMore(): void {
    if (this.#limits === undefined || this.#askedForMore || !this.#room.isReadyForMore) return;
    this.#askedForMore = true;
    this.effects.push({ type: 'close', reason: 'inbound-room', reasonCode: 0 });
  }

  #sendDurable(): void {
    if (this.#limits !== undefined) this.#answers.send();
  }
}
