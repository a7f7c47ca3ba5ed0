// What the messages at the observer and in the ledger say about the promise.
import * as assert from 'node:assert/strict';
import type { ObservedMessage, Observer } from '../../support/observer';
import { sequenceOf } from '../../support/observer/sequence';
import { waitFor } from '../../support/wait';
import { type HandOver, keyOf, type Ledger, type MessageKey } from './ledger';

export function observedKey(message: ObservedMessage): MessageKey {
  const sequence = sequenceOf(message.payload.slice(0, 200));
  assert.notEqual(sequence, undefined, `a message without number on ${message.topic}`);
  return keyOf(message.topic, sequence as number);
}

/** Waits until each of `expected` is among the growing list that `keys` answers. */
async function waitForKeys(
  what: string,
  expected: Iterable<MessageKey>,
  newKeys: () => Iterable<MessageKey>,
  { timeoutMs, detail }: { timeoutMs: number; detail: () => string },
): Promise<void> {
  const open = new Set(expected);
  const arrived = () => {
    for (const key of newKeys()) open.delete(key);
    return open.size === 0;
  };
  const missing = () => `${open.size} missing, for example ${[...open].slice(0, 5).join(' | ')}\n${detail()}`;
  await waitFor(arrived, { what, timeoutMs, intervalMs: 50, detail: missing });
}

/** Waits until all these messages have come to the observer. */
export function waitForObserved(
  observer: Observer,
  expected: Iterable<MessageKey>,
  options: { timeoutMs: number; detail: () => string },
): Promise<void> {
  let looked = 0;
  const newKeys = () => {
    const keys = observer.messages.slice(looked).map(observedKey);
    looked += keys.length;
    return keys;
  };
  return waitForKeys('all messages at the observer', expected, newKeys, options);
}

/** Waits until all these messages have been handed over. */
export function waitForReceived(
  ledger: Ledger,
  expected: Iterable<MessageKey>,
  options: { timeoutMs: number; detail: () => string },
): Promise<void> {
  let looked = 0;
  const newKeys = () => {
    const keys = ledger
      .refresh()
      .received.slice(looked)
      .map(({ key }) => key);
    looked += keys.length;
    return keys;
  };
  return waitForKeys('all messages in the flow', expected, newKeys, options);
}

/** Messages too many at the observer, by QoS, and how many came. */
export interface OutboundFigures {
  observed: number;
  doubledQoS1: number;
  doubledQoS2: number;
}

/**
 * At the independent subscriber: QoS 2 once, and in order per topic and QoS.
 * `doubledQoS2`: repeated messages that a lost session allows; default none.
 */
export function judgeOutbound(observer: Observer, { doubledQoS2 = 0 }: { doubledQoS2?: number } = {}): OutboundFigures {
  assert.equal(observer.sessionsLost, 0, 'the broker lost the session of the observer, so nothing can be concluded');
  const doubled = observer.doubled();
  const twice = doubled.filter(({ qos }) => qos === 2);
  assert.ok(twice.length <= doubledQoS2, `QoS 2 more than once: ${describe(twice.map(observedKey))}`);
  assert.deepEqual(observer.outOfOrder().map(observedKey), [], 'out of order at the observer');
  return {
    observed: observer.messages.length,
    doubledQoS1: doubled.length - twice.length,
    doubledQoS2: twice.length,
  };
}

/** What the broker sent to the process under test. */
export interface BrokerDeliveries {
  count: ReadonlyMap<MessageKey, number>;
  /** QoS 2 messages that it sent again although they were released: its fault, see Delivery.afterRelease. */
  repeatedAfterRelease: ReadonlySet<MessageKey>;
  /** Numbers in the order sent, by {@link streamOf}. */
  streams: ReadonlyMap<string, readonly number[]>;
}

/** One topic and QoS (4.6.0 promises order for these) in one run of the process. */
export function streamOf({ generation, qos, topic }: { generation: number; qos: number; topic: string }): string {
  return `${generation} ${qos} ${topic}`;
}

export interface InboundFigures {
  received: number;
  /** Handed over more than once, each of the repeats. */
  repeatedQoS1: number;
  repeatedQoS2: number;
  /** First hand-overs behind a higher number of the same stream: the broker sent them so, after a kill or reconnect. */
  late: number;
}

/**
 * In the flow: in the order in which the broker sent them; QoS 2 again only in a later run of the process, and then
 * marked `redelivered`; QoS 1 never more often than the broker sent it.
 */
export function judgeInbound(received: readonly HandOver[], deliveries: BrokerDeliveries): InboundFigures {
  const first = new Map<MessageKey, HandOver>();
  const count = new Map<MessageKey, number>();
  const highest = new Map<string, number>();
  const figures: InboundFigures = { received: received.length, repeatedQoS1: 0, repeatedQoS2: 0, late: 0 };
  for (const handOver of received) {
    const { key, topic, qos, sequence, generation, redelivered } = handOver;
    const times = (count.get(key) ?? 0) + 1;
    count.set(key, times);
    assert.ok(times <= (deliveries.count.get(key) ?? 0), `handed over more often than the broker sent it: ${key}`);
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, handOver);
      const last = highest.get(`${qos} ${topic}`) ?? 0;
      highest.set(`${qos} ${topic}`, Math.max(last, sequence));
      if (sequence < last) figures.late++;
    } else if (qos === 1) {
      figures.repeatedQoS1++;
    } else if (!deliveries.repeatedAfterRelease.has(key)) {
      figures.repeatedQoS2++;
      assert.ok(redelivered, `QoS 2 handed over again without the mark "redelivered": ${key}`);
      assert.ok(generation > earlier.generation, `QoS 2 handed over twice by one run of the process: ${key}`);
    }
  }
  judgeInboundOrder(received, deliveries);
  return figures;
}

/**
 * Each stream as handed over must be what the broker sent. Left out may be only what was handed over before, and what
 * nobody got because the process ended. In what order the broker sends again what was open at a kill is its affair.
 */
function judgeInboundOrder(received: readonly HandOver[], { streams }: BrokerDeliveries): void {
  const positions = new Map<string, number>();
  const seen = new Set<MessageKey>();
  for (const handOver of received) {
    const { key, topic, sequence, generation } = handOver;
    const stream = streamOf(handOver);
    const sent = streams.get(stream) ?? [];
    const from = positions.get(stream) ?? 0;
    const position = sent.indexOf(sequence, from);
    assert.ok(position >= 0, `not in the order in which the broker sent it, run ${generation}: ${key}`);
    // A repeat (QoS 1, its acknowledgement lost with the connection) comes on a later connection than what was sent
    // behind the first; that comes again behind the repeat.
    const skipped = seen.has(key)
      ? undefined
      : sent.slice(from, position).find((number) => !seen.has(keyOf(topic, number)));
    assert.equal(skipped, undefined, `${key} was handed over, and number ${skipped}, sent before it, was not`);
    positions.set(stream, position + 1);
    seen.add(key);
  }
}

function describe(keys: readonly MessageKey[]): string {
  return `${keys.length}, for example ${keys.slice(0, 5).join(' | ')}`;
}
