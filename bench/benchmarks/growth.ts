import { Mosquitto } from '../../test/support/mosquitto';
import { library } from '../built';
import { median, rounded } from '../figures';
import { withFolder } from '../folder';
import type { Benchmark, BenchmarkResult } from '../result';

const PAYLOAD = Buffer.alloc(200, 'x');
/** Messages of one measurement. */
const SAMPLE = 10_000;
const SAMPLES = 5;
const AT_ONCE = 1_000;

/**
 * What a message costs to enqueue, and to drain, at growing backlogs: CPU time (user and system) of this process for
 * each of `SAMPLE` messages, the median of five measurements. The time on the clock is the disk's and the broker's.
 */
export const growth: Benchmark = async ({ quick }) => {
  const backlogs = quick ? [10_000, 30_000] : [10_000, 100_000, 1_000_000];
  const table: BenchmarkResult['table'] = {};
  const enqueueCosts: number[] = [];
  const drainCosts: number[] = [];
  const broker = await Mosquitto.start({ configuration: ['persistence false', 'max_inflight_messages 0'] });
  try {
    await withFolder(async (path) => {
      const store = await library.openSessionStore({ path });
      const client = new library.SessionClient({
        store,
        clientId: 'bench-growth',
        connection: { url: broker.url, protocolVersion: 5, clean: false, keepalive: 60 },
        maxInflight: 1_000,
        maxBytes: 64 * 1024 ** 3,
      });
      await client.open();
      await fill(client, SAMPLE);
      for (const backlog of backlogs) {
        await fill(client, backlog - client.stored.count);
        const enqueue = median(await repeat(() => cpuOf(() => fill(client, SAMPLE))));
        const drained = median(await repeat(() => cpuOf(() => drainSome(client, SAMPLE))));
        enqueueCosts.push(enqueue);
        drainCosts.push(drained);
        table[`backlog ${backlog}`] = {
          'enqueue CPU us/message': rounded(enqueue / SAMPLE),
          'drain CPU us/message': rounded(drained / SAMPLE),
        };
      }
      await client.close();
      await store.close();
    });
  } finally {
    await broker.remove();
  }
  const last = backlogs.length - 1;
  return {
    benchmark: 'growth',
    what: `cost of a message of ${PAYLOAD.length} bytes at backlogs of ${backlogs.join(', ')}, durability always`,
    figures: {
      [`enqueue at ${backlogs[last]} / at ${backlogs[0]}`]: rounded((enqueueCosts[last] ?? 0) / (enqueueCosts[0] ?? 0)),
      [`drain at ${backlogs[last]} / at ${backlogs[0]}`]: rounded((drainCosts[last] ?? 0) / (drainCosts[0] ?? 0)),
    },
    table,
    targets: [
      {
        what: 'enqueue, at the largest backlog / at the smallest',
        value: rounded((enqueueCosts[last] ?? 0) / (enqueueCosts[0] ?? 0)),
        atMost: 1.1,
      },
      {
        what: 'drain, at the largest backlog / at the smallest',
        value: rounded((drainCosts[last] ?? 0) / (drainCosts[0] ?? 0)),
        atMost: 1.1,
      },
    ],
  };
};

type Client = InstanceType<typeof library.SessionClient>;

async function fill(client: Client, messages: number): Promise<void> {
  for (let left = messages; left > 0; left -= AT_ONCE) {
    const batch = Array.from({ length: Math.min(left, AT_ONCE) }, () =>
      client.publish({ topic: 'bench/growth', payload: PAYLOAD, qos: 1, retain: false }),
    );
    await Promise.all(batch);
  }
}

/** Connects until so many are gone, and somewhat more: those that were in flight. */
async function drainSome(client: Client, messages: number): Promise<void> {
  const until = client.stored.count - messages;
  client.connect();
  while (client.stored.count > until) await new Promise(setImmediate);
  await client.disconnect({ force: true });
}

async function cpuOf(work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function repeat(measure: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample++) values.push(await measure());
  return values;
}
