import type { InboundPacket } from '../session/packets';

/**
 * How much of what was sent has certainly reached the broker. Its answer to a PUBLISH or PINGREQ proves that all bytes in
 * front of it arrived. One of each is watched at a time, which costs nothing per message and is exact enough.
 */
export class DeliveryProof {
  /** Bytes since the connection began. */
  confirmedBytes = 0;
  #identifier = 0;
  #publishBytes = 0;
  #pingBytes = 0;

  get isWatching(): boolean {
    return this.#identifier !== 0;
  }

  /** A PUBLISH was sent; with it, `bytes` were. To be called only while none is watched. */
  publishSent(messageId: number, bytes: number): void {
    this.#identifier = messageId;
    this.#publishBytes = bytes;
  }

  /** A PINGREQ was sent; with it, `bytes` were. */
  pingSent(bytes: number): void {
    if (this.#pingBytes === 0) this.#pingBytes = bytes;
  }

  received(packet: InboundPacket | { cmd: 'pingresp' }): void {
    if (packet.cmd === 'pingresp') {
      this.confirm(this.#pingBytes);
      this.#pingBytes = 0;
    } else if ((packet.cmd === 'puback' || packet.cmd === 'pubrec') && packet.messageId === this.#identifier) {
      this.confirm(this.#publishBytes);
      this.#identifier = 0;
    }
  }

  confirm(bytes: number): void {
    this.confirmedBytes = Math.max(this.confirmedBytes, bytes);
  }
}
