import type { ConnectionLimits } from './packets';

/** Bounds of what was received and is not acknowledged by the flow; in MQTT 5 also our Receive Maximum. */
const MESSAGES_MAX = 10_000;
const BYTES_MAX = 16 * 1024 * 1024;

/** Why a message takes up room: nobody has taken it yet, or the flow has it and is to acknowledge it. */
export type Occupation = 'held' | 'awaited';

export interface Occupant {
  bytes: number;
  /** Undefined: it takes up no room any more. */
  occupies: Occupation | undefined;
}

/** What becomes of a message that comes in. `leave`: not taken, the broker keeps it and sends it on the next connection. */
export type Admission = 'take' | 'leave' | 'inbound-overflow' | 'receive-maximum-exceeded';

/**
 * Room for messages that nobody has taken or that wait for the flow's acknowledgement. It is bounded, so that neither a
 * long deploy nor a flow that never acknowledges fills the memory; the broker keeps the rest.
 *
 * While the flow acknowledges by itself, a full room does not end the connection: acknowledgements and the outbound queue
 * go on, and the flow may need either to get done. The rest is left unanswered, and asked for by a new connection as soon
 * as half of the room is free again: one connection for half a room of acknowledged messages, never a loop.
 */
export class InboundRoom {
  readonly #used = { held: { messages: 0, bytes: 0 }, awaited: { messages: 0, bytes: 0 } };
  #messagesMax = MESSAGES_MAX;
  #isVersion5 = false;
  /** Of the first message that was left with the broker on this connection. */
  #leftBytes: number | undefined;

  constructor(private readonly receiveMaximum: number) {}

  /** Messages that the flow is to acknowledge. */
  get awaited(): Readonly<{ messages: number; bytes: number }> {
    return this.#used.awaited;
  }

  /** A message of this connection was left with the broker: so are all behind it, or the order would be lost. */
  get isLeaving(): boolean {
    return this.#leftBytes !== undefined;
  }

  /** What was left with the broker would find room now. */
  get isReadyForMore(): boolean {
    if (this.#leftBytes === undefined) return false;
    const { messages, bytes } = this.#used.awaited;
    if (messages === 0) return true;
    return messages * 2 <= this.#messagesMax && (bytes + this.#leftBytes) * 2 <= BYTES_MAX;
  }

  connected({ protocolVersion }: ConnectionLimits): void {
    this.#isVersion5 = protocolVersion === 5;
    this.#messagesMax = this.#isVersion5 ? Math.min(this.receiveMaximum, MESSAGES_MAX) : MESSAGES_MAX;
    this.#leftBytes = undefined;
  }

  /** A message of `bytes` is about to come in. There is room for one message at least, however large. */
  admit(bytes: number): Admission {
    const { held, awaited } = this.#used;
    const messages = held.messages + awaited.messages;
    const hasTooMany = messages >= this.#messagesMax;
    if (messages === 0 || (!hasTooMany && held.bytes + awaited.bytes + bytes <= BYTES_MAX)) return 'take';
    if (awaited.messages > 0) {
      this.#leftBytes = bytes;
      return 'leave';
    }
    return this.#isVersion5 && hasTooMany ? 'receive-maximum-exceeded' : 'inbound-overflow';
  }

  /** Takes up room, or (undefined) gives it back. */
  occupy(occupant: Occupant, occupies: Occupation | undefined): void {
    this.#count(occupant, -1);
    occupant.occupies = occupies;
    this.#count(occupant, 1);
  }

  #count({ bytes, occupies }: Occupant, sign: 1 | -1): void {
    if (occupies === undefined) return;
    this.#used[occupies].messages += sign;
    this.#used[occupies].bytes += sign * bytes;
  }
}
