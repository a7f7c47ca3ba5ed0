/** One message as it came in. */
export interface ObservedMessage {
  topic: string;
  payload: string;
  qos: 0 | 1 | 2;
  dup: boolean;
  retain: boolean;
  /** When it came in, on the clock of `performance.now()`. */
  atMs?: number;
}

/**
 * Reads the sequence number out of a payload: that of `{"sequence":7}` (or `seq`, `n`), else the first whole number in
 * the text. Undefined: the payload has none.
 */
export function sequenceOf(payload: string): number | undefined {
  const named = /"(?:sequence|seq|n)"\s*:\s*(\d+)/.exec(payload);
  const digits = named?.[1] ?? /\d+/.exec(payload)?.[0];
  return digits === undefined ? undefined : Number(digits);
}

/** Payloads of `expected` that are not among `messages`. */
export function missingIn(messages: readonly ObservedMessage[], expected: Iterable<string>): string[] {
  const seen = new Set(messages.map((message) => message.payload));
  return [...expected].filter((payload) => !seen.has(payload));
}

/** Messages that have the topic and payload of an earlier one. */
export function doubledIn(messages: readonly ObservedMessage[]): ObservedMessage[] {
  const seen = new Set<string>();
  return messages.filter((message) => {
    const key = `${message.topic}\0${message.payload}`;
    if (seen.has(key)) return true;
    seen.add(key);
    return false;
  });
}

/**
 * Messages whose sequence number is below one that came in earlier on the same topic with the same QoS (4.6.0 promises
 * order for these only: a QoS 1 message may overtake one with QoS 2). Only the first arrival of a number is looked at:
 * a repetition is doubled, not out of order.
 *
 * @throws Error for a payload without a sequence number: then nothing could be said about the order.
 */
export function outOfOrderIn(
  messages: readonly ObservedMessage[],
  sequence: (payload: string) => number | undefined = sequenceOf,
): ObservedMessage[] {
  const streams = new Map<string, { highest: number; seen: Set<number> }>();
  return messages.filter((message) => {
    const number = sequence(message.payload);
    if (number === undefined) {
      throw new Error(`no sequence number in a payload on ${message.topic}: ${message.payload.slice(0, 80)}`);
    }
    const key = `${message.qos} ${message.topic}`;
    const stream = streams.get(key) ?? { highest: Number.NEGATIVE_INFINITY, seen: new Set() };
    streams.set(key, stream);
    if (stream.seen.has(number)) return false;
    stream.seen.add(number);
    const late = number < stream.highest;
    stream.highest = Math.max(stream.highest, number);
    return late;
  });
}
