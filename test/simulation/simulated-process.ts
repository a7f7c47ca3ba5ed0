import { SessionClient } from '../../src/client/session-client';
import { errorCode, SessionError } from '../../src/errors';
import type { QoS } from '../../src/session/message';
import type { HolderFacts } from '../../src/store/holder-identity';
import type { Durability } from '../../src/store/journal/journal';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { SyncLimiter } from '../../src/store/sync-limiter';
import type { MemoryDisk } from '../support/memory-disk';
import { AcknowledgingFlow, MANUAL_TOPICS } from './acknowledging-flow';
import { expiryInterval, type Fates, isPoison, isRefused } from './fates';
import { messageNumber, numberedPayload } from './message-number';
import type { Network } from './network';
import type { Oracle } from './oracle';
import type { OrphanHost } from './orphans';
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
  maxSendRate: number;
  fates: Fates;
}

export interface World {
  time: VirtualTime;
  disk: MemoryDisk;
  network: Network;
  oracle: Oracle;
  trace: Trace;
  /** Filters the application wants, with their QoS. */
  wanted: ReadonlyMap<string, QoS>;
  isTroubled: () => boolean;
}

/** One run of the program, from its start to its end by a kill, a power cut or a clean close: store, client, application. */
export class SimulatedProcess {
  /** The client, once the store is open. */
  client: SessionClient | undefined;
  #alive = true;
  #store: SessionStore | undefined;
  #open = false;
  readonly #publishedAt = new Map<number, number>();
  #flow: AcknowledgingFlow | undefined;
  /** How often its subscriber was replaced. */
  #deployments = 0;

  constructor(
    private readonly world: World,
    readonly options: ProcessOptions,
  ) {
    void this.#start();
  }

  /** What another session in its store needs; undefined while its own is not open. */
  get orphanHost(): OrphanHost | undefined {
    const { client } = this;
    if (!this.isOpen || client === undefined || this.#store === undefined) return undefined;
    const isAlive = (): boolean => this.#alive;
    return { store: this.#store, client, scheduler: this.world.time.whileAlive(isAlive), isAlive };
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
    const messageExpiryInterval = expiryInterval(this.options.fates, number);
    const properties = messageExpiryInterval === undefined ? {} : { properties: { messageExpiryInterval } };
    this.#publishedAt.set(number, this.world.time.now());
    const { oracle } = this.world;
    oracle.published(number, topic, qos);
    const alive = () => this.#alive;
    try {
      this.client?.enqueue(
        { topic, payload: numberedPayload(number, bytes), qos, retain: false, ...properties },
        {
          stored: () => alive() && oracle.stored(number),
          failed: (error) => {
            // Given up later, after it was stored: the `discarded` event tells the oracle.
            const givenUp = errorCode(error)?.startsWith('ERR_MESSAGE_');
            if (!alive()) return;
            if (!givenUp) oracle.failed(number);
            else if (isPurged(error)) oracle.givenUp(number, 'purged');
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
        ({ payload, redelivered, mqttAck }) => {
          if (!this.#alive) return;
          const number = messageNumber(payload);
          const deployment = MANUAL_TOPICS.has(filter) ? this.#deployments : 0;
          this.world.oracle.given(number, this.options.number * 1_000_000 + deployment, redelivered);
          if (mqttAck !== undefined) this.#flow?.given(number, mqttAck);
        },
        { acknowledge: MANUAL_TOPICS.has(filter) ? 'manual' : 'auto' },
      );
    }
    client.reconcile(() => 'remove');
  }

  /** Its subscriber is replaced by a new one, as in a deploy. */
  redeploy(): void {
    this.client?.hold();
    this.client?.leave('application');
    this.#deployments += 1;
    this.subscribe();
    this.client?.release();
  }

  /** The numbers of all dead letters. */
  async deadLetters(): Promise<number[]> {
    return this.client === undefined ? [] : this.#readDeadLetters(this.client);
  }

  purge(): void {
    const { oracle } = this.world;
    oracle.purges();
    this.client?.purge().then(
      ({ count }) => {
        if (this.#alive) oracle.purged(count);
      },
      () => undefined, // Closed before it was done, or perhaps after.
    );
  }

  replay(): void {
    this.world.oracle.replays();
    // What could not be stored is still a dead letter.
    this.client?.replayDeadLetters().catch(() => undefined);
  }

  async throwAway(): Promise<void> {
    try {
      const [first] = (await this.client?.deadLetters(0, 1)) ?? [];
      if (first === undefined || !this.#alive) return;
      this.world.oracle.givenUp(messageNumber(first.message.payload), 'gone');
      await this.client?.discardDeadLetters([first.id]);
    } catch (error) {
      this.world.trace.add('store error', () => String(error));
    }
  }

  async #readDeadLetters(client: SessionClient): Promise<number[]> {
    const numbers: number[] = [];
    for (let after = 0; this.#alive; ) {
      try {
        const page = await client.deadLetters(after, 50);
        if (page.length === 0) break;
        for (const { id, message, reason } of page) {
          const number = messageNumber(message.payload);
          numbers.push(number);
          if (!this.#mayBeGivenUp(reason, message)) {
            this.world.oracle.violation(`message ${number} is a dead letter: ${reason}`);
          }
          after = id;
        }
      } catch (error) {
        this.world.trace.add('store error', () => String(error));
        await new Promise<void>((resolve) => this.world.time.after(REOPEN_MS, resolve));
      }
    }
    return numbers;
  }

  /** Whether the episode allows it. */
  #mayBeGivenUp(reason: unknown, { payload }: { payload: Buffer }): boolean {
    const { fates, onSessionLost, whenFull } = this.options;
    const number = messageNumber(payload);
    switch (reason) {
      case 'dropped':
        return whenFull === 'dropOldest';
      case 'session-lost':
        return onSessionLost === 'discard';
      case 'refused':
        return isRefused(fates, number);
      case 'poisoned':
        return isPoison(fates, number);
      case 'packet-too-large':
        return fates.maximumPacketSize > 0 && payload.length > fates.maximumPacketSize - 100;
      case 'expired':
        return this.#isExpired(number);
      default:
        return false;
    }
  }

  #isExpired(number: number): boolean {
    const interval = expiryInterval(this.options.fates, number);
    const since = this.#publishedAt.get(number);
    // Published by an earlier process: when is not known here.
    return interval !== undefined && (since === undefined || this.world.time.now() - since >= interval * 1000);
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
      maxSendRate: options.maxSendRate,
      maxReconnectDelayMs: 5_000,
      environment: {
        connect: world.network.connectFor(isAlive),
        scheduler,
        random: world.network.random.fraction,
      },
    });
    this.client = client;
    const { network, trace } = world;
    this.#flow = new AcknowledgingFlow(client, scheduler, network.random, oracle, trace, world.isTroubled);
    client.on('notice', ({ level, text }) => {
      if (level === 'error') oracle.violation(`recovery reports: ${text}`);
    });
    client.on('storeError', (error) => world.trace.add('store error', () => String(error)));
    client.on('discarded', ({ message, error }) => {
      const number = messageNumber(message.payload);
      const { reason } = error.details;
      world.trace.add(`given up: ${reason}`, () => String(number));
      if (!this.#mayBeGivenUp(reason, message)) oracle.violation(`message ${number} was given up: ${reason}`);
      oracle.givenUp(number, reason === 'dropped' ? 'dropped' : 'dead');
    });
    const opening = client.open();
    this.subscribe();
    client.connect();
    await opening;
    // What an earlier process kept may not have been told any more.
    oracle.deadLetters(await this.#readDeadLetters(client));
    this.#open = true;
    this.subscribe(); // What is wanted may have changed meanwhile.
  }
}

function isPurged(error: Error): boolean {
  return error instanceof SessionError && error.details.reason === 'purged';
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
