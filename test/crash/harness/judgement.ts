// Waits for what was promised, and demands that the promise was kept where no fault of a broker can explain anything.
import * as assert from 'node:assert/strict';
import type { Observer } from '../../support/observer';
import { waitFor } from '../../support/wait';
import {
  type BrokerDeliveries,
  type Finding,
  type InboundFigures,
  inboundFindings,
  outboundFindings,
} from './findings';
import type { HandOver, Ledger, MessageKey } from './ledger';
import { observedKey } from './observed-key';

export { observedKey };

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
  return waitForKeys('all messages at the observer', expected, newlyObserved(observer), options);
}

/** Waits until all these messages have been handed over. */
export function waitForReceived(
  ledger: Ledger,
  expected: Iterable<MessageKey>,
  options: { timeoutMs: number; detail: () => string },
): Promise<void> {
  return waitForKeys('all messages in the flow', expected, newlyReceived(ledger), options);
}

/** @returns a function that answers what came to the observer since its last call. */
export function newlyObserved(observer: Observer): () => MessageKey[] {
  let looked = 0;
  return () => {
    const keys = observer.messages.slice(looked).map(observedKey);
    looked += keys.length;
    return keys;
  };
}

/** @returns a function that answers what was handed over since its last call. */
export function newlyReceived(ledger: Ledger): () => MessageKey[] {
  let looked = 0;
  return () => {
    const keys = ledger
      .refresh()
      .received.slice(looked)
      .map(({ key }) => key);
    looked += keys.length;
    return keys;
  };
}

/** Messages too many at the observer, by QoS, and how many came. */
export interface OutboundFigures {
  observed: number;
  doubledQoS1: number;
  doubledQoS2: number;
}

export function outboundFigures(observer: Observer): OutboundFigures {
  const doubled = observer.doubled();
  const doubledQoS2 = doubled.filter(({ qos }) => qos === 2).length;
  return { observed: observer.messages.length, doubledQoS1: doubled.length - doubledQoS2, doubledQoS2 };
}

/**
 * Nothing may be wrong at the independent subscriber. `doubledQoS2`: repeated messages that a lost session allows;
 * default none.
 */
export function judgeOutbound(observer: Observer, { doubledQoS2 = 0 }: { doubledQoS2?: number } = {}): OutboundFigures {
  assert.equal(observer.sessionsLost, 0, 'the broker lost the session of the observer, so nothing can be concluded');
  const findings = outboundFindings(observer);
  const twice = findings.filter(({ kind }) => kind === 'doubled-out');
  const excused = twice.length <= doubledQoS2 ? findings.filter((finding) => !twice.includes(finding)) : findings;
  assert.deepEqual(excused.map(describeFinding), []);
  return outboundFigures(observer);
}

/** Nothing may be wrong in the flow. */
export function judgeInbound(received: readonly HandOver[], deliveries: BrokerDeliveries): InboundFigures {
  const { figures, findings } = inboundFindings(received, deliveries);
  assert.deepEqual(findings.slice(0, 10).map(describeFinding), []);
  return figures;
}

export function describeFinding({ key, text }: Finding): string {
  return `${key}: ${text}`;
}
