import { Mosquitto } from '../test/support/mosquitto';
import { Child } from './child';
import { median, range, rounded } from './figures';

const PAYLOAD_BYTES = 200;
const OUTSTANDING = 1_000;

export interface BenchmarkResult {
  benchmark: string;
  /** Ours divided by theirs, messages per second: above 1 we are faster. Median of the pairs. */
  ratios: Record<string, number>;
  ranges: Record<string, [number, number]>;
  messagesPerSecond: Record<string, number>;
  cpuMicrosecondsPerMessage: Record<string, number>;
  pairs: number;
  messages: number;
}

/**
 * QoS 1, durability `always`, 1,000 outstanding from publish to PUBACK on both sides, interleaved with MQTT.js from
 * memory; after a warm-up that lets the window grow (3.1.1 brokers do not announce theirs, so it is learned).
 */
export async function publish({ quick }: { quick: boolean }): Promise<BenchmarkResult> {
  const pairs = quick ? 5 : 9;
  const messages = quick ? 30_000 : 100_000;
  const broker = await Mosquitto.start({ configuration: ['persistence false', 'max_inflight_messages 0'] });
  const ours = new Child('ours');
  const theirs = new Child('mqttjs-memory');
  const round = { type: 'round', messages, outstanding: OUTSTANDING, payloadBytes: PAYLOAD_BYTES, qos: 1 } as const;
  try {
    for (const child of [ours, theirs]) await child.ask({ type: 'connect', brokerUrl: broker.url });
    await ours.round({ ...round, messages: WARM_UP_MESSAGES });
    await theirs.round(round);
    const measured: Record<'ours' | 'mqttjsMemory', { rate: number; cpu: number }[]> = { ours: [], mqttjsMemory: [] };
    for (let pair = 0; pair < pairs; pair++) {
      const order = [
        ['ours', ours],
        ['mqttjsMemory', theirs],
      ] as const;
      for (const [name, child] of pair % 2 === 0 ? order : [...order].reverse()) {
        const { milliseconds, cpuMicroseconds } = await child.round(round);
        measured[name].push({ rate: (messages / milliseconds) * 1000, cpu: cpuMicroseconds / messages });
      }
    }
    for (const child of [ours, theirs]) await child.ask({ type: 'close' });
    const ratios = measured.ours.map(({ rate }, index) => rate / (measured.mqttjsMemory[index]?.rate ?? Number.NaN));
    const rate = (name: keyof typeof measured) => rounded(median(measured[name].map((one) => one.rate)));
    const cpu = (name: keyof typeof measured) => rounded(median(measured[name].map((one) => one.cpu)));
    return {
      benchmark: 'publish',
      ratios: { mqttjsMemory: rounded(median(ratios)) },
      ranges: { mqttjsMemory: range(ratios).map((ratio) => rounded(ratio)) as [number, number] },
      messagesPerSecond: { ours: rate('ours'), mqttjsMemory: rate('mqttjsMemory') },
      cpuMicrosecondsPerMessage: { ours: cpu('ours'), mqttjsMemory: cpu('mqttjsMemory') },
      pairs,
      messages,
    };
  } finally {
    ours.stop();
    theirs.stop();
    await broker.remove();
  }
}

/** From a window of 20 to one of 1,000, one more per acknowledged window. */
const WARM_UP_MESSAGES = ((20 + OUTSTANDING) * (OUTSTANDING - 20)) / 2 + OUTSTANDING;
