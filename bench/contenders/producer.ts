import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { library } from '../built';
import { withSlowSyncs } from '../slow-file-system';
import type { Request } from './contender';
import { reply, timed } from './serve';

const MIB = 1024 * 1024;
const AT_ONCE = 1_000;

/** Publishes as fast as it may into a session without a broker; named by the environment variable PRODUCER. */
reply(async (request: Request) => {
  if (request.type !== 'produce') return undefined;
  const { seconds, payloadBytes } = request;
  const payload = Buffer.alloc(payloadBytes, 'x');
  const waits = process.env.PRODUCER === 'waits';
  const path = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), 'mqtt-sessions-bench-'));
  const fileSystem = withSlowSyncs(nodeFileSystem, Number(process.env.SYNC_MS ?? 0));
  const store = await library.openSessionStore({ path, fileSystem });
  const client = new library.SessionClient({
    clientId: 'bench-producer',
    store,
    connection: { url: 'mqtt://127.0.0.1:1', protocolVersion: 5, clean: false, keepalive: 60 },
    maxBytes: 64 * 1024 ** 3,
  });
  await client.open();
  const rssAtStart = process.memoryUsage().rss;
  const until = performance.now() + seconds * 1_000;
  let most = rssAtStart;
  let stored = 0;
  let refused = 0;
  const publish = () =>
    client.publish({ topic: 'bench/producer', payload, qos: 1, retain: false }).then(
      () => {
        stored += 1;
      },
      (error: { code?: string }) => {
        if (error.code !== 'ERR_STORE_BUSY') throw error;
        refused += 1;
      },
    );
  const last: Promise<unknown>[] = [];
  const result = await timed(async () => {
    while (performance.now() < until) {
      const batch = Promise.all(Array.from({ length: AT_ONCE }, publish));
      if (waits) await batch;
      else {
        if (last.push(batch) > AT_ONCE) last.shift();
        await new Promise(setImmediate);
      }
      most = Math.max(most, process.memoryUsage().rss);
    }
    await Promise.all(last);
  });
  await client.close();
  await store.close();
  await rm(path, { recursive: true, force: true });
  const figures = {
    storedPerSecond: (stored / result.milliseconds) * 1_000,
    refused,
    rssGrowthMiB: (most - rssAtStart) / MIB,
  };
  return { ...result, figures };
});
