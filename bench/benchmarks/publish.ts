import { Mosquitto } from '../../test/support/mosquitto';
import { Child } from '../child';
import { compare } from '../comparison';
import { rounded } from '../figures';
import type { Benchmark, BenchmarkOptions, BenchmarkResult, Chart } from '../result';

const PAYLOAD_BYTES = 200;
const OUTSTANDING = 1_000;
/** Until the window has grown (3.1.1 brokers do not announce theirs) and the code is compiled. */
const WARM_UP_MESSAGES = 20_000;
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
/** Told what the broker takes, which a 3.1.1 broker does not announce. */
const oursStated: Peer = { file: 'ours', environment: { BROKER_TAKES: '65535' } };
const oursMqtt5: Peer = { file: 'ours', environment: { PROTOCOL: '5' } };
const mqttjsMqtt5: Peer = { file: 'mqttjs-memory', environment: { PROTOCOL: '5' } };
const pahoC: Peer = { file: 'paho', slow: true };

/** QoS 1, durability `always`, 1,000 outstanding from publish to PUBACK on all sides. */
export const publish: Benchmark = async (options) => {
  const result = await measure(
    'publish',
    1,
    { ours, mqttjsMemory, mqttLevelStore, mqttJsonlStore, pahoC, bare },
    options,
  );
  const { ratios = {}, table } = result;
  const cpu = (name: string) => Number(table[name]?.['CPU us/message'] ?? Number.NaN);
  return {
    ...result,
    targets: [
      { what: 'ratio to mqttjsMemory', value: ratios.mqttjsMemory, atLeast: 1 },
      { what: 'ratio to mqttLevelStore', value: ratios.mqttLevelStore, atLeast: 8 },
      { what: 'ratio to bare', value: ratios.bare, atLeast: 0.8 },
      {
        what: 'CPU per message / that of mqttjsMemory',
        value: rounded(cpu('ours') / cpu('mqttjsMemory')),
        atMost: 0.8,
      },
    ],
    chart: chartOf('QoS 1, stored before sent, against clients with and without a store', table),
  };
};

/**
 * QoS 2, likewise, to PUBCOMP. `ours` is told the broker's limit; `oursUnstated` finds it out, and keeps at most 20
 * messages open (decision 0004); with MQTT 5 the broker announces it.
 */
export const publish2: Benchmark = async (options) => {
  const peers = { ours: oursStated, oursUnstated: ours, oursMqtt5, mqttjsMemory, mqttjsMqtt5, mqttLevelStore };
  const result = await measure('publish2', 2, peers, options);
  return {
    ...result,
    targets: [{ what: 'ratio to mqttjsMemory', value: result.ratios?.mqttjsMemory, atLeast: 1 }],
    chart: chartOf('QoS 2, stored before sent', result.table),
  };
};

function chartOf(title: string, table: BenchmarkResult['table']): Chart {
  const bars = Object.entries(table).map(([name, row]) => ({
    name,
    value: Number(row['messages/s']),
    isOurs: name.startsWith('ours'),
  }));
  return { title, unit: 'messages/s', bars };
}

async function measure(
  benchmark: string,
  qos: 1 | 2,
  peers: Record<string, Peer>,
  { quick }: BenchmarkOptions,
): Promise<BenchmarkResult> {
  const pairs = quick ? 3 : 9;
  const messages = quick ? 10_000 : 100_000;
  const warmUpMessages = quick ? 5_000 : WARM_UP_MESSAGES;
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
        const warmUp = peers[name]?.slow || isHeldBack(name, qos) ? 1_000 : warmUpMessages;
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
        const isSlow = peers[name]?.slow || isHeldBack(name, qos);
        const count = isSlow ? messages / SLOW_DIVISOR : messages;
        const result = await childOf.get(name)?.round(round(count));
        if (result === undefined) throw new Error(`no contender ${name}`);
        return { ...result, messages: count };
      },
    });
    for (const name of contenders) await childOf.get(name)?.ask({ type: 'close' });
    const failed = { ...absent, ...compared.failed };
    return {
      benchmark,
      what: `QoS ${qos}, ${PAYLOAD_BYTES} bytes, ${OUTSTANDING} outstanding, durability always, MQTT 3.1.1 unless named; ${messages} messages a round, ${pairs} interleaved pairs`,
      ...compared,
      ...(Object.keys(failed).length > 0 ? { failed } : {}),
    };
  } finally {
    for (const [, child] of children) child.stop();
    await broker.remove();
  }
}

/** By the 20 messages that may be open while the broker's limit is not known. */
function isHeldBack(name: string, qos: 1 | 2): boolean {
  return qos === 2 && name === 'oursUnstated';
}
