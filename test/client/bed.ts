import { mkdtemp, rm } from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import type { SessionClientOptions } from '../../src/client/options';
import { SessionClient } from '../../src/client/session-client';
import type { Message, QoS } from '../../src/session/message';
import { openSessionStore, type SessionStore, type SessionStoreOptions } from '../../src/store/session-store';
import { SyncLimiter } from '../../src/store/sync-limiter';
import { factsOf, machine } from '../store/support';
import { MemoryDisk } from '../support/memory-disk';
import { Mosquitto, type MosquittoOptions } from '../support/mosquitto';
import { MountedDisk } from '../support/mounted-disk';
import { Observer } from '../support/observer';
import { MqttProxy } from '../support/proxy';
import { waitFor } from '../support/wait';

/** Nothing listens there; for clients that never connect. */
const NO_BROKER = 'mqtt://127.0.0.1:1';

let processes = 0;

export interface ClientSettings extends Partial<Omit<SessionClientOptions, 'connection'>> {
  url?: string;
  protocolVersion?: 3 | 4 | 5;
  clean?: boolean;
  connection?: Partial<SessionClientOptions['connection']>;
}

/** What one test uses: a directory, stores, clients, observers; all ended after it, clients first. */
export class Bed {
  directory = '';
  readonly #clients: SessionClient[] = [];
  readonly #stores: SessionStore[] = [];
  readonly #ends: (() => Promise<unknown>)[] = [];

  /** To be called inside `describe`. */
  constructor() {
    beforeEach(async () => {
      this.directory = await mkdtemp(path.join(os.tmpdir(), 'mqtt-sessions-client-'));
    });
    afterEach(async () => {
      for (const client of this.#clients.splice(0)) await client.close().catch(() => undefined);
      for (const store of this.#stores.splice(0)) await store.close();
      for (const end of this.#ends.splice(0).reverse()) await end();
      await rm(this.directory, { recursive: true, force: true });
    });
  }

  async store(options: Partial<SessionStoreOptions> = {}): Promise<SessionStore> {
    const store = await openSessionStore({ path: path.join(this.directory, 'sessions'), ...options });
    this.#stores.push(store);
    return store;
  }

  /** A store on a disk in memory, as a new process sees it: no other one runs, and none shares its names. */
  async storeOn(disk: MemoryDisk, options: Partial<SessionStoreOptions> = {}): Promise<SessionStore> {
    const pid = ++processes;
    const mountPoint = `/process-${pid}`;
    return this.store({
      path: `${mountPoint}/disk/sessions`,
      fileSystem: new MountedDisk(disk, mountPoint),
      holderFacts: factsOf({ ...machine, pid }, { [pid]: machine.processStart }),
      // A dead disk never gives back what it took from a shared one.
      syncLimiter: new SyncLimiter(2),
      onNotice: () => undefined,
      ...options,
    });
  }

  /** The client's process is dead: it is not closed after the test. */
  abandon(client: SessionClient): void {
    this.#clients.splice(this.#clients.indexOf(client), 1);
    this.#stores.splice(0);
  }

  /** A client that is not open yet; on files, without a broker, if nothing else is asked for. */
  async client(settings: ClientSettings = {}): Promise<SessionClient> {
    const { url = NO_BROKER, protocolVersion = 4, clean = false, connection, store, ...options } = settings;
    const client = new SessionClient({
      clientId: 'tested',
      maxReconnectDelayMs: 1_000,
      ...options,
      store: store ?? (await this.store()),
      connection: { url, protocolVersion, clean, keepalive: 30, ...connection },
    });
    this.#clients.push(client);
    return client;
  }

  async openClient(settings: ClientSettings = {}): Promise<SessionClient> {
    const client = await this.client(settings);
    await client.open();
    return client;
  }

  async connectedClient(settings: ClientSettings): Promise<SessionClient> {
    const client = await this.openClient(settings);
    await connect(client);
    return client;
  }

  async observer(broker: Mosquitto, filter = '#'): Promise<Observer> {
    const observer = await Observer.start({ port: broker.port, clientId: `observer-${Math.random()}`, filter });
    this.#ends.push(() => observer.stop());
    return observer;
  }

  async proxy(broker: Mosquitto): Promise<MqttProxy> {
    const proxy = await new MqttProxy({ brokerPort: broker.port }).start();
    this.#ends.push(() => proxy.stop());
    return proxy;
  }

  after(end: () => Promise<unknown>): void {
    this.#ends.push(end);
  }
}

/** One Mosquitto for all tests of the calling suite. */
export function mosquitto(options: MosquittoOptions = {}): () => Mosquitto {
  let broker: Mosquitto | undefined;
  before(async () => {
    broker = await Mosquitto.start(options);
  });
  after(() => broker?.remove());
  return () => broker as Mosquitto;
}

export async function connect(client: SessionClient): Promise<void> {
  client.connect();
  await waitFor(() => client.connected, { what: 'a connection', detail: () => JSON.stringify(client.state) });
}

export function message(
  payload: string,
  { topic = 'test', qos = 1 as QoS, ...more }: Partial<Omit<Message, 'payload'>> = {},
): Message {
  return { topic, payload: Buffer.from(payload), qos, retain: false, ...more };
}

/** Payloads `first`, `first + 1`, ... */
export function numbers(count: number, first = 1): string[] {
  return Array.from({ length: count }, (_, index) => String(first + index));
}

export function request(filter: string, qos: QoS = 1) {
  return { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 as const };
}

/** Waits until nothing is queued or in flight. */
export async function drained(client: SessionClient): Promise<void> {
  await waitFor(() => client.stored.count === 0, {
    what: 'an empty queue',
    timeoutMs: 20_000,
    detail: () => JSON.stringify({ stored: client.stored, state: client.state }),
  });
}

/** A disk in memory of which no free space is known, so that only writing can fail. */
export class TestDisk extends MemoryDisk {
  override async space(): Promise<undefined> {
    return undefined;
  }
}

/** Holds back all calls of one operation on journal segments. */
export function holdBack(
  disk: MemoryDisk,
  operation: 'sync' | 'write',
): { waiting: () => number; release: () => void } {
  let release: () => void = () => undefined;
  let waiting = 0;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  disk.onCall = async (_call, called, path) => {
    if (called !== operation || !path.endsWith('.mcpj')) return;
    waiting += 1;
    await released;
  };
  return {
    waiting: () => waiting,
    release: () => {
      disk.onCall = undefined;
      release();
    },
  };
}
