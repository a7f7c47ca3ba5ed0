import { Mosquitto } from '../../test/support/mosquitto';
import { Child } from '../child';
import { compare } from '../comparison';
import type { Benchmark, BenchmarkOptions, BenchmarkResult } from '../result';

const PAYLOAD_BYTES = 200;
const OUTSTANDING = 1_000;
/** From a window of 20 to one of 1,000, one more per acknowledged window (3.1.1 brokers do not announce theirs). */
const WARM_UP_MESSAGES = ((20 + OUTSTANDING) * (OUTSTANDING - 20)) / 2 + OUTSTANDING;
/** Rounds of peers that are slower by an order of magnitude are shorter by that. */
const SLOW_DIVISOR = 10;

interface Peer {
  file: string;
  environment?: Record<string, string>;
  slow?: boolean;
}

const ours: Peer = { file: 'ours' };
const mqttjsMemory: Peer = { file: 'mqttjs-memory' };
const mqttLevelStore: Peer = { file: 'mqttjs-store', environment: { STORE: 'level' }, slow: true };
const mqttJsonlStore: Peer = { file: 'mqttjs-store', environment: { STORE: 'jsonl' }, slow: true };
const bare: Peer = { file: 'bare' };

/** QoS 1, durability `always`, 1,000 outstanding from publish to PUBACK on all sides. */
export const publish: Benchmark = (options) =>
  measure('publish', 1, { ours, mqttjsMemory, mqttLevelStore, mqttJsonlStore, bare }, options);

/** QoS 2, likewise, to PUBCOMP. The broker's limit, which a 3.1.1 broker does not announce, is told to ours. */
export const publish2: Benchmark = (options) => measure('publish2', 2, { ours, mqttjsMemory, mqttLevelStore }, options);

async function measure(
  benchmark: string,
  qos: 1 | 2,
  peers: Record<string, Peer>,
  { quick }: BenchmarkOptions,
): Promise<BenchmarkResult> {
  const pairs = quick ? 5 : 9;
  const messages = quick ? 20_000 : 100_000;
  const broker = await Mosquitto.start({ configuration: ['persistence false', 'max_inflight_messages 0'] });
  const children = Object.entries(peers).map(
    ([name, { file, environment }]) => [name, new Child(file, environment)] as const,
  );
  const childOf = new Map(children);
  const absent: Record<string, string> = {};
  const round = (count: number) =>
    ({ type: 'round', messages: count, outstanding: OUTSTANDING, payloadBytes: PAYLOAD_BYTES, qos }) as const;
  try {
    for (const [name, child] of children) {
      try {
        await child.ask({ type: 'connect', brokerUrl: broker.url });
        const warmUp = name === 'ours' ? WARM_UP_MESSAGES : peers[name]?.slow ? 1_000 : messages;
        await child.round(round(warmUp));
      } catch (error) {
        if (name === 'ours') throw error;
        absent[name] = (error as Error).message.split('\n')[0] ?? 'unknown';
      }
    }
    const contenders = Object.keys(peers).filter((name) => !(name in absent));
    const compared = await compare({
      contenders,
      pairs,
      round: async (name) => {
        const count = peers[name]?.slow ? messages / SLOW_DIVISOR : messages;
        const result = await childOf.get(name)?.round(round(count));
        if (result === undefined) throw new Error(`no contender ${name}`);
        return { ...result, messages: count };
      },
    });
    for (const name of contenders) await childOf.get(name)?.ask({ type: 'close' });
    const failed = { ...absent, ...compared.failed };
    return {
      benchmark,
      what: `QoS ${qos}, ${PAYLOAD_BYTES} bytes, ${OUTSTANDING} outstanding, durability always, MQTT 3.1.1; ${messages} messages a round, ${pairs} interleaved pairs`,
      ...compared,
      ...(Object.keys(failed).length > 0 ? { failed } : {}),
    };
  } finally {
    for (const [, child] of children) child.stop();
    await broker.remove();
  }
}
