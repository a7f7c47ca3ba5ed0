/** The child process of library-process.ts. Its options are its only argument, as JSON. */
import * as fs from 'node:fs';
import { SessionClient } from '../../../src';
import type { ReceivedMessage } from '../../../src/client/router';
import { openSessionStore, type SessionStore } from '../../../src/store/session-store';
import type { Call, Calls, FromProcess, LibraryProcessOptions, PublishRun, Request, TrafficStream } from './protocol';

const TRAFFIC_INTERVAL_MS = 20;
/** How long a message is worked on that is acknowledged afterwards. */
const WORK_MS_MAX = 40;
/** Messages of a run that wait for the disk at once. */
const RUN_BATCH = 1_000;
const RUN_BATCH_BYTES = 4 * 1024 * 1024;

const options = JSON.parse(process.argv[2] as string) as LibraryProcessOptions;
const doneFile = fs.openSync(options.doneFile, 'a');
const handedFile = options.handedFile === undefined ? undefined : fs.openSync(options.handedFile, 'a');
const receivedFile = fs.openSync(options.receivedFile, 'a');
const clients = new Map<string, SessionClient>();
let store: SessionStore;
let trafficTimer: NodeJS.Timeout | undefined;
let published = 0;

// Nobody is there any more to end it.
process.on('disconnect', () => process.exit(1));
process.on('uncaughtException', (error) => {
  tell({ event: 'error', clientId: '', text: `uncaught: ${error.stack}` });
  process.exitCode = 1;
  setTimeout(() => process.exit(), 100);
});

function tell(message: FromProcess): void {
  process.send?.(message);
}

function clientFor(clientId: string): SessionClient {
  const client = clients.get(clientId);
  if (!client) throw new Error(`no client ${clientId} in this process`);
  return client;
}

function payloadOf(topic: string, sequence: number, bytes = 0): Buffer {
  const text = `{"stream":"${topic}","seq":${sequence}`;
  const fill = Math.max(0, bytes - text.length - `,"fill":""}`.length);
  return Buffer.from(fill > 0 ? `${text},"fill":"${'.'.repeat(fill)}"}` : `${text}}`);
}

/** One write() for each line: what the process reported is in the file even if it is killed right after. */
function publish(run: Omit<PublishRun, 'first' | 'count'>, sequence: number): Promise<void> {
  const { clientId, topic, qos, bytes } = run;
  published++;
  if (handedFile !== undefined) fs.writeSync(handedFile, `${topic} ${sequence}\n`);
  return new Promise((resolve, reject) => {
    clientFor(clientId).enqueue(
      { topic, payload: payloadOf(topic, sequence, bytes), qos, retain: false },
      {
        stored: () => {
          fs.writeSync(doneFile, `${topic} ${sequence}\n`);
          resolve();
        },
        failed: reject,
      },
    );
  });
}

function startTraffic(streams: TrafficStream[]): void {
  const startedAt = performance.now();
  const next = streams.map((stream) => stream.first);
  const large = new Map<string, number>();
  trafficTimer = setInterval(() => {
    const elapsed = (performance.now() - startedAt) / 1000;
    const bytes = takeLargeFile();
    if (bytes > 0) for (const { topic } of streams) large.set(topic, bytes);
    streams.forEach((stream, index) => {
      const until = stream.first + Math.floor(elapsed * stream.perSecond);
      for (let sequence = next[index] as number; sequence < until; sequence++) {
        const { clientId, topic, qos } = stream;
        const bytes = large.get(topic) ?? 0;
        large.delete(topic);
        publish({ clientId, topic, qos, bytes }, sequence).catch((error: Error) => fail(clientId, error));
      }
      next[index] = until;
    });
  }, TRAFFIC_INTERVAL_MS);
}

/** @returns the bytes that the file says, or 0 where there is none. */
function takeLargeFile(): number {
  const { largeFile } = options;
  if (largeFile === undefined || !fs.existsSync(largeFile)) return 0;
  const bytes = Number(fs.readFileSync(largeFile, 'utf8'));
  fs.rmSync(largeFile);
  return bytes;
}

function fail(clientId: string, error: Error): void {
  tell({ event: 'error', clientId, text: error.stack ?? error.message });
}

const calls: { [name in Call]: (input: Calls[name]['arguments']) => Promise<Calls[name]['answer']> } = {
  async publish(run) {
    const batch = Math.max(1, Math.min(RUN_BATCH, Math.floor(RUN_BATCH_BYTES / (run.bytes ?? 100))));
    for (let done = 0; done < run.count; done += batch) {
      const count = Math.min(batch, run.count - done);
      await Promise.all(Array.from({ length: count }, (_unused, index) => publish(run, run.first + done + index)));
    }
  },
  async subscribe({ clientId, filter, qos }) {
    subscribe(clientId, filter, qos);
  },
  async connect({ clientId }) {
    clientFor(clientId).connect();
  },
  async disconnect({ clientId }) {
    await clientFor(clientId).disconnect();
  },
  async statistics({ clientId }) {
    return clientFor(clientId).statistics();
  },
  async memory() {
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
    return { rss, heapUsed, external, arrayBuffers };
  },
  async stopTraffic() {
    clearInterval(trafficTimer);
    return { published };
  },
  async close() {
    clearInterval(trafficTimer);
    await Promise.all([...clients.values()].map((client) => client.close()));
    await store.release();
  },
};

function subscribe(clientId: string, filter: string, qos: 0 | 1 | 2, acknowledge: 'auto' | 'manual' = 'auto'): void {
  const request = { filter, qos, noLocal: false, retainAsPublished: true, retainHandling: 0 as const };
  const client = clientFor(clientId);
  const writeDown = ({ topic, payload, dup, redelivered, qos: received }: ReceivedMessage) => {
    const sequence = /"seq":(\d+)/.exec(payload.toString('latin1', 0, 200))?.[1];
    const flags = `${received} ${dup ? 1 : 0} ${redelivered ? 1 : 0}`;
    fs.writeSync(receivedFile, `${options.generation} ${topic} ${sequence} ${flags}\n`);
  };
  const work = (message: ReceivedMessage) => {
    setTimeout(() => {
      writeDown(message);
      if (message.mqttAck !== undefined) client.acknowledge(message.mqttAck);
    }, Math.random() * WORK_MS_MAX);
  };
  client.subscribe('library-process', request, acknowledge === 'manual' ? work : writeDown, { acknowledge });
}

async function main(): Promise<void> {
  const { storePath, durability, url } = options;
  store = await openSessionStore({ path: storePath, ...(durability && { durability }) });
  for (const settings of options.clients) {
    const { clientId, protocolVersion, keepalive = 60, clean = false, maxInflight, maxReconnectDelayMs } = settings;
    const properties = protocolVersion === 5 && !clean ? { sessionExpiryInterval: 0xffffffff } : undefined;
    const client = new SessionClient({
      clientId,
      store,
      connection: { url, protocolVersion, clean, keepalive, ...(properties && { properties }) },
      ...(maxInflight !== undefined && { maxInflight }),
      ...(maxReconnectDelayMs !== undefined && { maxReconnectDelayMs }),
    });
    clients.set(clientId, client);
    client.on('connected', ({ sessionPresent }) => tell({ event: 'connected', clientId, sessionPresent }));
    client.on('disconnected', (end, wasUp) => {
      const { kind, reasonString, error } = end;
      tell({ event: 'disconnected', clientId, kind, wasUp, reason: reasonString ?? error?.message ?? '' });
    });
    client.on('notice', ({ level, text }) => tell({ event: 'notice', clientId, level, text }));
    client.on('report', (report) => tell({ event: 'report', clientId, report: JSON.stringify(report) }));
    client.on('storeError', (error) => fail(clientId, error));
    client.on('discarded', ({ error }) => fail(clientId, error));
    for (const { filter, qos, acknowledge } of settings.subscriptions ?? []) {
      subscribe(clientId, filter, qos, acknowledge);
    }
    if (settings.connect ?? true) client.connect();
  }
  await Promise.all([...clients.values()].map((client) => client.open()));
  tell({ event: 'open' });
  startTraffic(options.traffic ?? []);
}

process.on('message', (request: Request) => {
  const call = calls[request.call] as (input: unknown) => Promise<unknown>;
  call(request.arguments).then(
    (answer) => {
      tell({ id: request.id, answer });
      if (request.call === 'close') process.disconnect?.();
    },
    (error: Error) => tell({ id: request.id, failure: error.stack ?? error.message }),
  );
});

main().catch((error: Error) => {
  tell({ event: 'error', clientId: '', text: `start: ${error.stack}` });
  process.exitCode = 1;
  setTimeout(() => process.exit(), 100);
});
