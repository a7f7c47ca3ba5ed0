/** The process under test: two clients that publish and receive without end. Started by main.ts with `--expose-gc`. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { openSessionStore, SessionClient } from '../../src';
import type { Command, Sample, SoakProcessOptions, Usage } from './protocol';
import { CLIENTS, INBOUND, numberOf, OUTBOUND, Pace, payloadOf, StreamCount } from './streams';

const TICK_MS = 20;
/** Above it a client publishes nothing: a machine that cannot keep up is slower, and its queue does not grow. */
const BACKLOG_MAX = 1_500;
/** So small that many segments come and go in a minute. */
const SEGMENT_BYTES = 256 * 1024;
const ERRORS_MAX = 20;

const options = JSON.parse(process.argv[2] as string) as SoakProcessOptions;
const collectGarbage = globalThis.gc;
if (!collectGarbage) throw new Error('to be started with --expose-gc');

const clients = new Map<string, SessionClient>();
const published: Record<string, number> = {};
const stored: Record<string, number> = {};
const received = new Map(INBOUND.map(({ topic }) => [topic, new StreamCount()]));
const errors: string[] = [];
let repeatedQoS1 = 0;
let repeatedQoS2: string[] = [];
let connections = 0;
let traffic: NodeJS.Timeout | undefined;

// Nobody is there any more to end it.
process.on('disconnect', () => process.exit(1));

function fail(text: string): void {
  if (errors.length < ERRORS_MAX) errors.push(text);
}

function startTraffic(): void {
  const streams = OUTBOUND.map((stream) => ({ ...stream, pace: new Pace(options.perSecond) }));
  for (const { topic } of streams) {
    published[topic] = 0;
    stored[topic] = 0;
  }
  traffic = setInterval(() => {
    for (const { clientId, topic, qos, pace } of streams) {
      const client = clients.get(clientId) as SessionClient;
      const due = pace.due();
      if (client.stored.count > BACKLOG_MAX) continue;
      for (let count = 0; count < due; count++) publish(client, topic, qos);
    }
  }, TICK_MS);
}

function publish(client: SessionClient, topic: string, qos: 1 | 2): void {
  const number = (published[topic] ?? 0) + 1;
  published[topic] = number;
  client.enqueue(
    { topic, payload: payloadOf(topic, number), qos, retain: false },
    {
      stored: () => {
        stored[topic] = (stored[topic] ?? 0) + 1;
      },
      failed: (error) => fail(`${topic} ${number} was not stored: ${error.message}`),
    },
  );
}

function receive(topic: string, qos: number, payload: Buffer): void {
  const number = numberOf(payload);
  if (received.get(topic)?.add(number)) return;
  if (qos === 1) repeatedQoS1++;
  else repeatedQoS2.push(`${topic} ${number}`);
}

function usage(): Usage {
  // A second time for what finalizers set free.
  collectGarbage?.();
  collectGarbage?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const names = fs.readdirSync(options.storePath, { recursive: true, encoding: 'utf8' });
  const sizes = names.flatMap((name) => {
    // A file may be removed or renamed between the two calls.
    const status = fs.statSync(path.join(options.storePath, name), { throwIfNoEntry: false });
    return status?.isFile() ? [status.size] : [];
  });
  return {
    heapBytes: heapUsed,
    externalBytes: external,
    rssBytes: rss,
    fileDescriptors: fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd').length : undefined,
    activeResources: process.getActiveResourcesInfo().length,
    sessionFiles: sizes.length,
    sessionBytes: sizes.reduce((sum, size) => sum + size, 0),
  };
}

function sample(): Sample {
  const repeats = repeatedQoS2;
  repeatedQoS2 = [];
  const all = [...clients.values()];
  return {
    usage: usage(),
    published: { ...published },
    stored: { ...stored },
    backlog: all.reduce((sum, client) => sum + client.stored.count, 0),
    connected: all.every((client) => client.connected),
    received: Object.fromEntries([...received].map(([topic, { through, late }]) => [topic, { through, late }])),
    repeatedQoS1,
    repeatedQoS2: repeats,
    errors,
    connections,
  };
}

async function main(): Promise<void> {
  const store = await openSessionStore({ path: options.storePath, segmentBytes: SEGMENT_BYTES });
  for (const { clientId, protocolVersion } of CLIENTS) {
    const client = new SessionClient({
      clientId,
      store,
      maxReconnectDelayMs: 1_000,
      connection: {
        url: options.url,
        protocolVersion,
        clean: false,
        keepalive: 10,
        ...(protocolVersion === 5 && { properties: { sessionExpiryInterval: 0xffffffff } }),
      },
    });
    clients.set(clientId, client);
    client.on('connected', () => connections++);
    client.on('storeError', (error) => fail(`store: ${error.message}`));
    client.on('discarded', ({ error }) => fail(`discarded: ${error.message}`));
    client.on('callbackError', (error) => fail(`callback: ${error.message}`));
    client.on('report', (report) => {
      if (report.kind === 'session-lost') fail('the broker lost the session');
    });
    for (const { topic, qos } of INBOUND.filter((stream) => stream.clientId === clientId)) {
      const request = { filter: topic, qos, noLocal: false, retainAsPublished: true, retainHandling: 0 as const };
      client.subscribe('soak', request, (message) => receive(topic, qos, message.payload));
    }
    client.connect();
  }
  await Promise.all([...clients.values()].map((client) => client.open()));
  const commands: Record<Command, () => unknown> = {
    sample,
    stopTraffic: () => clearInterval(traffic),
    close: async () => {
      await Promise.all([...clients.values()].map((client) => client.close()));
      await store.release();
    },
  };
  process.on('message', ({ id, command }: { id: number; command: Command }) => {
    Promise.resolve(commands[command]()).then(
      (answer) => {
        process.send?.({ id, answer });
        if (command === 'close') process.disconnect?.();
      },
      (error: Error) => process.send?.({ id, failure: error.stack }),
    );
  });
  startTraffic();
  process.send?.({ open: true });
}

main().catch((error: Error) => {
  process.send?.({ failure: error.stack });
  process.exitCode = 1;
});
