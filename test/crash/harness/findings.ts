// What is wrong with what the observer got and what the flow was handed, message by message, without judging whose
// fault it is.
import type { ObservedMessage, Observer } from '../../support/observer';
import { type HandOver, keyOf, type MessageKey } from './ledger';
import { observedKey } from './observed-key';

/** `out`: from the process under test to the observer. `in`: from the publisher to the process under test. */
export type FindingKind =
  | 'lost-out'
  | 'doubled-out'
  | 'disorder-out'
  | 'lost-in'
  | 'doubled-in'
  | 'disorder-in'
  | 'invented-in';

export interface Finding {
  kind: FindingKind;
  key: MessageKey;
  qos: 0 | 1 | 2;
  text: string;
  /** When the message first came to the observer. */
  observedAtMs?: number | undefined;
}

/** What the broker sent to the process under test. */
export interface BrokerDeliveries {
  count: ReadonlyMap<MessageKey, number>;
  /** QoS 2 messages that it sent again although they were released: its fault, see Delivery.afterRelease. */
  repeatedAfterRelease: ReadonlySet<MessageKey>;
  /** Numbers in the order sent, by {@link streamOf}. */
  streams: ReadonlyMap<string, readonly number[]>;
  /** The run of the process that sent the first PUBREC for a QoS 2 message. Empty where that is not known. */
  answeredBy?: ReadonlyMap<MessageKey, number>;
}

/** One topic and QoS (4.6.0 promises order for these) in one run of the process. */
export function streamOf({ generation, qos, topic }: { generation: number; qos: number; topic: string }): string {
  return `${generation} ${qos} ${topic}`;
}

/**
 * At the independent subscriber: no QoS 0 (4.3.1) and no QoS 2 message twice; QoS 1 and 2 in order per topic. A QoS 0
 * message may overtake those that were stored while there was no connection.
 */
export function outboundFindings(observer: Observer): Finding[] {
  const finding = (kind: FindingKind, text: string) => (message: ObservedMessage) => ({
    kind,
    key: observedKey(message),
    qos: message.qos,
    text,
    observedAtMs: observer.on(message.topic).find(({ payload }) => payload === message.payload)?.atMs,
  });
  return [
    ...observer
      .doubled()
      .filter(({ qos }) => qos !== 1)
      .map((message) => finding('doubled-out', `QoS ${message.qos} more than once at the observer`)(message)),
    ...observer
      .outOfOrder()
      .filter(({ qos }) => qos > 0)
      .map(finding('disorder-out', 'out of order at the observer')),
  ];
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
 * In the flow: in the order in which the broker sent them; QoS 2 again only in a later run of the process, before any
 * PUBREC, and then marked `redelivered`; nothing more often than the broker sent it.
 */
export function inboundFindings(
  received: readonly HandOver[],
  deliveries: BrokerDeliveries,
): { figures: InboundFigures; findings: Finding[] } {
  const first = new Map<MessageKey, HandOver>();
  const count = new Map<MessageKey, number>();
  const highest = new Map<string, number>();
  const figures: InboundFigures = { received: received.length, repeatedQoS1: 0, repeatedQoS2: 0, late: 0 };
  const findings: Finding[] = [];
  for (const handOver of received) {
    const { key, topic, qos, sequence, generation } = handOver;
    const times = (count.get(key) ?? 0) + 1;
    count.set(key, times);
    if (times > (deliveries.count.get(key) ?? 0)) {
      findings.push({ kind: 'invented-in', key, qos, text: 'handed over more often than the broker sent it' });
    }
    const earlier = first.get(key);
    if (earlier === undefined) {
      first.set(key, handOver);
      const last = highest.get(`${qos} ${topic}`) ?? 0;
      highest.set(`${qos} ${topic}`, Math.max(last, sequence));
      if (sequence < last) figures.late++;
    } else if (qos === 1) {
      figures.repeatedQoS1++;
    } else if (qos === 2 && !deliveries.repeatedAfterRelease.has(key)) {
      figures.repeatedQoS2++;
      const answered = deliveries.answeredBy?.get(key) ?? Number.POSITIVE_INFINITY;
      const reason = doubledReason(handOver, earlier, answered < generation);
      if (reason !== undefined) findings.push({ kind: 'doubled-in', key, qos, text: reason });
    }
  }
  return { figures, findings: [...findings, ...inboundDisorder(received, deliveries)] };
}

function doubledReason(handOver: HandOver, earlier: HandOver, answered: boolean): string | undefined {
  if (handOver.generation <= earlier.generation) return 'QoS 2 handed over twice by one run of the process';
  if (!handOver.redelivered) return 'QoS 2 handed over again without the mark "redelivered"';
  return answered ? 'QoS 2 handed over again although an earlier run of the process had sent PUBREC' : undefined;
}

/**
 * Each stream as handed over must be what the broker sent. Left out may be only what was handed over before, and what
 * nobody got because the process ended. In what order the broker sends again what was open at a kill is its affair.
 */
function inboundDisorder(received: readonly HandOver[], { streams }: BrokerDeliveries): Finding[] {
  const positions = new Map<string, number>();
  const seen = new Set<MessageKey>();
  const findings: Finding[] = [];
  for (const handOver of received) {
    const { key, topic, sequence, generation, qos } = handOver;
    const stream = streamOf(handOver);
    const sent = streams.get(stream) ?? [];
    const from = positions.get(stream) ?? 0;
    const position = sent.indexOf(sequence, from);
    if (position < 0) {
      const text = `not in the order in which the broker sent it, run ${generation}`;
      findings.push({ kind: 'disorder-in', key, qos, text });
      continue;
    }
    // A repeat (QoS 1, its acknowledgement lost with the connection) comes on a later connection than what was sent
    // behind the first; that comes again behind the repeat. At QoS 0 what was under way is gone with a connection.
    const skipped =
      seen.has(key) || qos === 0
        ? undefined
        : sent.slice(from, position).find((number) => !seen.has(keyOf(topic, number)));
    if (skipped !== undefined) {
      const text = `sent by the broker before ${key}, which was handed over, and not handed over itself`;
      findings.push({ kind: 'disorder-in', key: keyOf(topic, skipped), qos, text });
    }
    positions.set(stream, position + 1);
    seen.add(key);
  }
  return findings;
}
