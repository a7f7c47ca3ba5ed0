const POISON_MESSAGES_MAX = 8;

/** What an episode's brokers and application do to which messages: it follows from a message's number, so all agree. */
export interface Fates {
  /** Share of messages that an MQTT 5 broker refuses. */
  refusals: number;
  /** Each so manieth message makes the broker end the connection, the first few of them; 0: none does. */
  poisonEvery: number;
  /** Share of messages with a short Message Expiry Interval. */
  expiring: number;
  /** Bytes of a packet that MQTT 5 brokers take, or twice as many; 0: all. */
  maximumPacketSize: number;
}

export function isRefused({ refusals }: Fates, number: number): boolean {
  return scattered(number, 0x9e3779b1) < refusals;
}

export function isPoison({ poisonEvery }: Fates, number: number): boolean {
  return poisonEvery > 0 && number % poisonEvery === 0 && number / poisonEvery <= POISON_MESSAGES_MAX;
}

/** Seconds; `undefined`: it does not expire. */
export function expiryInterval({ expiring }: Fates, number: number): number | undefined {
  const share = scattered(number, 0x85ebca6b);
  return share < expiring ? 1 + Math.floor((share / expiring) * 60) : undefined;
}

/** Whether a message may be given up, however large it is. */
export function mayFail(fates: Fates, number: number): boolean {
  return isRefused(fates, number) || isPoison(fates, number) || expiryInterval(fates, number) !== undefined;
}

/** From 0 to 1, the same for the same number. */
function scattered(number: number, factor: number): number {
  return (Math.imul(number, factor) >>> 0) / 0x1_0000_0000;
}
