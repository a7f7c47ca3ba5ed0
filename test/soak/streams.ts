/** What goes through the soak test: one stream for each client, direction and QoS, its messages numbered from 1 on. */

export const CLIENTS = [
  { clientId: 'soak-v4', protocolVersion: 4 },
  { clientId: 'soak-v5', protocolVersion: 5 },
] as const;

export interface Stream {
  clientId: string;
  topic: string;
  qos: 1 | 2;
}

function streams(direction: 'out' | 'in'): Stream[] {
  return CLIENTS.flatMap(({ clientId }) =>
    ([1, 2] as const).map((qos) => ({ clientId, qos, topic: `${clientId}/${direction}/${qos}` })),
  );
}

/** From the process under test to the observer. */
export const OUTBOUND = streams('out');
/** From the publisher to the process under test. */
export const INBOUND = streams('in');

export function payloadOf(topic: string, number: number): Buffer {
  return Buffer.from(`{"stream":"${topic}","seq":${number},"fill":"${'.'.repeat(number % 200)}"}`);
}

/** @throws Error for a payload that is not ours. */
export function numberOf(payload: Buffer): number {
  const number = /"seq":(\d+)/.exec(payload.toString('latin1', 0, 100))?.[1];
  if (number === undefined) throw new Error(`a payload without number: ${payload.toString('latin1', 0, 100)}`);
  return Number(number);
}

/** How many messages a stream should have carried between two calls, whoever was late. */
export class Pace {
  readonly #startedAt = performance.now();
  #given = 0;

  constructor(readonly perSecond: number) {}

  /** Numbers that are due. They are not due again: what could not be published now is left out. */
  due(): number {
    const until = Math.floor(((performance.now() - this.#startedAt) / 1000) * this.perSecond);
    const count = until - this.#given;
    this.#given = until;
    return count;
  }
}

/** Which numbers of one stream have come. Takes memory only for those ahead of a gap. */
export class StreamCount {
  /** All numbers up to this one have come. */
  through = 0;
  /** First arrivals behind a higher number. */
  late = 0;
  #highest = 0;
  readonly #ahead = new Set<number>();

  /** @returns whether it came for the first time. */
  add(number: number): boolean {
    if (number <= this.through || this.#ahead.has(number)) return false;
    if (number < this.#highest) this.late++;
    this.#highest = Math.max(this.#highest, number);
    this.#ahead.add(number);
    while (this.#ahead.delete(this.through + 1)) this.through++;
    return true;
  }

  /** How many numbers up to `last` have not come. */
  missing(last: number): number {
    return Math.max(0, last - this.through - this.#ahead.size);
  }
}
