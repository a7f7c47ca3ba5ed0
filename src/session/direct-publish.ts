import type { Effect } from './effects';
import type { Message } from './message';
import { BIRTH_IDENTIFIER, CLOSE_IDENTIFIER } from './packet-identifiers';
import type { AcknowledgementPacket, ConnectionLimits, PublishPacket } from './packets';

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

  /** `inUse`: migrated messages may have any identifier, ours among them. */
  constructor(
    private readonly effects: Effect[],
    private readonly inUse: (identifier: number) => boolean,
  ) {}

  connected(limits: ConnectionLimits): void {
    this.#limits = limits;
  }

  disconnected(): void {
    this.#limits = undefined;
    for (const identifier of this.#open.keys()) this.#done(identifier);
  }

  send(kind: 'birth' | 'close', message: Message): void {
    const limits = this.#limits;
    const identifier = kind === 'birth' ? BIRTH_IDENTIFIER : CLOSE_IDENTIFIER;
    if (limits === undefined || (message.retain && !limits.retainAvailable)) {
      this.#done(identifier);
      return;
    }
    const most = this.inUse(identifier) ? 0 : limits.maximumQoS;
    const qos = message.qos < most ? message.qos : most;
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

  #done(identifier: number): void {
    this.#open.delete(identifier);
    this.effects.push({ type: 'directDone', kind: identifier === BIRTH_IDENTIFIER ? 'birth' : 'close' });
  }

  #send(packet: Extract<Effect, { type: 'send' }>['packet']): void {
    this.effects.push({ type: 'send', packet });
  }
}
