import type { SessionClientOptions } from '../../src/client/options';
import { SessionClient } from '../../src/client/session-client';
import { errorCode } from '../../src/errors';
import type { Message, QoS } from '../../src/session/message';
import type { OutboundPacket } from '../../src/session/packets';
import type { Scheduler } from '../../src/store/scheduler';
import { openSessionStore, type SessionStore } from '../../src/store/session-store';
import { SyncLimiter } from '../../src/store/sync-limiter';
import { messageNumber, numberedPayload } from '../simulation/message-number';
import { VirtualTime } from '../simulation/virtual-time';
import { factsOf, machine } from '../store/support';
import { Ledger } from './ledger';
import type { RecordingDisk } from './recording-disk';
import { ScriptedBroker } from './scripted-broker';

export const START = Date.UTC(2026, 0, 1);
/** What does not end within this time hangs. */
const HANG_MS = 10 * 60_000;

let processes = 0;

export interface StageOptions {
  segmentBytes?: number;
  /** Where the clock stands. */
  now?: number;
  protocolVersion?: 4 | 5;
  client?: Partial<SessionClientOptions>;
}

/** Errors that something was told, and what it was. */
export interface Told {
  what: string;
  error: Error;
}

/** The library on a disk, driven step by step: nothing happens between two calls of it. */
export class Stage {
  readonly time: VirtualTime;
  readonly ledger: Ledger;
  /** Errors that were reported. Without faults there are none. */
  readonly told: Told[] = [];
  /** What must never happen, faults or not. */
  readonly broken: string[] = [];
  /** What recovery and the store had to say. */
  readonly notices: { level: string; text: string }[] = [];
  /** Called when something takes longer than it does without faults. */
  onImpatience: () => void = () => undefined;
  #delivered: number[] = [];

  constructor(
    readonly disk: RecordingDisk,
    readonly options: StageOptions = {},
  ) {
    this.time = new VirtualTime(options.now ?? START);
    this.ledger = new Ledger(() => disk.log.length);
  }

  /** Numbers of inbound messages that were handed to a subscriber. */
  get delivered(): readonly number[] {
    return this.#delivered;
  }

  /** A process that has just started: its store is open. */
  async start(): Promise<LibraryProcess> {
    const life = { isAlive: true };
    const scheduler = whileAlive(this.time, life);
    const store = await this.must('opening the store', () => this.#openStore(scheduler));
    return new LibraryProcess(this, store, scheduler, life);
  }

  /** Lets time pass until `work` is done. @throws its error; an error when it hangs. */
  async drive<T>(what: string, work: Promise<T>): Promise<T> {
    let isDone = false;
    const end = () => {
      isDone = true;
    };
    work.then(end, end);
    const since = this.time.now();
    let impatient = false;
    for (;;) {
      await turn();
      if (isDone) return work;
      const waited = this.time.now() - since;
      if (waited > HANG_MS || !this.time.step()) throw new Error(`${what} hangs`);
      if (waited > 20_000 && !impatient) {
        impatient = true;
        this.onImpatience();
      }
    }
  }

  /** Lets time pass until `condition` holds. */
  until(what: string, condition: () => boolean): Promise<void> {
    const check = async (): Promise<void> => {
      while (!condition()) await this.pause(5);
    };
    return this.drive(what, check());
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.time.after(ms, resolve));
  }

  /** Does `work`; when it fails, again and again, until it succeeds. */
  async must<T>(what: string, work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.drive(what, work());
      } catch (error) {
        this.tell(what, error as Error);
        if (attempt === 3) this.onImpatience();
        if (attempt === 20) throw new Error(`${what} never succeeds`, { cause: error });
        await this.drive('waiting', this.pause(1_000));
      }
    }
  }

  /** Does `work`, which may fail. */
  async may<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.drive(what, work());
    } catch (error) {
      this.tell(what, error as Error);
      return undefined;
    }
  }

  tell(what: string, error: Error): void {
    this.told.push({ what, error });
  }

  /** An inbound message was handed over. */
  handedOver(number: number): void {
    this.#delivered.push(number);
  }

  #openStore(scheduler: Scheduler): Promise<SessionStore> {
    const pid = ++processes;
    return openSessionStore({
      path: `/${pid}/store`,
      fileSystem: this.disk,
      scheduler,
      syncLimiter: new SyncLimiter(2),
      // Whoever held a lock is dead.
      holderFacts: factsOf({ ...machine, pid }, { [pid]: machine.processStart }),
      closeWaitMs: 0,
      onNotice: ({ level, text }) => this.notices.push({ level, text }),
      ...(this.options.segmentBytes === undefined ? {} : { segmentBytes: this.options.segmentBytes }),
    });
  }
}

/** One run of a program with the library: a store, and clients on it. */
export class LibraryProcess {
  constructor(
    readonly stage: Stage,
    readonly store: SessionStore,
    readonly scheduler: Scheduler,
    private readonly life: { isAlive: boolean },
  ) {}

  /** The end without warning, while nothing is under way: what is on the disk stays. */
  kill(): void {
    this.life.isAlive = false;
    const { openFiles } = this.stage.disk;
    for (const file of openFiles) if (file.path.startsWith(this.store.path)) openFiles.delete(file);
  }

  /** A client whose session is open. */
  async open(clientId = 'plant', more: Partial<SessionClientOptions> = {}): Promise<TestedClient> {
    const client = this.prepare(clientId, more);
    await client.open();
    return client;
  }

  prepare(clientId = 'plant', more: Partial<SessionClientOptions> = {}): TestedClient {
    return new TestedClient(this, clientId, more);
  }

  /** Resolves when all is closed. */
  async close(): Promise<void> {
    await this.stage.must('closing the store', () => this.store.close());
  }
}

/** A client with its broker; all that the two see goes into the ledger. */
export class TestedClient {
  readonly client: SessionClient;
  readonly broker: ScriptedBroker;
  readonly #stage: Stage;
  /** By identifier, what is open at the broker. */
  readonly #sentAs = new Map<number, number>();

  constructor(
    process: LibraryProcess,
    readonly clientId: string,
    more: Partial<SessionClientOptions>,
  ) {
    const { stage } = process;
    this.#stage = stage;
    this.broker = new ScriptedBroker(process.scheduler);
    this.client = new SessionClient({
      clientId,
      store: process.store,
      connection: {
        url: 'mqtt://broker:1883',
        protocolVersion: stage.options.protocolVersion ?? 4,
        clean: false,
        keepalive: 30,
      },
      environment: { connect: this.broker.connect, scheduler: process.scheduler, random: () => 0.5 },
      ...stage.options.client,
      ...more,
    });
    this.broker.onReceived = (packet) => this.#received(packet);
    this.broker.onSending = (packet) => {
      const number = packet.messageId === undefined ? undefined : this.#sentAs.get(packet.messageId);
      if (packet.cmd === 'publish' && packet.qos === 2) stage.ledger.inbound(packet.messageId ?? 0, 'arrived');
      if (packet.cmd === 'pubrel') stage.ledger.inbound(packet.messageId, 'releasing');
      if (packet.cmd !== 'puback' && packet.cmd !== 'pubcomp') return;
      if (number !== undefined) stage.ledger.message(number, { acknowledged: true });
      this.#sentAs.delete(packet.messageId);
    };
    this.client.on('storeError', (error) => stage.tell('the session', error));
    this.client.on('notice', (notice) => stage.notices.push(notice));
    this.client.on('discarded', ({ message, error }) => {
      const number = messageNumber(message.payload);
      if (error.details.reason !== 'dropped') stage.ledger.message(number, { dead: true });
    });
    this.client.on('callbackError', (error) => stage.broken.push(`a callback threw: ${error.stack}`));
  }

  async open(): Promise<void> {
    await this.#stage.drive(`opening "${this.clientId}"`, this.client.open());
  }

  /** Connects, and waits until CONNACK has come. */
  async connect(): Promise<void> {
    this.#stage.ledger.connected();
    this.client.connect();
    await this.#stage.until('connecting', () => this.client.connected);
    this.broker.sessionPresent = true;
  }

  /** Begins to publish; the ledger hears of the outcome. */
  publish(number: number, qos: QoS, bytes = 60, properties?: Message['properties']): void {
    const { ledger } = this.#stage;
    ledger.published(number, qos);
    const message = { topic: `topic/${qos}`, payload: numberedPayload(number, bytes), qos, retain: false };
    const failed = (error: Error) => {
      if (errorCode(error)?.startsWith('ERR_MESSAGE_')) return;
      ledger.message(number, { failed: true });
      this.#stage.tell(`publishing ${number}`, error);
    };
    try {
      this.client.enqueue(properties === undefined ? message : { ...message, properties }, {
        stored: () => ledger.message(number, { stored: true }),
        failed,
      });
    } catch (error) {
      failed(error as Error);
    }
  }

  /** Waits until everything published is reported. */
  async settled(): Promise<void> {
    const { fates } = this.#stage.ledger.present;
    const isSettled = (number: number) => {
      const fate = this.#stage.ledger.present.fates.get(number);
      return fate === undefined || fate.stored || fate.failed;
    };
    const numbers = [...fates.keys()];
    await this.#stage.until('storing', () => numbers.every(isSettled));
  }

  /** Publishes and waits. */
  async stored(number: number, qos: QoS, bytes?: number, properties?: Message['properties']): Promise<void> {
    this.publish(number, qos, bytes, properties);
    await this.settled();
  }

  subscribe(filter: string, qos: QoS, acknowledge: 'auto' | 'manual' = 'auto'): void {
    this.client.subscribe(
      'application',
      { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 },
      ({ payload, mqttAck }) => {
        this.#stage.handedOver(messageNumber(payload));
        if (mqttAck !== undefined) this.references.push(mqttAck);
      },
      { acknowledge },
    );
  }

  /** What came as `mqttAck`. */
  readonly references: Parameters<SessionClient['acknowledge']>[0][] = [];

  /** A message from the broker. */
  inbound(number: number, qos: QoS, messageId: number, dup = false): void {
    const payload = numberedPayload(number, 40);
    this.broker.send({ cmd: 'publish', topic: `in/${qos}`, payload, qos, retain: false, dup, messageId });
  }

  /** Waits until nothing is stored any more. */
  async drained(): Promise<void> {
    await this.#stage.until(`draining "${this.clientId}"`, () => this.client.stored.count === 0);
  }

  /** Lets everything that is under way happen. */
  async quiet(ms = 50): Promise<void> {
    await this.#stage.drive('a pause', this.#stage.pause(ms));
  }

  async close(): Promise<void> {
    await this.#stage.may(`closing "${this.clientId}"`, () => this.client.close());
  }

  #received(packet: OutboundPacket): void {
    const { ledger } = this.#stage;
    switch (packet.cmd) {
      case 'publish': {
        const number = messageNumber(packet.payload);
        if (packet.qos === 0) ledger.message(number, { removed: true });
        else if (ledger.present.fates.has(number)) {
          ledger.message(number, { sentAs: packet.messageId });
          this.#sentAs.set(packet.messageId ?? 0, number);
        }
        return;
      }
      case 'pubrel': {
        const number = this.#sentAs.get(packet.messageId);
        if (number !== undefined) ledger.message(number, { released: true });
        return;
      }
      case 'pubrec':
        ledger.inbound(packet.messageId, 'held');
        return;
      case 'pubcomp':
        ledger.inbound(packet.messageId, 'completed');
        return;
      case 'subscribe':
        for (const { topic } of packet.subscriptions) ledger.subscribed(topic);
        return;
      default:
    }
  }
}

export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A process's scheduler: its tasks die with it. */
function whileAlive(time: VirtualTime, life: { isAlive: boolean }): Scheduler {
  return {
    now: () => time.now(),
    after: (delayMs, task) =>
      time.after(delayMs, () => {
        if (life.isAlive) task();
      }),
  };
}
