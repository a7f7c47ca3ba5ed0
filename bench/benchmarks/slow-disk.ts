import { Mosquitto } from '../../test/support/mosquitto';
import { Child } from '../child';
import { compare } from '../comparison';
import type { Benchmark } from '../result';

const SYNC_MS = 100;
const OUTSTANDING = 50_000;
const PAYLOAD_BYTES = 200;

/**
 * A slow SD card: every sync takes 100 ms, by delaying the call. With so many messages outstanding at the producer that
 * group commit can gather them; MQTT.js from memory, with as many, has no disk.
 */
export const slowDisk: Benchmark = async ({ quick }) => {
  const messages = quick ? 50_000 : 400_000;
  const pairs = quick ? 1 : 5;
  const broker = await Mosquitto.start({ configuration: ['persistence false', 'max_inflight_messages 0'] });
  const environment = { SYNC_MS: String(SYNC_MS), MAX_INFLIGHT: '65535', BROKER_TAKES: '65535' };
  const children = new Map([
    ['ours', new Child('ours', environment)],
    ['mqttjsMemory', new Child('mqttjs-memory')],
  ]);
  const round = (count: number) =>
    ({ type: 'round', messages: count, outstanding: OUTSTANDING, payloadBytes: PAYLOAD_BYTES, qos: 1 }) as const;
  try {
    for (const child of children.values()) {
      await child.ask({ type: 'connect', brokerUrl: broker.url });
      await child.round(round(OUTSTANDING));
    }
    const compared = await compare({
      contenders: [...children.keys()],
      pairs,
      round: async (name) => {
        const result = await children.get(name)?.round(round(messages));
        if (result === undefined) throw new Error(`no contender ${name}`);
        return { ...result, messages };
      },
    });
    for (const child of children.values()) await child.ask({ type: 'close' });
    return {
      benchmark: 'slow-disk',
      what: `QoS 1, ${PAYLOAD_BYTES} bytes, ${OUTSTANDING} outstanding, durability always, each sync ${SYNC_MS} ms; ${messages} messages a round, ${pairs} interleaved pairs`,
      ...compared,
      targets: [{ what: 'ratio to mqttjsMemory', value: compared.ratios?.mqttjsMemory, atLeast: 0.5 }],
    };
  } finally {
    for (const child of children.values()) child.stop();
    await broker.remove();
  }
};
