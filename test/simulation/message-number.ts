/** Payloads begin with the number of their message and a space; the rest is padding. */
export function messageNumber(payload: Buffer): number {
  return Number.parseInt(payload.toString('latin1', 0, 12), 10);
}

export function numberedPayload(number: number, bytes: number): Buffer {
  const head = `${number} `;
  return Buffer.alloc(Math.max(head.length, bytes), head.padEnd(16, '.'), 'latin1');
}

/** Each action has numbers of its own, so that leaving out another one does not change them. */
export const NUMBERS_PER_ACTION = 32;
/** Of those, the ones from here on are poison. */
export const POISON_FROM = 24;

export function firstNumberOf(action: number): number {
  return (action + 1) * NUMBERS_PER_ACTION;
}
