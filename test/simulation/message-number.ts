/** Payloads begin with the number of their message and a space; the rest is padding. */
export function messageNumber(payload: Buffer): number {
  return Number.parseInt(payload.toString('latin1', 0, 12), 10);
}

export function numberedPayload(number: number, bytes: number): Buffer {
  const head = `${number} `;
  return Buffer.alloc(Math.max(head.length, bytes), head.padEnd(16, '.'), 'latin1');
}
