import { Mosquitto } from '../../test/support/mosquitto';
import { Child } from '../child';
import { DelayRelay } from '../delay-relay';
import { rounded } from '../figures';
import type { Benchmark, BenchmarkResult } from '../result';

const ROUND_TRIP_MS = 50;
const WINDOW = 1_000;
const PAYLOAD_BYTES = 200;
const WARM_UP_MESSAGES = 20_000;

/**
 * A backlog over a link with a round trip of 50 ms, from CONNACK to the last acknowledgement. Ours was stored while not
 * connected; that of MQTT.js was published and not acknowledged when the connection was lost, which is what it re-sends.
 */
export const drain: Benchmark = async ({ quick }) => {
  const broker = await Mosquitto.start({ configuration: ['persistence false', 'max_inflight_messages 0'] });
  const relay = await DelayRelay.start(broker.port);
  const table: BenchmarkResult['table'] = {};
  const rates: Record<string, number> = {};
  const ideal = (WINDOW / ROUND_TRIP_MS) * 1_000;
  try {
    const contenders = [
      { name: 'ours QoS 1', file: 'ours', qos: 1, messages: quick ? 8_000 : 100_000, protocol: '4' },
      { name: 'ours QoS 2', file: 'ours', qos: 2, messages: quick ? 8_000 : 100_000, protocol: '5' },
      { name: 'mqttjsMemory QoS 1', file: 'mqttjs-memory', qos: 1, messages: quick ? 30 : 400, protocol: '4' },
    ] as const;
    for (const { name, file, qos, messages, protocol } of contenders) {
      const child = new Child(file, { PROTOCOL: protocol });
      try {
        relay.delayMs = 0;
        await child.ask({ type: 'connect', brokerUrl: relay.url });
        const warmUp = { type: 'round', outstanding: WINDOW, payloadBytes: PAYLOAD_BYTES, qos } as const;
        const isOurs = file === 'ours';
        await child.round({ ...warmUp, messages: isOurs ? WARM_UP_MESSAGES : WINDOW });
        // What MQTT.js publishes now is not acknowledged when the connection goes.
        relay.mutesBroker = true;
        await child.ask({ type: 'backlog', messages, payloadBytes: PAYLOAD_BYTES, qos });
        relay.cut();
        relay.mutesBroker = false;
        relay.delayMs = ROUND_TRIP_MS / 2;
        const { milliseconds, cpuMicroseconds } = await child.round({ type: 'drain' });
        rates[name] = (messages / milliseconds) * 1_000;
        table[name] = {
          messages,
          'messages/s': rounded(rates[name]),
          'of window / round trip': rounded(rates[name] / ideal, 3),
          'CPU us/message': rounded(cpuMicroseconds / messages),
        };
        await child.ask({ type: 'close' });
      } finally {
        child.stop();
      }
    }
  } finally {
    await relay.close();
    await broker.remove();
  }
  return {
    benchmark: 'drain',
    what: `backlog over a round trip of ${ROUND_TRIP_MS} ms, window ${WINDOW} (QoS 2: MQTT 5)`,
    ratios: {
      mqttjsMemory: rounded((rates['ours QoS 1'] ?? Number.NaN) / (rates['mqttjsMemory QoS 1'] ?? Number.NaN)),
    },
    table,
    targets: [
      {
        what: 'QoS 1, ratio to mqttjsMemory',
        value: rounded((rates['ours QoS 1'] ?? Number.NaN) / (rates['mqttjsMemory QoS 1'] ?? Number.NaN)),
        atLeast: 500,
      },
      {
        what: 'QoS 1, of window / round trip',
        value: rounded((rates['ours QoS 1'] ?? Number.NaN) / ideal),
        atLeast: 0.75,
      },
      {
        what: 'QoS 2, of window / round trip',
        value: rounded((rates['ours QoS 2'] ?? Number.NaN) / ideal),
        atLeast: 0.375,
      },
    ],
    chart: {
      title: `A backlog over a round trip of ${ROUND_TRIP_MS} ms`,
      unit: 'messages/s',
      bars: Object.entries(rates).map(([name, value]) => ({
        name,
        value: rounded(value),
        isOurs: name.startsWith('ours'),
      })),
    },
  };
};
