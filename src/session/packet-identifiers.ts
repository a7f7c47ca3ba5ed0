/**
 * The identifier of a message follows from its sequence, so that no record per message is needed to remember it.
 * The topmost identifiers are kept for SUBSCRIBE and UNSUBSCRIBE: all share one space (MQTT-2.3.1-2 (3.1.1)).
 */
export const MESSAGE_IDENTIFIERS = 65_471;
const FIRST_RESERVED = MESSAGE_IDENTIFIERS + 1;
const LAST_RESERVED = 65_533;
/** Birth and close messages bypass the queue and have an identifier of their own. */
export const BIRTH_IDENTIFIER = 65_534;
export const CLOSE_IDENTIFIER = 65_535;

/** 1 to `MESSAGE_IDENTIFIERS`. */
export function identifierOf(sequence: number): number {
  return ((sequence - 1) % MESSAGE_IDENTIFIERS) + 1;
}

/** Identifiers for SUBSCRIBE and UNSUBSCRIBE; given back by SUBACK, UNSUBACK and the end of the connection. */
export class ReservedIdentifiers {
  readonly #used = new Set<number>();
  #next = FIRST_RESERVED;

  /** `inUse`: migrated messages may have any identifier. */
  constructor(private readonly inUse: (identifier: number) => boolean) {}

  /** `undefined` when all are in use: the caller waits for an answer. */
  take(): number | undefined {
    for (let tried = FIRST_RESERVED; tried <= LAST_RESERVED; tried++) {
      const identifier = this.#next;
      this.#next = identifier === LAST_RESERVED ? FIRST_RESERVED : identifier + 1;
      if (!this.#used.has(identifier) && !this.inUse(identifier)) {
        this.#used.add(identifier);
        return identifier;
      }
    }
    return undefined;
  }

  release(identifier: number): void {
    this.#used.delete(identifier);
  }

  clear(): void {
    this.#used.clear();
  }
}
