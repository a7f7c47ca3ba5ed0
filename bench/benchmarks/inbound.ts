import { Mosquitto } from '../../test/support/mosquitto';
import { Child } from '../child';
import { compare } from '../comparison';
import { rounded } from '../figures';
import type { Benchmark, BenchmarkResult } from '../result';

const PAYLOAD_BYTES = 200;
const TOPIC = 'bench/publish';

/**
 * What the broker has collected for a session is delivered: from connecting to the last message handed over, ours with
 * durability `always`, MQTT.js from memory (it stores nothing). Both clients are sent the same messages.
 */
export const inbound: Benchmark = async ({ quick }) => {
  const messages = quick ? 5_000 : 50_000;
  const pairs = quick ? 3 : 5;
  const ratios: Record<string, number> = {};
  const ranges: Record<string, [number, number]> = {};
  const table: BenchmarkResult['table'] = {};
  for (const qos of [1, 2] as const) {
    const broker = await Mosquitto.start({ configuration: ['persistence false', 'max_inflight_messages 0'] });
    const children = { ours: new Child('ours'), mqttjsMemory: new Child('mqttjs-memory') };
    const publisher = new Child('bare');
    try {
      await publisher.ask({ type: 'connect', brokerUrl: broker.url });
      for (const child of Object.values(children)) {
        await child.ask({ type: 'connect', brokerUrl: broker.url });
        await child.ask({ type: 'subscribe', topic: TOPIC, qos });
        await child.ask({ type: 'leave' });
      }
      const compared = await compare({
        contenders: ['ours', 'mqttjsMemory'],
        pairs,
        round: async (name) => {
          const child = name === 'ours' ? children.ours : children.mqttjsMemory;
          // The other one collects them as well, and takes them in its own turn.
          if (collected[name] === undefined) {
            await publisher.round({ type: 'round', messages, outstanding: 100, payloadBytes: PAYLOAD_BYTES, qos });
            collected = { ours: true, mqttjsMemory: true };
          }
          delete collected[name];
          const result = await child.round({ type: 'receive', messages });
          await child.ask({ type: 'leave' });
          return { ...result, messages };
        },
      });
      ratios[`mqttjsMemory, QoS ${qos}`] = compared.ratios?.mqttjsMemory ?? Number.NaN;
      ranges[`mqttjsMemory, QoS ${qos}`] = compared.ranges?.mqttjsMemory ?? [Number.NaN, Number.NaN];
      for (const [name, row] of Object.entries(compared.table)) table[`${name}, QoS ${qos}`] = row;
    } finally {
      publisher.stop();
      for (const child of Object.values(children)) child.stop();
      await broker.remove();
    }
  }
  return {
    benchmark: 'inbound',
    what: `${rounded(messages)} messages of ${PAYLOAD_BYTES} bytes collected by the broker, delivered after connecting; ${pairs} interleaved pairs`,
    ratios,
    ranges,
    table,
    targets: Object.entries(ratios).map(([name, value]) => ({ what: `ratio to ${name}`, value, atLeast: 0.95 })),
  };
};

/** Whose messages wait at the broker. */
let collected: Record<string, true | undefined> = {};
