import type { Packet } from 'mqtt-packet';
import type { Decision, MqttProxy } from '../support/proxy';
import type { Direction } from '../support/rules';
import { wireLength } from '../support/rules/types';

/** What a proxy saw: every packet, with its bytes. */
export class Wire {
  readonly bytes: Record<Direction, number> = { toBroker: 0, toClient: 0 };
  readonly publishes: Record<Direction, { count: number; dup: number }> = {
    toBroker: { count: 0, dup: 0 },
    toClient: { count: 0, dup: 0 },
  };
  /** CONNACK with success that went on to the client. */
  accepted = 0;
  /** PUBCOMP of the client. */
  completed = 0;
  /** PUBACK or PUBREC with a reason code of a refusal. */
  refusals = 0;
  /** May keep a packet from going on; it is counted all the same when it is the client's. */
  decide: (direction: Direction, packet: Packet) => Decision = () => 'forward';

  constructor(readonly proxy: MqttProxy) {
    proxy.onPacket((direction, packet) => {
      const decision = this.decide(direction, packet);
      const arrives = decision === 'forward' || decision === 'forward-and-cut';
      if (direction === 'toBroker' || arrives) this.#count(direction, packet);
      return decision;
    });
  }

  get connections(): number {
    return this.proxy.connectionCount;
  }

  #count(direction: Direction, packet: Packet): void {
    const length = wireLength(packet);
    if (length === undefined) throw new Error(`${packet.cmd} without a length`);
    this.bytes[direction] += length;
    if (packet.cmd === 'publish') {
      this.publishes[direction].count += 1;
      if (packet.dup) this.publishes[direction].dup += 1;
    }
    if (packet.cmd === 'connack' && (packet.reasonCode ?? packet.returnCode) === 0) this.accepted += 1;
    if (packet.cmd === 'pubcomp' && direction === 'toBroker') this.completed += 1;
    if ((packet.cmd === 'puback' || packet.cmd === 'pubrec') && (packet.reasonCode ?? 0) >= 0x80) this.refusals += 1;
  }
}
