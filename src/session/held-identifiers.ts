import { identifierOf, MESSAGE_IDENTIFIERS } from './packet-identifiers';

/**
 * Identifiers under which the broker may hold a QoS 2 message that is not ours to send any more. A new message with such
 * an identifier would be swallowed as its repetition, so PUBREL and PUBCOMP clear it first.
 *
 * Adopted: all identifiers of a session that we did not begin. Reserved: those of messages given up without an answer;
 * no new message gets one, because a PUBREL might deliver what was given up.
 */
export class HeldIdentifiers {
  #adoptedAbove = 0;
  #adoptedUntil: number;
  readonly #reserved: Set<number>;

  constructor(adoptedUntil: number, reserved: Iterable<number>) {
    this.#adoptedUntil = adoptedUntil;
    this.#reserved = new Set(reserved);
  }

  get adoptedUntil(): number {
    return this.#adoptedUntil;
  }

  get reserved(): number[] {
    return [...this.#reserved];
  }

  /** For messages above `from` up to `until`. */
  adopt(from: number, until: number): void {
    this.#adoptedAbove = from;
    this.#adoptedUntil = until;
  }

  reserve(identifier: number): void {
    this.#reserved.add(identifier);
  }

  isReserved(identifier: number): boolean {
    return this.#reserved.has(identifier);
  }

  /** The broker holds nothing any more. */
  sessionLost(): void {
    this.#adoptedUntil = 0;
    this.#reserved.clear();
  }

  /** Whether the broker may hold another message under the identifier of this one. */
  mayHold({ sequence, packetId }: { sequence: number; packetId: number }): boolean {
    return (this.#adoptedAbove < sequence && sequence <= this.#adoptedUntil) || this.#reserved.has(packetId);
  }

  /** Whether it may for one of the `count` messages behind `sequence`, or that one. */
  mayHoldBehind(sequence: number, count: number): boolean {
    if (sequence <= this.#adoptedUntil) return true;
    const identifier = identifierOf(sequence);
    for (const reserved of this.#reserved) {
      if ((reserved - identifier + MESSAGE_IDENTIFIERS) % MESSAGE_IDENTIFIERS <= count) return true;
    }
    return false;
  }
}
