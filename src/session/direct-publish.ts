import type { Effect } from './effects';
import type { Message, QoS } from './message';
import { publishPacketSize } from './outbound-message';
import { BIRTH_IDENTIFIER, CLOSE_IDENTIFIER } from './packet-identifiers';
import type { AcknowledgementPacket, ConnectionLimits, PublishPacket } from './packets';

/** The send window and its identifiers, which all PUBLISH of a session share. */
interface SharedWindow {
  /** Migrated messages may have any identifier, ours among them. */
  usesIdentifier(identifier: number): boolean;
  takePlace(qos: QoS): boolean;
  givePlaceBack(qos: QoS): void;
}

interface DirectMessage {
  message: Message;
  phase: 'clearing' | 'published' | 'released';
}

/**
 * Birth and close messages: past queue and store, on the live connection only, and never re-sent. An old "offline" that
 * came through a queue would arrive after the next "online".
 */
export class DirectPublish {
  readonly #open = new Map<number, DirectMessage>();
  #limits: ConnectionLimits | undefined;

  constructor(
    private readonly effects: Effect[],
    private readonly window: SharedWindow,
  ) {}

  connected(limits: ConnectionLimits): void {
    this.#limits = limits;
  }

  disconnected(): void {
    this.#limits = undefined;
    for (const identifier of [...this.#open.keys()]) this.#done(identifier);
  }

  send(kind: 'birth' | 'close', message: Message): void {
    const limits = this.#limits;
    const identifier = kind === 'birth' ? BIRTH_IDENTIFIER : CLOSE_IDENTIFIER;
    if (limits === undefined || !isTaken(message, limits)) {
      this.#done(identifier);
      return;
    }
    const qos = this.#quality(message, identifier, limits);
    const direct: DirectMessage = { message: { ...message, qos }, phase: 'published' };
    if (qos === 0) {
      this.#publish(identifier, direct, limits);
      this.#done(identifier);
      return;
    }
    this.#open.set(identifier, direct);
    if (qos === 2 && limits.sessionPresent !== false) {
      // The last one with this identifier was not re-sent: the broker may still hold it.
      direct.phase = 'clearing';
      this.#send({ cmd: 'pubrel', messageId: identifier });
    } else {
      this.#publish(identifier, direct, limits);
    }
  }

  /** @returns whether the packet was about a direct message. */
  acknowledged(packet: AcknowledgementPacket): boolean {
    const { messageId } = packet;
    const direct = this.#open.get(messageId);
    if (direct === undefined || this.#limits === undefined) return false;
    if (packet.cmd === 'pubcomp' && direct.phase === 'clearing') {
      direct.phase = 'published';
      this.#publish(messageId, direct, this.#limits);
    } else if (packet.cmd === 'pubrec' && (packet.reasonCode ?? 0) < 0x80) {
      direct.phase = 'released';
      this.#send({ cmd: 'pubrel', messageId });
    } else {
      this.#done(messageId);
    }
    return true;
  }

  #publish(identifier: number, { message }: DirectMessage, limits: ConnectionLimits): void {
    const { topic, payload, qos, retain, properties } = message;
    const packet: PublishPacket = { cmd: 'publish', topic, payload, qos, retain, dup: false };
    if (qos > 0) packet.messageId = identifier;
    if (limits.protocolVersion === 5 && properties !== undefined) packet.properties = properties;
    this.#send(packet);
  }

  /** At QoS 0, where nothing is owed, when its identifier or the send window is taken (MQTT-3.3.4-7 (5.0)). */
  #quality(message: Message, identifier: number, limits: ConnectionLimits): QoS {
    const qos = message.qos < limits.maximumQoS ? message.qos : limits.maximumQoS;
    if (qos === 0 || this.window.usesIdentifier(identifier) || this.#open.has(identifier)) return 0;
    return this.window.takePlace(qos) ? qos : 0;
  }

  #done(identifier: number): void {
    const direct = this.#open.get(identifier);
    if (direct !== undefined && this.#limits !== undefined) this.window.givePlaceBack(direct.message.qos);
    this.#open.delete(identifier);
    this.effects.push({ type: 'directDone', kind: identifier === BIRTH_IDENTIFIER ? 'birth' : 'close' });
  }

  #send(packet: Extract<Effect, { type: 'send' }>['packet']): void {
    this.effects.push({ type: 'send', packet });
  }
}

/** MQTT-3.2.2-14, -15 (5.0) */
function isTaken(message: Message, { retainAvailable, maximumPacketSize }: ConnectionLimits): boolean {
  if (message.retain && !retainAvailable) return false;
  return maximumPacketSize === undefined || publishPacketSize(message) <= maximumPacketSize;
}
