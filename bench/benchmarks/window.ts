import { Mosquitto } from '../../test/support/mosquitto';
import { Child } from '../child';
import { compare } from '../comparison';
import type { Benchmark, BenchmarkResult } from '../result';

const WINDOWS = [1, 20, 100, 1_000];
const DURABILITIES = ['always', 'interval', 'os'] as const;
const PAYLOAD_BYTES = 200;
/** Until the learned window has reached its limit and the code is compiled, which takes some thousand messages on both sides. */
const warmUpMessages = (window: number): number => Math.max(10_000, 10 * window);
/** Each waits for a sync of its own there. */
const warmUpOfAlwaysAt1 = 2_000;

/**
 * QoS 1 at windows of 1 to 1,000 and every durability, against MQTT.js from memory with as many outstanding. The last row
 * has Mosquitto's default limits and MQTT 5, which announces them.
 */
export const window: Benchmark = async ({ quick }) => {
  const ratios: Record<string, number> = {};
  const ranges: Record<string, [number, number]> = {};
  const table: BenchmarkResult['table'] = {};
  const settings = WINDOWS.map((size) => ({ size, protocol: '4', defaultLimits: false }));
  for (const { size, protocol, defaultLimits } of [...settings, { size: 20, protocol: '5', defaultLimits: true }]) {
    const label = `${size}${defaultLimits ? ' (MQTT 5, default limits)' : ''}`;
    const broker = await Mosquitto.start({
      configuration: ['persistence false', ...(defaultLimits ? [] : ['max_inflight_messages 0'])],
      defaultLimits,
    });
    const environment = { MAX_INFLIGHT: String(size), PROTOCOL: protocol };
    const children = new Map(
      DURABILITIES.map((name) => [name as string, new Child('ours', { ...environment, DURABILITY: name })]),
    );
    children.set('mqttjsMemory', new Child('mqttjs-memory', environment));
    const messagesOf = (durability: string): number => {
      if (quick) return Math.min(2_000, 100 * size);
      return size === 1 && durability === 'always' ? 2_000 : Math.min(20_000, 5_000 * size);
    };
    const round = (count: number) =>
      ({ type: 'round', messages: count, outstanding: size, payloadBytes: PAYLOAD_BYTES, qos: 1 }) as const;
    try {
      for (const [name, child] of children) {
        const isSlow = size === 1 && name === 'always';
        await child.ask({ type: 'connect', brokerUrl: broker.url });
        await child.round(round(quick ? Math.max(500, 10 * size) : isSlow ? warmUpOfAlwaysAt1 : warmUpMessages(size)));
      }
      for (const durability of DURABILITIES) {
        const messages = messagesOf(durability);
        const compared = await compare({
          contenders: [durability, 'mqttjsMemory'],
          pairs: quick ? 3 : 5,
          round: async (name) => {
            const result = await children.get(name)?.round(round(messages));
            if (result === undefined) throw new Error(`no contender ${name}`);
            return { ...result, messages };
          },
        });
        const name = `window ${label}, ${durability}`;
        ratios[name] = compared.ratios?.mqttjsMemory ?? Number.NaN;
        ranges[name] = compared.ranges?.mqttjsMemory ?? [Number.NaN, Number.NaN];
        table[name] = {
          'ours messages/s': compared.table[durability]?.['messages/s'] ?? '',
          'mqttjsMemory messages/s': compared.table.mqttjsMemory?.['messages/s'] ?? '',
          'ours / theirs': ratios[name],
          range: ranges[name].join(' to '),
        };
      }
      for (const child of children.values()) await child.ask({ type: 'close' });
    } finally {
      for (const child of children.values()) child.stop();
      await broker.remove();
    }
  }
  return {
    benchmark: 'window',
    what: `QoS 1, ${PAYLOAD_BYTES} bytes, the window as many as outstanding, each durability against MQTT.js from memory`,
    ratios,
    ranges,
    table,
    targets: WINDOWS.map((size) => ({
      what: `os, window ${size}: ratio to mqttjsMemory`,
      value: ratios[`window ${size}, os`],
      atLeast: size === 1 ? 0.8 : 1,
    })),
  };
};
