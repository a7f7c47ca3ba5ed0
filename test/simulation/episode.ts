import type { QoS } from '../../src/session/message';
import { MemoryDisk } from '../support/memory-disk';
import { RuleChecker } from '../support/rules';
import { mayFail } from './fates';
import { numberedPayload } from './message-number';
import { ModelBroker } from './model-broker';
import { Network, type Site } from './network';
import { Oracle } from './oracle';
import { Orphans } from './orphans';
import { Random } from './random';
import { type ProcessOptions, SimulatedProcess, type World } from './simulated-process';
import { Trace } from './trace';
import { VirtualTime } from './virtual-time';

const START = Date.UTC(2026, 0, 1);
/** With all faults over, everything is delivered within this time, or something hangs. */
const DRAIN_MS_MAX = 45 * 60_000;
/** Dead letters of an episode do not take more. */
const DEAD_LETTER_BYTES_MAX = 100_000_000;
const INBOUND_TOPICS = ['in/0', 'in/1', 'in/2', 'in/3'];

export interface EpisodeResult {
  steps: number;
  crashes: number;
  powerCuts: number;
  milliseconds: number;
  kinds: Record<string, number>;
  violations: string[];
  trace: string[];
}

/** What an episode is like; drawn from its seed. */
interface Character {
  process: Omit<ProcessOptions, 'mountPoint' | 'number' | 'boot' | 'url'>;
  troubledMs: number;
  /** Mean pause between two publishes of the application, and of the broker's other clients. */
  publishPauseMs: number;
  inboundPauseMs: number;
  burst: number;
  bytesMax: number;
  /** Mean pause between two faults. */
  faultPauseMs: number;
  faults: readonly Fault[];
  diskLatencyMsMax: number;
  /** The session moves between two brokers. */
  moves: boolean;
}

type Fault =
  | 'cut'
  | 'silence'
  | 'outage'
  | 'congestion'
  | 'broker restart'
  | 'session loss'
  | 'kill'
  | 'power cut'
  | 'close'
  | 'write error'
  | 'sync error'
  | 'read error'
  | 'disk full'
  | 'hold'
  | 'pause'
  | 'snapshot'
  | 'resubscribe'
  | 'purge'
  | 'replay'
  | 'throw away'
  | 'redeploy'
  | 'orphan'
  | 'adopt';

const ALWAYS_POSSIBLE: readonly Fault[] = [
  'cut',
  'cut',
  'silence',
  'outage',
  'congestion',
  'broker restart',
  'kill',
  'kill',
  'close',
  'hold',
  'pause',
  'snapshot',
  'resubscribe',
  'redeploy',
  'redeploy',
  'redeploy',
];
const DISK_FAULTS: readonly Fault[] = ['write error', 'sync error', 'read error', 'disk full'];

/**
 * One life of a session in trouble, and its end in peace: an application that publishes and is published to, faults of
 * network, broker, disk and process for a while, then none, until everything is delivered.
 */
export class Episode {
  readonly #random: Random;
  readonly #trace = new Trace();
  readonly #wanted = new Map<string, QoS>();
  // In an adopted session all identifiers are cleared, which delivers what is held under them.
  readonly #oracle = new Oracle(this.#wanted, () => this.#character.moves);
  readonly #orphans = new Orphans(this.#oracle, this.#trace);
  readonly #time = new VirtualTime(START);
  #disk: MemoryDisk;
  /** Calls to disks that a crash has replaced. */
  #earlierCalls = 0;
  readonly #network: Network;
  readonly #sites: Site[];
  readonly #world: World;
  readonly #character: Character;
  #process: SimulatedProcess | undefined;
  #site: Site;
  #processes = 0;
  #boots = 0;
  #messages = 0;
  #crashes = 0;
  #powerCuts = 0;
  #events = 0;
  #troubled = true;
  #restarting = false;

  constructor(private readonly seed: number) {
    const random = new Random(seed);
    this.#random = random;
    this.#character = drawCharacter(random);
    this.#disk = new MemoryDisk(seed);
    const sites = ['mqtt://one:1883', 'mqtt://two:1883'].map((url) => this.#makeSite(url));
    this.#sites = sites;
    this.#site = sites[0]!;
    this.#network = new Network(this.#time, random, this.#trace, new Map(sites.map((site) => [site.url, site])));
    this.#world = {
      time: this.#time,
      disk: this.#disk,
      network: this.#network,
      oracle: this.#oracle,
      trace: this.#trace,
      wanted: this.#wanted,
      isTroubled: () => this.#troubled,
    };
  }

  async run(): Promise<EpisodeResult> {
    const { troubledMs, diskLatencyMsMax } = this.#character;
    for (const topic of INBOUND_TOPICS) this.#wanted.set(topic, this.#random.between(0, 2) as QoS);
    this.#disk.onCall = (_call, operation, path) => {
      this.#trace.add('disk', () => `${operation} ${path}`);
      if (diskLatencyMsMax === 0 || !this.#random.chance(0.3)) return undefined;
      return new Promise((resolve) => this.#time.after(this.#random.between(0, diskLatencyMsMax), resolve));
    };
    // Either would end the whole of Node-RED.
    const unhandled = (reason: unknown) => this.#oracle.violation(`nobody handled: ${describe(reason)}`);
    process.on('unhandledRejection', unhandled);
    process.on('uncaughtException', unhandled);
    this.#startProcess();
    this.#repeat(this.#character.publishPauseMs, () => this.#publish());
    this.#repeat(this.#character.inboundPauseMs, () => this.#publishInbound());
    this.#repeat(this.#character.faultPauseMs, () => this.#fault(this.#random.pick(this.#character.faults)));
    this.#time.after(troubledMs, () => this.#endTrouble());
    const deadline = START + troubledMs + DRAIN_MS_MAX;
    while (this.#oracle.violations.length === 0) {
      if (!this.#time.step()) throw new Error('nothing is going to happen any more');
      this.#events += 1;
      await turn();
      this.#check();
      if (this.#troubled) continue;
      if (this.#isSettled()) {
        await this.#checkAtEnd();
        break;
      }
      if (this.#time.now() > deadline) {
        this.#oracle.violation(`not settled after ${DRAIN_MS_MAX / 60_000} min without faults: ${this.#unsettled()}`);
      }
    }
    this.#process?.kill();
    process.off('unhandledRejection', unhandled);
    process.off('uncaughtException', unhandled);
    return {
      steps: this.#events + this.#earlierCalls + this.#disk.calls + this.#network.packets,
      crashes: this.#crashes,
      powerCuts: this.#powerCuts,
      milliseconds: this.#time.now() - START,
      kinds: this.#trace.kinds,
      violations: this.#oracle.violations,
      trace: this.#oracle.violations.length === 0 ? [] : [JSON.stringify(this.#character), ...this.#trace.last()],
    };
  }

  // What happens.

  #makeSite(url: string): Site {
    const random = this.#random;
    const broker = new ModelBroker(url, this.#time, random, this.#trace, this.#oracle, {
      receiveMaximum: random.pick([1, 3, 20, 65_535]),
      // A limit that identifiers of an earlier stay use up cannot be lived with: nothing tells which to clear.
      openQoS2Max: this.#character.moves ? 0 : random.pick([0, 0, 20, 5]),
      onward: random.pick(['publish', 'pubrel']),
      answerDelayMsMax: random.pick([0, 5, 50, 400]),
      fates: this.#character.process.fates,
      maximumPacketSize: this.#maximumPacketSize(),
      // In an adopted session all identifiers are cleared, which delivers what is held under them.
      holdsPoison: !this.#character.moves && random.chance(0.5),
      window: random.pick([1, 5, 20]),
    });
    return { url, broker, rules: new RuleChecker({ maxDeliveries: 0, maxNotes: 50 }) };
  }

  #maximumPacketSize(): number | undefined {
    const { maximumPacketSize } = this.#character.process.fates;
    return maximumPacketSize === 0 ? undefined : this.#random.pick([maximumPacketSize, maximumPacketSize * 2]);
  }

  /** While there is trouble, at random intervals. */
  #repeat(pauseMs: number, task: () => void): void {
    this.#time.after(this.#random.between(0, 2 * pauseMs), () => {
      if (!this.#troubled) return;
      task();
      this.#repeat(pauseMs, task);
    });
  }

  #publish(): void {
    const process = this.#process;
    if (process?.client === undefined) return;
    const { burst, bytesMax } = this.#character;
    for (let count = this.#random.between(1, burst); count > 0; count--) {
      const number = ++this.#messages;
      const qos = this.#random.pick([0, 1, 1, 2, 2] as const);
      const bytes = this.#random.chance(0.1) ? this.#random.between(0, bytesMax) : 20;
      this.#trace.add('publish', () => `${number} q${qos}`);
      process.publish(number, `out/${this.#random.between(0, 2)}`, qos, bytes, this.#random.chance(0.2));
    }
  }

  /** A topic of their own: they arrive in their order, but later than what was published after them. */
  #publishToOrphan(): void {
    const host = this.#process?.orphanHost;
    if (host === undefined) return;
    const topic = `orphan/${this.#messages + 1}`;
    const messages = Array.from({ length: this.#random.between(1, 20) }, () => {
      const number = ++this.#messages;
      const payload = numberedPayload(number, this.#random.between(20, 300));
      return { number, message: { topic, payload, qos: this.#random.pick([1, 2] as const), retain: false } };
    });
    void this.#orphans.publish(host, messages);
  }

  /** After so many calls to the disk: timers alone would hit the middle of nothing that the disk does at once. */
  #crashSoon(): void {
    if (this.#process === undefined || this.#restarting || this.#orphans.isSettled) return;
    const disk = this.#disk;
    const kind = this.#character.faults.includes('power cut')
      ? this.#random.pick(['kill', 'power cut'] as const)
      : 'kill';
    void disk.stopAt(this.#random.between(1, 120)).then(() => {
      if (disk !== this.#disk) return;
      // A close under way will never end.
      this.#restarting = false;
      this.#crash(kind);
    });
  }

  #adopt(): void {
    const host = this.#process?.orphanHost;
    if (host !== undefined) void this.#orphans.adopt(host);
  }

  #publishInbound(): void {
    for (let count = this.#random.between(1, this.#character.burst); count > 0; count--) {
      const qos = this.#random.between(0, 2) as QoS;
      this.#site.broker.publish(++this.#messages, this.#random.pick(INBOUND_TOPICS), qos);
    }
  }

  #fault(fault: Fault): void {
    this.#trace.add(fault);
    const random = this.#random;
    const link = [...this.#network.links].at(-1);
    switch (fault) {
      case 'cut':
        link?.cut();
        return;
      case 'silence':
        link?.fallSilent();
        return;
      case 'congestion':
        link?.congest(random.between(1, 3_000));
        return;
      case 'outage':
        this.#network.reachable = false;
        link?.cut();
        this.#time.after(random.between(100, 30_000), () => {
          this.#network.reachable = true;
        });
        return;
      case 'broker restart':
        this.#site.broker.drop();
        return;
      case 'session loss':
        this.#site.broker.loseSession();
        return;
      case 'kill':
      case 'power cut':
        this.#crash(fault);
        return;
      case 'close':
        void this.#close();
        return;
      case 'write error':
        this.#diskFault('write', random.pick(['EIO', 'ENOSPC']));
        return;
      case 'sync error':
        this.#diskFault('sync', 'EIO');
        return;
      case 'read error':
        this.#diskFault('read', 'EIO');
        return;
      case 'disk full':
        this.#disk.capacity = this.#disk.used + random.between(0, 20_000);
        this.#time.after(random.between(100, 60_000), () => this.#spaceAgain());
        return;
      case 'hold':
        this.#whileOpen(
          random.between(10, 10_000),
          (process) => process.client?.hold(),
          (process) => process.client?.release(),
        );
        return;
      case 'pause':
        this.#whileOpen(
          random.between(10, 10_000),
          (process) => process.client?.pause(),
          (process) => process.client?.resume(),
        );
        return;
      case 'snapshot':
        this.#process?.client?.save().catch(() => undefined);
        return;
      case 'redeploy':
        if (this.#process?.isOpen) this.#process.redeploy();
        return;
      case 'resubscribe':
        this.#resubscribe();
        return;
      case 'purge':
        if (this.#process?.isOpen) this.#process.purge();
        return;
      case 'replay':
        if (this.#process?.isOpen) this.#process.replay();
        return;
      case 'throw away':
        if (this.#process?.isOpen) void this.#process.throwAway();
        return;
      case 'orphan':
        this.#publishToOrphan();
        return;
      case 'adopt':
        if (random.chance(0.6)) this.#crashSoon();
        this.#adopt();
        return;
    }
  }

  #crash(kind: 'kill' | 'power cut'): void {
    if (this.#process === undefined || this.#restarting) return;
    this.#crashes += 1;
    this.#process.kill();
    if (kind === 'power cut') {
      this.#powerCuts += 1;
      this.#boots += 1;
    }
    this.#earlierCalls += this.#disk.calls;
    const { capacity, onCall } = this.#disk;
    this.#disk = this.#disk.crash(kind === 'kill' ? 'process' : 'power', this.#random.between(1, 1_000_000));
    this.#disk.capacity = capacity;
    this.#disk.onCall = onCall;
    this.#world.disk = this.#disk;
    this.#process = undefined;
    this.#time.after(this.#random.between(1, 5_000), () => this.#startProcess());
  }

  async #close(): Promise<void> {
    const process = this.#process;
    if (process === undefined || !process.isOpen || this.#restarting) return;
    this.#restarting = true;
    try {
      await process.close();
    } catch {
      // A failing disk: what was not stored was reported as failed.
      process.kill();
    }
    this.#restarting = false;
    this.#process = undefined;
    this.#time.after(this.#random.between(1, 1_000), () => this.#startProcess());
  }

  #startProcess(): void {
    if (this.#character.moves && this.#random.chance(0.5)) this.#move();
    this.#processes += 1;
    this.#trace.add('process started', () => String(this.#processes));
    this.#process = new SimulatedProcess(this.#world, {
      ...this.#character.process,
      mountPoint: `/episode-${this.seed}/process-${this.#processes}`,
      number: this.#processes,
      boot: this.#boots,
      url: this.#site.url,
    });
  }

  /** To the other broker: the protocol state towards this one is given up. */
  #move(): void {
    const from = this.#site;
    this.#site = this.#sites.find((site) => site !== from) ?? from;
    this.#site.broker.clientStateLost += 1;
    this.#site.rules.clientStateLost('simulated');
  }

  #diskFault(operation: 'read' | 'write' | 'sync', code: string): void {
    const end = this.#disk.fail({
      operation,
      code,
      times: this.#random.between(1, 5),
      partial: this.#random.between(0, 300),
    });
    this.#time.after(this.#random.between(10, 5_000), end);
  }

  #spaceAgain(): void {
    this.#disk.capacity = Number.POSITIVE_INFINITY;
  }

  #whileOpen(forMs: number, begin: (of: SimulatedProcess) => void, end: (of: SimulatedProcess) => void): void {
    const process = this.#process;
    if (process === undefined || !process.isOpen) return;
    begin(process);
    this.#time.after(forMs, () => {
      if (process === this.#process && process.isOpen) end(process);
    });
  }

  #resubscribe(): void {
    const topic = this.#random.pick(INBOUND_TOPICS);
    // Given up, or wanted again: what the broker queued for it until now may meet nobody.
    this.#oracle.unwanted(topic);
    if (this.#wanted.has(topic)) this.#wanted.delete(topic);
    else this.#wanted.set(topic, this.#random.between(0, 2) as QoS);
    if (this.#process?.isOpen) this.#process.subscribe();
  }

  #endTrouble(): void {
    this.#troubled = false;
    void this.#disk.stopAt(Number.POSITIVE_INFINITY);
    this.#network.reachable = true;
    this.#spaceAgain();
    for (const { broker } of this.#sites) broker.hurry();
    this.#trace.add('trouble ends');
    this.#afterTrouble();
  }

  /** What a pause or a hold that a crash cut short has left behind. */
  #afterTrouble(): void {
    const process = this.#process;
    if (process?.isOpen) {
      process.client?.release();
      process.client?.resume();
      process.subscribe();
    }
    this.#adopt();
    this.#time.after(10_000, () => this.#afterTrouble());
  }

  // What must hold.

  #check(): void {
    const process = this.#process;
    if (process?.isOpen && process.client !== undefined && !this.#restarting) {
      this.#oracle.checkStored(process.client.stored.count);
    }
    for (const { rules } of this.#sites) {
      for (const { rule, statement, message } of rules.violations) {
        // Nothing waits for the record of a PUBACK: a crash may take it, and the message is sent once more.
        if (rule === 'resend-of-acknowledged' && this.#crashes > 0) continue;
        // A message that makes the broker end the connection is given up, its identifier kept.
        if (rule === 'resend-incomplete' && this.#character.process.fates.poisonEvery > 0) continue;
        this.#oracle.violation(`MQTT-${statement}: ${message}`);
      }
    }
  }

  #isSettled(): boolean {
    return this.#unsettled() === '';
  }

  #unsettled(): string {
    const process = this.#process;
    if (process === undefined || !process.isOpen || process.client === undefined) return 'no process';
    if (!process.client.connected) return 'not connected';
    if (!this.#orphans.isSettled) return 'an orphaned session';
    if (process.client.stored.count > 0) return `${process.client.stored.count} messages stored`;
    if (!this.#site.broker.isIdle) return 'the broker has messages';
    // A session at the other broker may have kept subscriptions that were ended meanwhile: nobody can know of them.
    const known = ([filter]: [string, QoS]) => !this.#character.moves || this.#wanted.has(filter);
    const granted = [...this.#site.broker.subscriptions].filter(known).sort();
    const wanted = [...this.#wanted].sort();
    if (JSON.stringify(granted) !== JSON.stringify(wanted)) {
      return `subscribed at the broker: ${JSON.stringify(granted)}, wanted: ${JSON.stringify(wanted)}`;
    }
    return '';
  }

  async #checkAtEnd(): Promise<void> {
    let deadLetters: number[] | undefined;
    void this.#process?.deadLetters().then((numbers) => {
      deadLetters = numbers;
    });
    while (deadLetters === undefined) {
      await turn();
      if (deadLetters === undefined) this.#time.step();
    }
    const { maxBytes, fates, onSessionLost } = this.#character.process;
    const isRoomy = maxBytes > DEAD_LETTER_BYTES_MAX;
    this.#oracle.checkDelivered(deadLetters, (number) => {
      return !isRoomy && (onSessionLost === 'discard' || fates.maximumPacketSize > 0 || mayFail(fates, number));
    });
    this.#oracle.checkGiven(this.#site.broker.sessionName);
    const { count, bytes } = this.#process?.client?.stored ?? { count: 0, bytes: 0 };
    if (count !== 0 || bytes !== 0) this.#oracle.violation(`an empty queue counts ${count} messages, ${bytes} bytes`);
  }
}

/** Lets everything happen that waits for nothing: promises, and what follows from them. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function describe(reason: unknown): string {
  return reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
}

function drawCharacter(random: Random): Character {
  const durability = random.pick(['always', 'always', 'always', 'interval', 'os'] as const);
  const protocolVersion = random.pick([4, 4, 5, 5, 3] as const);
  const faults = [...ALWAYS_POSSIBLE];
  // A 3.1 broker cannot say that it lost the session.
  if (protocolVersion !== 3) faults.push('session loss');
  // Less than `always` promises nothing after a power cut.
  if (durability === 'always' && random.chance(0.7)) faults.push('power cut', 'power cut');
  // A failed sync, a kill before the records were written anew, and a power cut on top: not survived, not simulated.
  const powerCuts = faults.includes('power cut');
  if (random.chance(0.5)) faults.push(...DISK_FAULTS.filter((fault) => fault !== 'sync error' || !powerCuts));
  if (random.chance(0.3)) faults.push('purge', 'purge');
  if (random.chance(0.3)) faults.push('replay', 'throw away');
  if (random.chance(0.3)) faults.push('orphan', 'orphan', 'adopt', 'adopt', 'adopt');
  const large = random.chance(0.1);
  return {
    process: {
      protocolVersion,
      clean: protocolVersion !== 3 && random.chance(0.1),
      durability,
      segmentBytes: large ? 131_072 : random.pick([4_096, 16_384, 65_536]),
      maxInflight: random.pick([1, 3, 20, 100]),
      maxBytes: random.chance(0.2) ? 20_000 : 1024 * 1024 * 1024,
      whenFull: random.pick(['reject', 'dropOldest']),
      onSessionLost: random.pick(['republish', 'republish', 'discard']),
      maxSendRate: random.pick([0, 0, 0, 30]),
      fates: {
        refusals: random.pick([0, 0, 0.02]),
        poisonEvery: random.chance(0.2) ? random.pick([30, 100]) : 0,
        expiring: random.pick([0, 0, 0.05]),
        maximumPacketSize: random.pick([0, 0, 1_500]),
      },
    },
    troubledMs: random.between(20_000, 300_000),
    publishPauseMs: random.pick([20, 200, 1_000]),
    inboundPauseMs: random.pick([50, 500, 2_000]),
    burst: random.pick([1, 3, 10]),
    bytesMax: large ? 100_000 : random.pick([20, 500, 3_000]),
    faultPauseMs: random.pick([300, 2_000, 10_000]),
    faults,
    diskLatencyMsMax: random.pick([0, 1, 20]),
    moves: random.chance(0.1),
  };
}
