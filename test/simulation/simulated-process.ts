import { SessionClient } from '../../src/client/session-client';
import { errorCode } from '../../src/errors';
import type { QoS } from '../../src/session/message';
import type { HolderFacts } from '../../src/store/holder-identity';
import type { Durability } from '../../src/store/journal/journal';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { SyncLimiter } from '../../src/store/sync-limiter';
import type { MemoryDisk } from '../support/memory-disk';
import { messageNumber, numberedPayload } from './message-number';
import type { Network } from './network';
import type { Oracle } from './oracle';
import { ProcessDisk } from './process-disk';
import type { Trace } from './trace';
import type { VirtualTime } from './virtual-time';

const CLIENT_ID = 'simulated';
const REOPEN_MS = 500;

export interface ProcessOptions {
  /** Where it sees the disk; no other process ever has the same. */
  mountPoint: string;
  number: number;
  /** Changes with each power cut. */
  boot: number;
  url: string;
  protocolVersion: 3 | 4 | 5;
  clean: boolean;
  durability: Durability;
  segmentBytes: number;
  maxInflight: number;
  maxBytes: number;
  whenFull: 'reject' | 'dropOldest';
  onSessionLost: 'republish' | 'discard';
}

export interface World {
  time: VirtualTime;
  disk: MemoryDisk;
  network: Network;
  oracle: Oracle;
  trace: Trace;
  /** Filters the application wants, with their QoS. */
  wanted: ReadonlyMap<string, QoS>;
}

/** One run of the program, from its start to its end by a kill, a power cut or a clean close: store, client, application. */
export class SimulatedProcess {
  /** The client, once the store is open. */
  client: SessionClient | undefined;
  #alive = true;
  #store: SessionStore | undefined;
  #open = false;

  constructor(
    private readonly world: World,
    readonly options: ProcessOptions,
  ) {
    void this.#start();
  }

  /** Its session is open. */
  get isOpen(): boolean {
    return this.#open && this.#alive;
  }

  /** The end without warning: nothing of it runs again. */
  kill(): void {
    this.#alive = false;
    for (const link of [...this.world.network.links]) link.cut();
  }

  /** The clean end. */
  async close(): Promise<void> {
    this.#open = false;
    await this.client?.close();
    await this.#store?.close();
    this.#alive = false;
  }

  /** @returns whether the application's message was taken (its fate is reported to the oracle). */
  publish(number: number, topic: string, qos: QoS, bytes: number, watched: boolean): void {
    const { oracle } = this.world;
    oracle.published(number, topic, qos);
    const alive = () => this.#alive;
    try {
      this.client?.enqueue(
        { topic, payload: numberedPayload(number, bytes), qos, retain: false },
        {
          stored: () => alive() && oracle.stored(number),
          failed: (error) => {
            // Given up later, after it was stored: the `discarded` event tells the oracle.
            const givenUp = errorCode(error)?.startsWith('ERR_MESSAGE_');
            if (alive() && !givenUp) oracle.failed(number);
          },
          ...(watched ? { acknowledged: () => alive() && oracle.acknowledged(number) } : {}),
        },
        { node: 'simulation', messageId: String(number) },
      );
    } catch {
      oracle.failed(number);
    }
  }

  /** Brings the subscriptions in line with what is wanted. */
  subscribe(): void {
    const { client } = this;
    if (client === undefined) return;
    for (const filter of client.filtersOf('application')) {
      if (!this.world.wanted.has(filter)) client.unsubscribe('application', filter);
    }
    for (const [filter, qos] of this.world.wanted) {
      client.subscribe(
        'application',
        { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 },
        ({ payload, redelivered }) => {
          if (this.#alive) this.world.oracle.given(messageNumber(payload), this.options.number, redelivered);
        },
      );
    }
    client.reconcile(() => 'remove');
  }

  async #start(): Promise<void> {
    const { world, options } = this;
    const { time, oracle } = world;
    const isAlive = () => this.#alive;
    const scheduler = time.whileAlive(isAlive);
    const { mountPoint } = options;
    while (this.#store === undefined) {
      try {
        this.#store = await openSessionStore({
          path: `${mountPoint}/store`,
          durability: options.durability,
          segmentBytes: options.segmentBytes,
          fileSystem: new ProcessDisk(world.disk, mountPoint),
          scheduler,
          holderFacts: holderFacts(options.number, options.boot),
          syncLimiter: new SyncLimiter(2),
          onNotice: ({ level, text }) => {
            if (level === 'error' && text.includes('damaged')) oracle.violation(`the store reports: ${text}`);
          },
        });
      } catch (error) {
        world.trace.add('store error', () => String(error));
        await new Promise<void>((resolve) => scheduler.after(REOPEN_MS, resolve));
      }
    }
    const client = new SessionClient({
      clientId: CLIENT_ID,
      store: this.#store,
      connection: {
        url: options.url,
        protocolVersion: options.protocolVersion,
        clean: options.clean,
        keepalive: 60,
      },
      maxInflight: options.maxInflight,
      maxBytes: options.maxBytes,
      whenFull: options.whenFull,
      onSessionLost: options.onSessionLost,
      maxReconnectDelayMs: 5_000,
      environment: {
        connect: world.network.connectFor(isAlive),
        scheduler,
        random: world.network.random.fraction,
      },
    });
    this.client = client;
    client.on('notice', ({ level, text }) => {
      if (level === 'error') oracle.violation(`recovery reports: ${text}`);
    });
    client.on('storeError', (error) => world.trace.add('store error', () => String(error)));
    client.on('discarded', ({ message, error }) => {
      const allowed =
        (error.code === 'ERR_MESSAGE_DROPPED' && options.whenFull === 'dropOldest') ||
        (error.code === 'ERR_MESSAGE_DISCARDED' && options.onSessionLost === 'discard') ||
        error.code === 'ERR_MESSAGE_REFUSED';
      const number = messageNumber(message.payload);
      if (!allowed) oracle.violation(`message ${number} was given up: ${error.code}`);
      if (error.code !== 'ERR_MESSAGE_REFUSED') oracle.givenUp(number);
    });
    const opening = client.open();
    this.subscribe();
    client.connect();
    await opening;
    this.#open = true;
    this.subscribe(); // What is wanted may have changed meanwhile.
  }
}

/** Facts of a machine on which only the newest process lives. */
function holderFacts(number: number, boot: number): HolderFacts {
  return {
    self: async () => ({
      host: 'simulated',
      bootId: `boot-${boot}`,
      pidNamespace: '',
      pid: number,
      processStart: String(number),
    }),
    isFirstNamespace: () => true,
    process: async (pid) => (pid === number ? { start: String(pid) } : undefined),
    isNamespaceInUse: async () => true,
  };
}
