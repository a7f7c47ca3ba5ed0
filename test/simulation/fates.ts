import { NUMBERS_PER_ACTION, POISON_FROM } from './message-number';

/** Reason codes with which an MQTT 5 broker refuses a PUBLISH (5.0, 3.4.2.1 and 3.5.2.1). */
const REFUSALS = [0x80, 0x83, 0x87, 0x90, 0x97, 0x99];

/** What an episode's brokers and application do to which messages: it follows from a message's number, so all agree. */
export interface Fates {
  /** Share of messages that an MQTT 5 broker refuses. */
  refusals: number;
  /** Share of messages with a short Message Expiry Interval. */
  expiring: number;
  /** Share of messages with RETAIN. */
  retained: number;
  /** Bytes of a packet that MQTT 5 brokers take, or twice as many; 0: all. */
  maximumPacketSize: number;
}

/** The reason code; `undefined`: it is taken. */
export function refusal({ refusals }: Fates, number: number): number | undefined {
  return scattered(number, 0x9e3779b1) < refusals ? REFUSALS[number % REFUSALS.length] : undefined;
}

/** It makes the broker end the connection. */
export function isPoison(number: number): boolean {
  return number % NUMBERS_PER_ACTION >= POISON_FROM;
}

export function isRetained({ retained }: Fates, number: number): boolean {
  return scattered(number, 0xc2b2ae35) < retained;
}

/** Seconds; `undefined`: it does not expire. */
export function expiryInterval({ expiring }: Fates, number: number): number | undefined {
  const share = scattered(number, 0x85ebca6b);
  return share < expiring ? 1 + Math.floor((share / expiring) * 15) : undefined;
}

/** Whether a message may be given up, however large it is. */
export function mayFail(fates: Fates, number: number): boolean {
  return (
    refusal(fates, number) !== undefined ||
    isPoison(number) ||
    isRetained(fates, number) ||
    expiryInterval(fates, number) !== undefined
  );
}

/** From 0 to 1, the same for the same number. */
function scattered(number: number, factor: number): number {
  const mixed = Math.imul(number ^ (number >>> 7), factor);
  return (Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) >>> 0) / 0x1_0000_0000;
}
