import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as Library from '../../src/index';
import { nodeFileSystem } from '../../src/store/node-file-system';
import { library } from '../built';
import { withSlowSyncs } from '../slow-file-system';
import { serve } from './serve';

const durability = (process.env.DURABILITY ?? 'always') as 'always' | 'interval' | 'os';
/** How long a sync takes at least. */
const syncMs = process.env.SYNC_MS;
/** What the broker takes unacknowledged, told to the client; absent: it finds out. */
const stated = process.env.BROKER_TAKES;
const protocolVersion = process.env.PROTOCOL === '5' ? 5 : 4;
let client: Library.SessionClient | undefined;
let store: Library.SessionStore | undefined;
let path: string | undefined;
let received: () => void = () => undefined;

serve({
  async connect(brokerUrl) {
    path = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), 'mqtt-sessions-bench-'));
    const fileSystem = syncMs === undefined ? {} : { fileSystem: withSlowSyncs(nodeFileSystem, Number(syncMs)) };
    store = await library.openSessionStore({ path, durability, ...fileSystem });
    client = new library.SessionClient({
      // Several of them may be at one broker.
      clientId: `bench-ours-${process.pid}`,
      store,
      connection: { url: brokerUrl, protocolVersion, clean: false, keepalive: 60 },
      maxInflight: Number(process.env.MAX_INFLIGHT ?? 1_000),
      ...(stated === undefined ? {} : { brokerReceiveMaximum: Number(stated) }),
    });
    const connected = new Promise((resolve) => client?.once('connected', resolve));
    await client.open();
    client.connect();
    await connected;
  },
  publish(topic, payload, qos, acknowledged) {
    client?.enqueue(
      { topic, payload, qos, retain: false },
      { acknowledged: () => acknowledged(), failed: (error) => acknowledged(error) },
    );
  },
  async backlog(messages, payload, qos) {
    await client?.disconnect({ force: true });
    const stored: Promise<unknown>[] = [];
    for (let count = 0; count < messages; count++) {
      stored.push(client?.publish({ topic: 'bench/drain', payload, qos, retain: false }) ?? Promise.resolve());
      if (stored.length >= 10_000) await Promise.all(stored.splice(0));
    }
    await Promise.all(stored);
  },
  async drain(connected) {
    client?.once('connected', connected);
    client?.connect();
    while ((client?.stored.count ?? 0) > 0) await sleep(1);
  },
  async subscribe(topic, qos) {
    const request = { filter: topic, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const;
    const granted = new Promise((resolve) => client?.once('subscription', resolve));
    client?.subscribe('bench', request, () => received());
    await granted;
  },
  async leave() {
    await client?.disconnect();
  },
  async receive(messages) {
    await new Promise<void>((resolve) => {
      let count = 0;
      received = () => {
        count += 1;
        if (count === messages) resolve();
      };
      client?.connect();
    });
  },
  async close() {
    await client?.close();
    await store?.close();
    if (path !== undefined) await rm(path, { recursive: true, force: true });
  },
});
