import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as Library from '../../src/index';
import { serve } from './serve';

// The built package, as it is installed: not the sources through a loader.
const { SessionClient, openSessionStore } = require('../../dist/src/index.js') as typeof Library;

const durability = (process.env.DURABILITY ?? 'always') as 'always' | 'interval' | 'os';
let client: Library.SessionClient | undefined;
let store: Library.SessionStore | undefined;
let path: string | undefined;

serve({
  async connect(brokerUrl) {
    path = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), 'mqtt-sessions-bench-'));
    store = await openSessionStore({ path, durability });
    client = new SessionClient({
      clientId: 'bench-ours',
      store,
      connection: { url: brokerUrl, protocolVersion: 4, clean: false, keepalive: 60 },
      maxInflight: 1_000,
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
  async close() {
    await client?.close();
    await store?.close();
    if (path !== undefined) await rm(path, { recursive: true, force: true });
  },
});
