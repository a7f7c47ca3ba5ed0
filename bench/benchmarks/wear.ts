import { setTimeout as sleep } from 'node:timers/promises';
import { generate } from 'mqtt-packet';
import { Mosquitto } from '../../test/support/mosquitto';
import { library } from '../built';
import { rounded } from '../figures';
import { withFolder } from '../folder';
import type { Benchmark, BenchmarkResult } from '../result';

const PAYLOAD = Buffer.alloc(200, 'x');
const OUTSTANDING = 1_000;

/** What a message costs the disk: bytes given to write() and syncs, at 1,000 outstanding; and what an idle session writes. */
export const wear: Benchmark = async ({ quick }) => {
  const messages = quick ? 10_000 : 200_000;
  const idleSeconds = quick ? 2 : 120;
  const table: BenchmarkResult['table'] = {};
  const figures: Record<string, number> = {};
  const broker = await Mosquitto.start({ configuration: ['persistence false', 'max_inflight_messages 0'] });
  try {
    for (const qos of [1, 2] as const) {
      await withFolder(async (path) => {
        const store = await library.openSessionStore({ path });
        const client = new library.SessionClient({
          store,
          clientId: `bench-wear-${qos}`,
          connection: { url: broker.url, protocolVersion: 5, clean: false, keepalive: 60 },
          maxInflight: OUTSTANDING,
        });
        const connected = new Promise((resolve) => client.once('connected', resolve));
        await client.open();
        client.connect();
        await connected;
        const before = client.statistics();
        const begin = performance.now();
        await loop(client, messages, qos);
        const seconds = (performance.now() - begin) / 1_000;
        const after = client.statistics();
        const packet = generate({ cmd: 'publish', topic: TOPIC, payload: PAYLOAD, qos, messageId: 1, ...rest }).length;
        const bytes = (after.bytesWritten - before.bytesWritten) / messages;
        const syncs = after.syncs - before.syncs;
        const bound = 1.25 * packet + (qos === 1 ? 80 : 112);
        table[`QoS ${qos}`] = {
          'packet bytes': packet,
          'bytes written/message': rounded(bytes),
          'of 1.25 x packet + 80 (112)': rounded(bytes / bound, 3),
          'messages/sync': rounded(messages / syncs, 3),
          'syncs/s': rounded(syncs / seconds, 3),
        };
        if (qos === 2) {
          const idle = client.statistics().writes;
          await sleep(idleSeconds * 1_000);
          figures[`writes in ${idleSeconds} idle seconds`] = client.statistics().writes - idle;
        }
        await client.close();
        await store.close();
      });
    }
  } finally {
    await broker.remove();
  }
  return {
    benchmark: 'wear',
    what: `${messages} messages of ${PAYLOAD.length} bytes, ${OUTSTANDING} outstanding, durability always, MQTT 5`,
    figures,
    table,
    targets: [
      ...Object.entries(table).flatMap(([name, row]) => [
        {
          what: `${name}, bytes of 1.25 x packet + 80 (112)`,
          value: Number(row['of 1.25 x packet + 80 (112)']),
          atMost: 1,
        },
        { what: `${name}, messages/sync`, value: Number(row['messages/sync']), atLeast: 40 },
      ]),
      {
        what: `writes in ${idleSeconds} idle seconds`,
        value: figures[`writes in ${idleSeconds} idle seconds`],
        atMost: Math.ceil(idleSeconds / 60),
      },
    ],
  };
};

const TOPIC = 'bench/wear';
const rest = { dup: false, retain: false } as const;

/** A closed loop with `OUTSTANDING` messages under way. */
function loop(client: InstanceType<typeof library.SessionClient>, messages: number, qos: 1 | 2): Promise<void> {
  return new Promise((resolve, reject) => {
    let published = 0;
    let acknowledged = 0;
    const next = (): void => {
      published += 1;
      client.enqueue({ topic: TOPIC, payload: PAYLOAD, qos, retain: false }, { acknowledged: done, failed: reject });
    };
    const done = (): void => {
      acknowledged += 1;
      if (published < messages) next();
      else if (acknowledged === messages) resolve();
    };
    while (published < OUTSTANDING) next();
  });
}
