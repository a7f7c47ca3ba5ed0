import type { Effect } from './effects';
import { Fifo } from './fifo';
import type { Message } from './message';
import type { AcknowledgementPacket, ConnectionLimits, PublishPacket } from './packets';
import type { RecordLog } from './record-log';

/** Bounds of what nobody has taken yet; beyond them the connection ends and the broker keeps the rest. */
const HELD_MESSAGES_MAX = 10_000;
const HELD_BYTES_MAX = 16 * 1024 * 1024;

/** In place of a delivery: the message was handed over on an earlier connection or before a restart. */
const RECORDED = 0;

/** An inbound QoS 1 or 2 message that is being handed over or waits for its turn to be acknowledged. */
interface InboundMessage {
  delivery: number;
  identifier: number;
  qos: 1 | 2;
  bytes: number;
  /** Nobody has taken it yet. */
  held: boolean;
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
 */
export class Inbound {
  // Valid for the session.
  /** QoS 2 identifiers whose message was handed over and not yet released by the broker. */
  readonly #received: Set<number>;
  /** Handed over and not acknowledged, by identifier. Survives a connection, not the process. */
  readonly #open = new Map<number, InboundMessage>();
  #deliveries = 0;
  #heldMessages = 0;
  #heldBytes = 0;

  // Valid for the connection.
  #limits: ConnectionLimits | undefined;
  readonly #order = new Fifo<InboundMessage>();
  readonly #waiting = new Fifo<{ packet: AcknowledgementPacket; barrier: number }>();

  constructor(
    received: Set<number>,
    private readonly receiveMaximum: number,
    private readonly log: RecordLog,
    private readonly effects: Effect[],
  ) {
    this.#received = received;
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
  }

  disconnected(): void {
    this.#limits = undefined;
    this.#order.clear();
    this.#waiting.clear();
    for (const message of this.#open.values()) message.onConnection = false;
  }

  /** The broker's session is gone: its identifiers mean nothing any more. What is being handled needs no acknowledgement. */
  sessionLost(): void {
    this.#received.clear();
    this.#open.clear();
    this.#heldMessages = 0;
    this.#heldBytes = 0;
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
    const identifier = packet.messageId as number;
    if (packet.qos === 2 && this.#received.has(identifier)) {
      // Handed over before (MQTT-4.3.3-2 (3.1.1)): acknowledged again, in its turn (MQTT-4.6.0-3 (3.1.1)).
      this.#order.push({
        delivery: RECORDED,
        identifier,
        qos: 2,
        bytes: 0,
        held: false,
        handled: true,
        onConnection: true,
      });
      this.#acknowledgeHandled();
      return;
    }
    const known = this.#open.get(identifier);
    if (known?.onConnection === true) {
      // An identifier in use on this very connection (MQTT-2.3.1-2 (3.1.1), MQTT-2.2.1-4 (5.0)).
      this.effects.push({ type: 'close', reason: 'protocol-error', reasonCode: 0x82 });
    } else if (known !== undefined && known.qos === packet.qos && packet.dup) {
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
    if (identifier === undefined) return;
    const message = this.#open.get(identifier);
    if (message?.delivery === delivery) this.#letGo(message);
  }

  /** A delivery may be acknowledged. Unknown ones need nothing. */
  handled(delivery: number, identifier: number | undefined): void {
    if (identifier === undefined) return;
    const message = this.#open.get(identifier);
    if (message === undefined || message.delivery !== delivery || message.handled) return;
    message.handled = true;
    if (message.onConnection) this.#acknowledgeHandled();
    else if (message.qos === 2) this.#store(message);
  }

  /** PUBREL: the broker forgets the message, so must we before we say so. */
  release(packet: AcknowledgementPacket): void {
    const identifier = packet.messageId;
    const pubcomp: AcknowledgementPacket = { cmd: 'pubcomp', messageId: identifier };
    if (this.#received.delete(identifier)) {
      this.#waiting.push({ packet: pubcomp, barrier: this.log.extendReceivedRemoved(identifier) });
    } else {
      if (this.#limits?.protocolVersion === 5) pubcomp.reasonCode = 0x92;
      this.#waiting.push({ packet: pubcomp, barrier: this.log.sequence });
    }
    this.#sendDurable();
  }

  /** More records are durable. */
  durable(): void {
    this.#sendDurable();
  }

  /** Records above the durable one were appended again, up to `appended`. */
  storeFailed(appended: number): void {
    for (const waiting of this.#waiting) if (waiting.barrier > this.log.durable) waiting.barrier = appended;
  }

  #receive(packet: PublishPacket, identifier: number, qos: 1 | 2): void {
    // Counted is what the flow has not taken, because that is what the limit protects. Mosquitto sends its whole backlog at
    // once after a reconnect, whatever we announced: a client that insisted on every acknowledgement would never get it.
    if (
      this.#limits?.protocolVersion === 5 &&
      this.#heldMessages >= this.receiveMaximum &&
      !this.#open.has(identifier)
    ) {
      this.effects.push({ type: 'close', reason: 'receive-maximum-exceeded', reasonCode: 0x93 });
      return;
    }
    const bytes = packet.topic.length + packet.payload.length;
    const isFull = this.#heldMessages >= HELD_MESSAGES_MAX || this.#heldBytes + bytes > HELD_BYTES_MAX;
    if (isFull && this.#heldMessages > 0) {
      this.effects.push({ type: 'close', reason: 'inbound-overflow', reasonCode: 0x97 });
      return;
    }
    const replaced = this.#open.get(identifier);
    if (replaced !== undefined) this.#forget(replaced);
    const delivery = ++this.#deliveries;
    const message: InboundMessage = {
      delivery,
      identifier,
      qos,
      bytes,
      held: true,
      handled: false,
      onConnection: true,
    };
    this.#open.set(identifier, message);
    this.#heldMessages += 1;
    this.#heldBytes += bytes;
    this.#order.push(message);
    this.#deliver(packet, delivery, packet.dup);
  }

  #deliver(packet: PublishPacket, delivery: number, redelivered: boolean): void {
    const { topic, payload, qos, retain, dup } = packet;
    const { subscriptionIdentifier, topicAlias: _alias, ...properties } = packet.properties ?? {};
    const message: Message = { topic, payload, qos, retain };
    if (Object.keys(properties).length > 0) message.properties = properties;
    const identifiers = subscriptionIdentifier ?? [];
    this.effects.push({
      type: 'deliver',
      delivery: {
        delivery,
        ...(packet.messageId === undefined ? {} : { identifier: packet.messageId }),
        message,
        dup,
        redelivered,
        subscriptionIdentifiers: Array.isArray(identifiers) ? identifiers : [identifiers],
      },
    });
  }

  /** Acknowledges from the oldest on, as far as they are handled (MQTT-4.6.0-2, -3 (3.1.1)). */
  #acknowledgeHandled(): void {
    for (let head = this.#order.peek(); head?.handled === true; head = this.#order.peek()) {
      this.#order.shift();
      if (head.qos === 1) {
        this.#forget(head);
        this.effects.push({ type: 'send', packet: { cmd: 'puback', messageId: head.identifier } });
      } else {
        const barrier = this.#store(head);
        this.#waiting.push({ packet: { cmd: 'pubrec', messageId: head.identifier }, barrier });
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
    this.#letGo(message);
  }

  #letGo(message: InboundMessage): void {
    if (!message.held) return;
    message.held = false;
    this.#heldMessages -= 1;
    this.#heldBytes -= message.bytes;
  }

  #sendDurable(): void {
    for (let head = this.#waiting.peek(); head !== undefined; head = this.#waiting.peek()) {
      if (head.barrier > this.log.durable) return;
      this.#waiting.shift();
      if (this.#limits !== undefined) this.effects.push({ type: 'send', packet: head.packet });
    }
  }
}
