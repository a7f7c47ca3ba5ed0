import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { serve } from './serve';

type Stores = Pick<IClientOptions, 'incomingStore' | 'outgoingStore'>;

/** What both packages export in their ways; neither has types. */
interface Manager {
  incoming: NonNullable<Stores['incomingStore']>;
  outgoing: NonNullable<Stores['outgoingStore']>;
  open?(): Promise<void>;
}

/** MQTT.js with one of the stores on disk that are published for it; named by the environment variable STORE. */
const stores: Record<string, (path: string) => Promise<Stores>> = {
  level: async (path) => {
    const manager = require('mqtt-level-store')(path) as Manager;
    return { incomingStore: manager.incoming, outgoingStore: manager.outgoing };
  },
  jsonl: async (path) => {
    const { Manager: JsonlManager } = require('mqtt-jsonl-store') as { Manager: new (path: string) => Manager };
    const manager = new JsonlManager(path);
    await manager.open?.();
    return { incomingStore: manager.incoming, outgoingStore: manager.outgoing };
  },
};

let client: MqttClient | undefined;
let path: string | undefined;

serve({
  async connect(brokerUrl) {
    const name = process.env.STORE ?? '';
    path = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), `mqtt-sessions-bench-${name}-`));
    const made = await stores[name]?.(path);
    client = await connectAsync(brokerUrl, { clientId: `bench-${name}`, clean: false, protocolVersion: 4, ...made });
  },
  publish(topic, payload, qos, acknowledged) {
    client?.publish(topic, payload, { qos }, (error) => acknowledged(error ?? undefined));
  },
  async close() {
    await client?.endAsync(true);
    if (path !== undefined) await rm(path, { recursive: true, force: true });
  },
});
