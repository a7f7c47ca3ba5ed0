import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type * as Library from '../../src/index';
import { library } from '../built';
import { serve } from './serve';

const durability = (process.env.DURABILITY ?? 'always') as 'always' | 'interval' | 'os';
const protocolVersion = process.env.PROTOCOL === '5' ? 5 : 4;
let client: Library.SessionClient | undefined;
let store: Library.SessionStore | undefined;
let path: string | undefined;
let received: () => void = () => undefined;

serve({
  async connect(brokerUrl) {
    path = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), 'mqtt-sessions-bench-'));
    store = await library.openSessionStore({ path, durability });
    client = new library.SessionClient({
      clientId: 'bench-ours',
      store,
      connection: { url: brokerUrl, protocolVersion, clean: false, keepalive: 60 },
      maxInflight: Number(process.env.MAX_INFLIGHT ?? 1_000),
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
