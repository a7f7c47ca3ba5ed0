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
    const keys = ledger.refresh().received.slice(looked).map(({ key }) => key);
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

export interface InboundFigures {
  received: number;
  /** Handed over more than once, each of the repeats. */
  repeatedQoS1: number;
  repeatedQoS2: number;
}

/** How often the broker sent a message to the process under test. */
export interface BrokerDeliveries {
  count: ReadonlyMap<MessageKey, number>;
  /** QoS 2 messages that it sent again although they were released: its fault, see Delivery.afterRelease. */
  repeatedAfterRelease: ReadonlySet<MessageKey>;
}

/**
 * In the flow: first arrivals in order per topic and QoS; QoS 2 again only in a later run of the process, and then
 * marked `redelivered`; QoS 1 never more often than the broker sent it.
 */
export function judgeInbound(received: readonly HandOver[], deliveries: BrokerDeliveries): InboundFigures {
  const first = new Map<MessageKey, HandOver>();
  const count = new Map<MessageKey, number>();
  const highest = new Map<string, number>();
  const figures: InboundFigures = { received: received.length, repeatedQoS1: 0, repeatedQoS2: 0 };
  for (const handOver of received) {
    const { key, topic, qos, sequence, generation, redelivered } = handOver;
    const times = (count.get(key) ?? 0) + 1;
    count.set(key, times);
    assert.ok(times <= (deliveries.count.get(key) ?? 0), `handed over more often than the broker sent it: ${key}`);
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, handOver);
      const stream = `${qos} ${topic}`;
      const last = highest.get(stream) ?? -1;
      assert.ok(sequence > last, `out of order in the flow: ${key} after number ${last}`);
      highest.set(stream, sequence);
    } else if (qos === 1) {
      figures.repeatedQoS1++;
    } else if (!deliveries.repeatedAfterRelease.has(key)) {
      figures.repeatedQoS2++;
      assert.ok(redelivered, `QoS 2 handed over again without the mark "redelivered": ${key}`);
      assert.ok(generation > earlier.generation, `QoS 2 handed over twice by one run of the process: ${key}`);
    }
  }
  return figures;
}

function describe(keys: readonly MessageKey[]): string {
  return `${keys.length}, for example ${keys.slice(0, 5).join(' | ')}`;
}
