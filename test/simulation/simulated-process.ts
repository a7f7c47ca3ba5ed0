import { SessionClient } from '../../src/client/session-client';
import { TopicAliasWishes } from '../../src/connection/topic-alias-wishes';
import { errorCode, SessionError } from '../../src/errors';
import type { Scheduler } from '../../src/scheduler';
import type { QoS } from '../../src/session/message';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { SyncLimiter } from '../../src/store/sync-limiter';
import type { MemoryDisk } from '../support/memory-disk';
import { AcknowledgingFlow, MANUAL_TOPICS } from './acknowledging-flow';
import { expiryInterval, isRetained } from './fates';
import { isClockSet, mayBeGivenUp } from './given-up';
import { holderFacts } from './holder-facts';
import { messageNumber, numberedPayload } from './message-number';
import type { OrphanHost } from './orphans';
import { ProcessDisk } from './process-disk';
import { CLIENT_ID, type Stage } from './stage';
import { WatchedStore } from './watched-store';

const REOPEN_MS = 500;
/** What an MQTT 5 broker is allowed to set. */
const TOPIC_ALIASES_IN = 3;

export interface ProcessOptions {
  /** Where it sees the disk; no other process ever has the same. */
  mountPoint: string;
  number: number;
  /** Changes with each power cut. */
  boot: number;
  url: string;
  disk: MemoryDisk;
  clockOffsetMs: number;
  /** Acknowledgements that the flow has kept from earlier processes. */
  keptReferences: string[];
  /** A session was opened that is not the one before: deleted, or never made. */
  sessionIsOther: () => void;
}

/** One run of the program, from its start to its end by a kill, a power cut or a clean close: store, client, application. */
export class SimulatedProcess {
  /** The client, once the store is open. */
  client: SessionClient | undefined;
  readonly scheduler: Scheduler;
  #alive = true;
  #store: SessionStore | undefined;
  #open = false;
  #flow: AcknowledgingFlow | undefined;
  /** How often its subscriber was replaced. */
  #deployments = 0;

  constructor(
    private readonly stage: Stage,
    private readonly options: ProcessOptions,
  ) {
    const { time, trace } = stage;
    this.scheduler = time.ofProcess(
      () => this.#alive,
      options.clockOffsetMs,
      () => {
        trace.events += 1;
      },
    );
    void this.#start();
  }

  /** What another session in its store needs; undefined while its own is not open. */
  get orphanHost(): OrphanHost | undefined {
    const { client, scheduler } = this;
    if (!this.isOpen || client === undefined || this.#store === undefined) return undefined;
    return { store: this.#store, client, scheduler, isAlive: () => this.#alive };
  }

  /** Its session is open. */
  get isOpen(): boolean {
    return this.#open && this.#alive;
  }

  /** The end without warning: nothing of it runs again. */
  kill(): void {
    this.#alive = false;
    for (const link of [...this.stage.network.links]) link.cut();
  }

  /** The clean end. */
  async close(): Promise<void> {
    this.#open = false;
    await this.client?.close();
    await this.#store?.close();
    this.#alive = false;
  }

  /** Deletes the session and opens another one, from what `before` leaves in the storage path. */
  async beginAnew(before: (now: number) => void): Promise<void> {
    const { client } = this;
    if (client === undefined || this.#store === undefined) return;
    const { oracle } = this.stage;
    this.#open = false;
    await client.close();
    oracle.deletes();
    await this.#store.delete(CLIENT_ID);
    oracle.deleted(true);
    before(this.scheduler.now());
    await this.#openClient(client);
  }

  /** Gives a message to the client; what becomes of it is told to the oracle. */
  publish(number: number, topic: string, qos: QoS, bytes: number, watched: boolean): void {
    const { fates } = this.stage.character;
    const { oracle, trace, ledger } = this.stage;
    const messageExpiryInterval = expiryInterval(fates, number);
    const properties = messageExpiryInterval === undefined ? {} : { properties: { messageExpiryInterval } };
    this.stage.publishedAt.set(number, this.scheduler.now());
    oracle.published(number, topic, qos);
    trace.events += 1;
    const alive = () => this.#alive;
    const failed = (error: unknown) => {
      if (errorCode(error) === 'ERR_QUEUE_FULL') trace.add('publish rejected: queue full', () => String(number));
      oracle.failed(number);
    };
    try {
      this.client?.enqueue(
        { topic, payload: numberedPayload(number, bytes), qos, retain: isRetained(fates, number), ...properties },
        {
          stored: () => {
            if (!alive()) return;
            trace.count('reported stored');
            ledger.reportedStored(number, qos);
            oracle.stored(number);
          },
          failed: (error) => {
            // Given up later, after it was stored: the `discarded` event tells the oracle.
            const givenUp = errorCode(error)?.startsWith('ERR_MESSAGE_');
            if (!alive()) return;
            if (!givenUp) failed(error);
            else if (isPurged(error)) oracle.givenUp(number, 'purged');
          },
          ...(watched ? { acknowledged: () => alive() && this.#acknowledged(number) } : {}),
        },
        { node: 'simulation', messageId: String(number) },
      );
    } catch (error) {
      failed(error);
    }
  }

  /** Brings the subscriptions in line with what is wanted. */
  subscribe(): void {
    const { client, stage } = this;
    if (client === undefined) return;
    stage.trace.events += 1;
    for (const filter of client.filtersOf('application')) {
      if (!stage.wanted.has(filter)) client.unsubscribe('application', filter);
    }
    for (const [filter, qos] of stage.wanted) {
      client.subscribe(
        'application',
        { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 },
        ({ topic, payload, redelivered, mqttAck }) => {
          if (!this.#alive) return;
          const number = messageNumber(payload);
          const deployment = MANUAL_TOPICS.has(filter) ? this.#deployments : 0;
          stage.oracle.given(number, topic, this.options.number * 1_000_000 + deployment, redelivered);
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
    const { oracle } = this.stage;
    oracle.purges();
    this.client?.purge().then(
      ({ count }) => {
        if (this.#alive) oracle.purged(count);
      },
      () => undefined, // Closed before it was done, or perhaps after.
    );
  }

  replay(): void {
    const { oracle, trace, publishedAt } = this.stage;
    oracle.replays();
    // What is published again may expire by the present clock, which may be behind that of the first time.
    const now = this.scheduler.now();
    for (const [number, since] of publishedAt)
      publishedAt.set(number, isClockSet(since) && isClockSet(now) ? Math.min(since, now) : Math.max(since, now));
    this.client?.replayDeadLetters().then(
      (count) => {
        if (count > 0) trace.count('dead letters replayed');
      },
      () => undefined, // What could not be stored is still a dead letter.
    );
  }

  async throwAway(): Promise<void> {
    const { oracle, trace } = this.stage;
    try {
      const [first] = (await this.client?.deadLetters(0, 1)) ?? [];
      if (first === undefined || !this.#alive) return;
      oracle.givenUp(messageNumber(first.message.payload), 'gone');
      await this.client?.discardDeadLetters([first.id]);
      trace.count('dead letter thrown away');
    } catch (error) {
      trace.note(() => `store error ${error}`);
    }
  }

  #acknowledged(number: number): void {
    this.stage.trace.count('reported acknowledged');
    this.stage.oracle.acknowledged(number);
  }

  async #readDeadLetters(client: SessionClient): Promise<number[]> {
    const numbers: number[] = [];
    for (let after = 0; this.#alive; ) {
      try {
        const page = await client.deadLetters(after, 50);
        if (page.length === 0) break;
        for (const { id, message, reason, failedAt } of page) {
          const number = messageNumber(message.payload);
          numbers.push(number);
          if (!mayBeGivenUp(this.stage, reason, message, failedAt)) {
            this.stage.oracle.violation(`message ${number} is a dead letter: ${reason}`);
          }
          after = id;
        }
      } catch (error) {
        this.stage.trace.note(() => `store error ${error}`);
        await this.#pause();
      }
    }
    return numbers;
  }

  async #start(): Promise<void> {
    const { stage, options, scheduler } = this;
    const { trace, tamper } = stage;
    const disk = new ProcessDisk(options.disk, options.mountPoint, trace, tamper);
    while (this.#store === undefined) {
      try {
        this.#store = await openSessionStore({
          path: `${options.mountPoint}/store`,
          durability: stage.character.settings.durability,
          segmentBytes: stage.character.settings.segmentBytes,
          fileSystem: disk,
          scheduler,
          holderFacts: holderFacts(options.number, options.boot),
          syncLimiter: new SyncLimiter(2),
          onNotice: ({ level, text }) => this.#told(level, text, 'the store reports'),
        });
      } catch (error) {
        trace.note(() => `store error ${error}`);
        await this.#pause();
      }
    }
    const client = this.#makeClient(this.#store);
    this.client = client;
    this.#flow = new AcknowledgingFlow(
      client,
      scheduler,
      stage.random(`flow ${options.number}`),
      stage,
      options.keptReferences,
    );
    await this.#openClient(client);
  }

  async #openClient(client: SessionClient): Promise<void> {
    const opening = client.open();
    this.subscribe();
    client.connect();
    await opening;
    // What an earlier process kept may not have been told any more.
    this.stage.oracle.deadLetters(await this.#readDeadLetters(client));
    this.#open = true;
    this.subscribe(); // What is wanted may have changed meanwhile.
  }

  #makeClient(store: SessionStore): SessionClient {
    const { stage, options, scheduler } = this;
    const { trace, ledger, oracle, damage } = stage;
    const { settings } = stage.character;
    const isVersion5 = settings.protocolVersion === 5;
    const aliases = new TopicAliasWishes();
    aliases.wish('out/0', 1);
    aliases.wish('out/1', 2);
    const watched = new WatchedStore(store, {
      disk: options.disk,
      ledger,
      trace,
      violation: (text) => oracle.violation(text),
      isDamaged: () => damage.isDone,
      leaves: (number) => oracle.leaves(number),
      opened: ({ notices }, isOther) => {
        oracle.reopened((number) => ledger.isStored(number));
        oracle.deleted(isOther);
        if (isOther) options.sessionIsOther();
        if (notices.some(({ text }) => text.includes('was migrated from'))) trace.add('session migrated');
      },
    });
    const client = new SessionClient({
      clientId: CLIENT_ID,
      store: watched,
      connection: {
        url: options.url,
        protocolVersion: settings.protocolVersion,
        clean: settings.clean,
        keepalive: 10,
        ...(isVersion5 ? { properties: { topicAliasMaximum: TOPIC_ALIASES_IN }, topicAliases: aliases } : {}),
      },
      maxInflight: settings.maxInflight,
      maxBytes: settings.maxBytes,
      whenFull: settings.whenFull,
      onSessionLost: settings.onSessionLost,
      maxSendRate: settings.maxSendRate,
      maxReconnectDelayMs: 5_000,
      environment: {
        connect: stage.network.connectFor(() => this.#alive),
        scheduler,
        random: stage.random(`client ${options.number}`).fraction,
      },
    });
    client.on('notice', ({ level, text }) => this.#told(level, text, 'recovery reports'));
    client.on('storeError', (error) => trace.note(() => `store error ${error}`));
    client.on('report', ({ kind }) => {
      if (kind === 'session-adopted') trace.add('session adopted');
      if (kind === 'session-cleared') trace.note(() => 'session cleared at the broker');
    });
    client.on('discarded', ({ message, error }) => {
      const number = messageNumber(message.payload);
      const { reason } = error.details;
      if (reason !== 'purged')
        trace.add(`given up: ${reason}` as Parameters<typeof trace.add>[0], () => String(number));
      // An earlier process may have decided so, by another clock: when it did is judged by its dead letter.
      if (!mayBeGivenUp(stage, reason, message, Number.POSITIVE_INFINITY)) {
        oracle.violation(`message ${number} was given up: ${reason}`);
      }
      oracle.givenUp(number, reason === 'dropped' ? 'dropped' : 'dead');
    });
    return client;
  }

  /** A sentence of the store or of recovery. */
  #told(level: 'info' | 'warn' | 'error', sentence: string, who: string): void {
    // The same for each process, and in each run.
    const text = sentence.replaceAll(this.options.mountPoint, '');
    const { damage, ledger, sites, oracle } = this.stage;
    if (damage.told(level, text)) {
      ledger.distrust();
      for (const { rules } of sites) rules.turnOff();
    } else if (level === 'error' && (who === 'recovery reports' || text.includes('damaged'))) {
      oracle.violation(`${who}: ${text}`);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.scheduler.after(REOPEN_MS, resolve));
  }
}

function isPurged(error: Error): boolean {
  return error instanceof SessionError && error.details.reason === 'purged';
}
