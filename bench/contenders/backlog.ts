import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { library } from '../built';
import { serve } from './serve';

const MIB = 1024 * 1024;
const AT_ONCE = 1_000;
const CLIENT_ID = 'bench-backlog';
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What the process holds, without its garbage. */
function heldBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const heldAtStart = heldBytes();
const rssAtStart = process.memoryUsage().rss;

function clientFor(store: Awaited<ReturnType<typeof library.openSessionStore>>, url: string) {
  return new library.SessionClient({
    store,
    clientId: CLIENT_ID,
    connection: { url, protocolVersion: 5, clean: false, keepalive: 60 },
    maxInflight: 1_000,
    maxBytes: 64 * 1024 ** 3,
  });
}

const openStore = () => library.openSessionStore({ path: process.env.BACKLOG_PATH ?? '' });

/** One process fills a session without a broker and is killed; another one opens it. */
serve({
  connect: async () => undefined,
  publish: () => undefined,
  async backlog(messages, payload, qos) {
    const client = clientFor(await openStore(), 'mqtt://127.0.0.1:1');
    await client.open();
    for (let left = messages; left > 0; left -= AT_ONCE) {
      const batch = Array.from({ length: Math.min(left, AT_ONCE) }, () =>
        client.publish({ topic: 'bench/open', payload, qos, retain: false }),
      );
      await Promise.all(batch);
    }
  },
  async open(brokerUrl) {
    const store = await openStore();
    const client = clientFor(store, brokerUrl);
    let most = rssAtStart;
    const begin = performance.now();
    await client.open();
    const openMs = performance.now() - begin;
    client.connect();
    while (client.statistics().messagesSent === 0) await new Promise(setImmediate);
    const firstPublishMs = performance.now() - begin;
    const backlog = client.stored.count;
    let heldMiB = Number.NaN;
    for (let turn = 0; client.stored.count > 0; turn++) {
      await new Promise(setImmediate);
      if (turn % 50 !== 0) continue;
      most = Math.max(most, process.memoryUsage().rss);
      // Once, when nearly everything is measured: what stays when the garbage is gone.
      if (Number.isNaN(heldMiB) && client.stored.count < backlog / 10) heldMiB = (heldBytes() - heldAtStart) / MIB;
    }
    await client.close();
    await store.close();
    return { openMs, firstPublishMs, rssGrowthMiB: (most - rssAtStart) / MIB, heldMiB };
  },
  close: async () => undefined,
});
