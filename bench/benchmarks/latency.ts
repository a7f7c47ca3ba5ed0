import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Mosquitto } from '../../test/support/mosquitto';
import { library } from '../built';
import { percentile, rounded } from '../figures';
import { withFolder } from '../folder';
import type { Benchmark, BenchmarkResult } from '../result';

const RATES = [100, 1_000];
const PAYLOAD = Buffer.alloc(200, 'x');
/** Of one record, for the bare file. */
const RECORD_BYTES = 300;
const PROMISED_MORE_MS = 2;

/** An open loop: messages come at a fixed rate whether or not the earlier ones are done. */
async function paced(perSecond: number, seconds: number, start: (index: number) => void): Promise<void> {
  const begin = performance.now();
  const count = perSecond * seconds;
  for (let index = 0; index < count; ) {
    while (index < count && performance.now() - begin >= (index * 1_000) / perSecond) start(index++);
    await sleep(1);
  }
}

/**
 * From publish to stored and to acknowledged, at fixed rates; beside it what a bare file takes for one write and one
 * fdatasync on the same disk, at the same rate (as many of them at a time as the disk is behind).
 */
export const latency: Benchmark = async ({ quick }) => {
  const seconds = quick ? 1 : 10;
  const table: BenchmarkResult['table'] = {};
  const figures: Record<string, number> = {};
  const broker = await Mosquitto.start({ configuration: ['persistence false', 'max_inflight_messages 0'] });
  try {
    for (const perSecond of RATES) {
      const bare = await withFolder((path) => bareFile(path, perSecond, seconds));
      const { stored, acknowledged } = await withFolder((path) => ours(path, broker.url, perSecond, seconds));
      const rows = { 'bare fdatasync': bare, 'ours stored': stored, 'ours acknowledged': acknowledged };
      for (const [name, values] of Object.entries(rows)) {
        table[`${name}, ${perSecond}/s`] = {
          'p50 ms': rounded(percentile(values, 50), 3),
          'p99 ms': rounded(percentile(values, 99), 3),
          'max ms': rounded(percentile(values, 100), 3),
        };
      }
      const bound = 2 * percentile(bare, 99) + PROMISED_MORE_MS;
      figures[`p99 stored / (2 x p99 of a bare fdatasync + ${PROMISED_MORE_MS} ms) at ${perSecond}/s`] = rounded(
        percentile(stored, 99) / bound,
        3,
      );
    }
  } finally {
    await broker.remove();
  }
  return {
    benchmark: 'latency',
    what: `QoS 1, ${PAYLOAD.length} bytes, durability always, ${seconds} s at each rate`,
    figures,
    table,
    targets: Object.entries(figures).map(([what, value]) => ({ what, value, atMost: 1 })),
  };
};

async function bareFile(folder: string, perSecond: number, seconds: number): Promise<number[]> {
  const file = await open(join(folder, 'bare'), 'w');
  const record = Buffer.alloc(RECORD_BYTES, 'x');
  const took: number[] = [];
  let waiting: number[] = [];
  let busy: Promise<void> | undefined;
  const write = async () => {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      for (const _ of batch) await file.write(record);
      await file.datasync();
      const now = performance.now();
      took.push(...batch.map((since) => now - since));
    }
    busy = undefined;
  };
  await paced(perSecond, seconds, () => {
    waiting.push(performance.now());
    busy ??= write();
  });
  await busy;
  await file.close();
  return took;
}

async function ours(path: string, url: string, perSecond: number, seconds: number) {
  const stored: number[] = [];
  const acknowledged: number[] = [];
  const store = await library.openSessionStore({ path });
  const client = new library.SessionClient({
    store,
    clientId: `bench-latency-${perSecond}`,
    connection: { url, protocolVersion: 5, clean: false, keepalive: 60 },
    maxInflight: 1_000,
  });
  const connected = new Promise((resolve) => client.once('connected', resolve));
  await client.open();
  client.connect();
  await connected;
  const all: Promise<void>[] = [];
  await paced(perSecond, seconds, () => {
    const since = performance.now();
    const message = { topic: 'bench/latency', payload: PAYLOAD, qos: 1, retain: false } as const;
    all.push(
      new Promise((resolve, reject) => {
        client.enqueue(message, {
          stored: () => stored.push(performance.now() - since),
          acknowledged: () => {
            acknowledged.push(performance.now() - since);
            resolve();
          },
          failed: reject,
        });
      }),
    );
  });
  await Promise.all(all);
  await client.close();
  await store.close();
  return { stored, acknowledged };
}
