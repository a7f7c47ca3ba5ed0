import { assertTopicFilter } from '../../src/client/topics';
import { SessionError } from '../../src/errors';
import type { QoS } from '../../src/session/message';
import type { SubscriptionRequest } from '../../src/session/subscriptions';
import { isSharedFilter } from '../../src/session/topics';
import { booleanOf, isRecord, numberOf, qosOf } from './config-values';
import { type Datatype, datatypeOf } from './payload';

/** A subscription made at run time, with the names that `msg.topic` and `msg.subscriptions` have for it. */
export interface DynamicSubscription {
  topic: string;
  qos: QoS;
  /** MQTT 5: Retain Handling, Retain As Published, No Local. */
  rh?: unknown;
  rap?: unknown;
  nl?: unknown;
  datatype?: Datatype;
}

/**
 * The subscriptions that `msg.topic` asks for: a filter, an object with `topic` and options, or a list of these. All are
 * checked before any is made.
 * @throws SessionError `ERR_SUBSCRIPTION` when it is none of these, `ERR_FILTER` for an invalid filter.
 */
export function requestedSubscriptions(topic: unknown, protocolVersion: 3 | 4 | 5): DynamicSubscription[] {
  return listOf(topic).map((entry) => {
    const options = typeof entry === 'string' ? { topic: entry } : entry;
    return dynamicSubscription(options, protocolVersion);
  });
}

/**
 * The filters that an unsubscribe names; `true` is all of `present`.
 * @throws as `requestedSubscriptions`.
 */
export function filtersToUnsubscribe(topic: unknown, present: readonly string[]): string[] {
  if (topic === true) return [...present];
  return listOf(topic).map((entry) => {
    const filter = typeof entry === 'string' ? entry : entry.topic;
    assertTopicFilter(filter);
    return filter;
  });
}

/** What a subscription asks of the session. */
export function subscriptionRequest({ topic, qos, rh, rap, nl }: DynamicSubscription): SubscriptionRequest {
  return {
    filter: topic,
    qos,
    // 3.1.1 has none of the three; `false` is how it behaves.
    noLocal: booleanOf(nl, false),
    retainAsPublished: booleanOf(rap, false),
    retainHandling: retainHandlingOf(rh),
  };
}

/** Absent options get the values that a new in node of Node-RED has: QoS 2, Retain Handling 0, Retain As Published. */
function dynamicSubscription(options: Record<string, unknown>, protocolVersion: 3 | 4 | 5): DynamicSubscription {
  const { topic } = options;
  assertTopicFilter(topic);
  // The rest stays as it was given: `msg.subscriptions` shows it.
  const { nl: _nl, datatype: _datatype, ...given } = options;
  const subscription: DynamicSubscription = { ...given, topic, qos: qosOf(options.qos) ?? 2 };
  const datatype = datatypeOf(options.datatype);
  if (datatype !== undefined) subscription.datatype = datatype;
  if (protocolVersion !== 5) return Object.hasOwn(options, 'nl') ? { ...subscription, nl: options.nl } : subscription;
  subscription.rh = retainHandlingOf(options.rh);
  subscription.rap = booleanOf(options.rap, true);
  const noLocal = booleanOf(options.nl);
  if (noLocal !== undefined) subscription.nl = noLocal;
  if (noLocal === true && isSharedFilter(topic)) {
    throw new SessionError('ERR_FILTER', `The shared subscription ${topic} cannot have No Local (MQTT-3.8.3-4).`);
  }
  return subscription;
}

/**
 * The subscription as the session remembers it for its node.
 * @throws SessionError `ERR_SUBSCRIPTION` when one of its options cannot be kept: circular objects, big integers.
 */
export function subscriptionNote(subscription: DynamicSubscription): string {
  try {
    return JSON.stringify(subscription);
  } catch (cause) {
    const text = `The options of the subscription ${subscription.topic} cannot be kept: ${(cause as Error).message}`;
    throw new SessionError('ERR_SUBSCRIPTION', text, { cause });
  }
}

/** MQTT 5 Retain Handling from a configuration; 0 for anything else. */
export function retainHandlingOf(value: unknown): 0 | 1 | 2 {
  const number = numberOf(value);
  return number === 1 || number === 2 ? number : 0;
}

function listOf(topic: unknown): (string | Record<string, unknown>)[] {
  const list: unknown[] = Array.isArray(topic) ? topic : [topic];
  for (const entry of list) {
    if (typeof entry !== 'string' && !isRecord(entry)) {
      throw new SessionError(
        'ERR_SUBSCRIPTION',
        'msg.topic must be a topic filter, an object with a topic, or a list of these.',
      );
    }
  }
  return list as (string | Record<string, unknown>)[];
}
