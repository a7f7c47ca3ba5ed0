import type { QoS } from '../../src/session/message';
import { publish, publishInbound } from './application';
import type { Character } from './character';
import { Damage } from './damage';
import { ExpiringSessions } from './expiring-sessions';
import { mayFail } from './fates';
import { inject, type Scene } from './faults';
import type { KindCounts } from './kinds';
import { Ledger } from './ledger';
import { LinkRules } from './link-rules';
import { Machine } from './machine';
import { ModelBroker } from './model-broker';
import { Network, type Site } from './network';
import { Oracle } from './oracle';
import { Orphans } from './orphans';
import { type Action, drawPlan } from './plan';
import type { Tamper } from './process-disk';
import { drawCharacter, type Profile, profileOf } from './profiles';
import { Random } from './random';
import { CLIENT_ID, INBOUND_TOPICS, type Stage } from './stage';
import { Trace } from './trace';
import { VirtualTime } from './virtual-time';

const START = Date.UTC(2026, 0, 1);
/** With all faults over, everything is delivered within this time, or something hangs. */
const DRAIN_MS_MAX = 45 * 60_000;
/** Dead letters of an episode do not take more. */
const DEAD_LETTER_BYTES_MAX = 100_000_000;
/** Records that wait for the disk: what the session takes at once, and what the broker answers meanwhile. */
const PENDING_RECORDS_MAX = 20_000;
const TRACE_LINES = 120;

export interface EpisodeOptions {
  seed: number;
  /** Default: that of the seed. */
  profile?: Profile;
  /** Changes the character that was drawn, not the plan. */
  simplify?: (character: Character) => Character;
  /** Indices of the actions that take place; default all. */
  keep?: ReadonlySet<number>;
  tamper?: Tamper;
  /** Events that the trace keeps. */
  traceLines?: number;
}

export interface EpisodeResult {
  steps: number;
  crashes: number;
  powerCuts: number;
  milliseconds: number;
  kinds: KindCounts;
  violations: string[];
  /** Actions that took place. */
  actions: Action[];
  /** Empty without violations. */
  trace: string[];
}

/**
 * One life of a session in trouble, and its end in peace: an application that publishes and is published to, faults of
 * network, broker, disk and process for a while, then none, until everything is delivered.
 */
export class Episode {
  readonly #time = new VirtualTime(START);
  readonly #character: Character;
  readonly #plan: Action[];
  readonly #stage: Stage;
  readonly #scene: Scene;
  readonly #troubledMs: number;
  #troubled = true;
  /** In flight when a session was opened last. */
  #inherited = { openings: 0, messages: 0 };

  constructor(private readonly options: EpisodeOptions) {
    const random = new Random(options.seed);
    const drawn = drawCharacter(options.profile ?? profileOf(options.seed), random);
    const plan = drawPlan(drawn, random.stream('plan'));
    const { keep, simplify = (character: Character) => character } = options;
    this.#character = simplify(drawn);
    this.#plan = keep === undefined ? plan : plan.filter(({ index }) => keep.has(index));
    this.#troubledMs = keep === undefined ? drawn.troubledMs : (this.#plan.at(-1)?.at ?? 0) + 1;
    this.#stage = this.#setUp(random);
    const machine = new Machine(this.#stage);
    this.#scene = {
      stage: this.#stage,
      machine,
      orphans: new Orphans(this.#stage),
      expiring: new ExpiringSessions(this.#stage),
    };
  }

  async run(): Promise<EpisodeResult> {
    const { oracle, trace } = this.#stage;
    const { machine } = this.#scene;
    // Either would end the whole of Node-RED.
    const unhandled = (reason: unknown) => oracle.violation(`nobody handled: ${describe(reason)}`);
    process.on('unhandledRejection', unhandled);
    process.on('uncaughtException', unhandled);
    machine.start();
    for (const action of this.#plan) this.#time.after(action.at, () => this.#act(action));
    this.#time.after(this.#troubledMs, () => this.#endTrouble());
    const deadline = START + this.#troubledMs + DRAIN_MS_MAX;
    while (oracle.violations.length === 0) {
      if (!this.#time.step()) throw new Error('nothing is going to happen any more');
      await turn();
      this.#check();
      if (this.#troubled) continue;
      if (this.#unsettled() === '') {
        await this.#checkAtEnd();
        break;
      }
      if (this.#time.now() > deadline) {
        oracle.violation(`not settled after ${DRAIN_MS_MAX / 60_000} min without faults: ${this.#unsettled()}`);
      }
    }
    machine.process?.kill();
    process.off('unhandledRejection', unhandled);
    process.off('uncaughtException', unhandled);
    return {
      steps: trace.events + machine.calls,
      crashes: machine.crashes,
      powerCuts: machine.powerCuts,
      milliseconds: this.#time.now() - START,
      kinds: trace.kinds,
      violations: oracle.violations,
      actions: this.#plan,
      trace: oracle.violations.length === 0 ? [] : trace.last(START),
    };
  }

  #setUp(random: Random): Stage {
    const { seed, tamper } = this.options;
    const character = this.#character;
    const time = this.#time;
    const trace = new Trace(() => time.now(), this.options.traceLines ?? TRACE_LINES);
    const wanted = new Map(INBOUND_TOPICS.map((topic) => [topic as string, random.between(0, 2) as QoS]));
    // In an adopted session all identifiers are cleared, which delivers what is held under them.
    const clears = character.moves || character.faults.some((fault) => fault === 'new life' || fault === 'flip a bit');
    const oracle = new Oracle(wanted, () => clears);
    const violation = (text: string) => oracle.violation(text);
    const ledger = new Ledger(violation);
    const sites: Site[] = ['mqtt://one:1883', 'mqtt://two:1883'].map((url) => ({
      url,
      broker: new ModelBroker(url, time, random.stream(url), trace, oracle, character.broker, character.fates),
      rules: new LinkRules(CLIENT_ID, ledger, violation),
    }));
    const byUrl = new Map(sites.map((site) => [site.url, site]));
    return {
      seed,
      character,
      time,
      network: new Network(time, random.stream('network'), trace, character.latencyMsMax, byUrl),
      sites,
      oracle,
      ledger,
      damage: new Damage(oracle, ledger, trace),
      trace,
      wanted,
      publishedAt: new Map(),
      random: (name) => random.stream(name),
      isTroubled: () => this.#troubled,
      tamper,
    };
  }

  // What happens.

  #act({ index, kind }: Action): void {
    if (!this.#troubled) return;
    const { machine } = this.#scene;
    const random = this.#stage.random(`action ${index}`);
    if (kind === 'publish') publish(this.#stage, machine.process, index, random);
    else if (kind === 'publish inbound') publishInbound(this.#stage, machine.site.url, index, random);
    else inject(kind, this.#scene, random, index);
  }

  #endTrouble(): void {
    const { network, sites, trace } = this.#stage;
    this.#troubled = false;
    this.#scene.machine.calmDown();
    network.reachable = true;
    for (const { broker } of sites) broker.troubleEnds();
    trace.note(() => 'trouble ends');
    this.#afterTrouble();
  }

  /** What a pause or a hold that a crash cut short has left behind. */
  #afterTrouble(): void {
    const { machine, orphans } = this.#scene;
    const process = machine.openProcess;
    if (process !== undefined) {
      process.client?.release();
      process.client?.resume();
      process.subscribe();
      const host = process.orphanHost;
      if (host !== undefined) void orphans.adopt(host);
    }
    this.#time.after(10_000, () => this.#afterTrouble());
  }

  // What must hold.

  /** After each step. */
  #check(): void {
    const { oracle, ledger } = this.#stage;
    const client = this.#scene.machine.openProcess?.client;
    if (client !== undefined) {
      oracle.checkStored(client.stored.count);
      oracle.checkLeft((number) => ledger.isStored(number));
      this.#checkInflight(client.inflight);
    }
    if (ledger.pendingCount > PENDING_RECORDS_MAX) oracle.violation(`${ledger.pendingCount} records wait for the disk`);
  }

  /** A new process inherits all that the one before may have sent: with a slow disk many windows. */
  #checkInflight(open: number): void {
    const { oracle, trace } = this.#stage;
    const { maxInflight } = this.#character.settings;
    const openings = trace.kinds['session opened'];
    if (this.#inherited.openings !== openings) this.#inherited = { openings, messages: open };
    // Those that wait for PUBCOMP are in flight on every connection, whatever its window.
    const allowed = Math.max(maxInflight, this.#inherited.messages) + RELEASED_MAX;
    if (open > allowed) oracle.violation(`${open} messages in flight, ${allowed} are allowed`);
  }

  /** Empty when everything is done. */
  #unsettled(): string {
    const { machine, orphans } = this.#scene;
    const client = machine.openProcess?.client;
    if (client === undefined) return 'no process';
    if (!client.connected) return 'not connected';
    if (!orphans.isSettled) return 'an orphaned session';
    if (client.stored.count > 0) return `${client.stored.count} messages stored`;
    if (!machine.site.broker.isIdle) return 'the broker has messages';
    // A session of before may have kept subscriptions that were ended meanwhile: nobody can know of them.
    const { wanted, damage } = this.#stage;
    const isForeign = this.#character.moves || this.#character.faults.includes('new life') || damage.isReported;
    const granted = [...machine.site.broker.subscriptions].filter(([filter]) => !isForeign || wanted.has(filter));
    if (JSON.stringify(granted.sort()) !== JSON.stringify([...wanted].sort())) {
      return `subscribed at the broker: ${JSON.stringify(granted)}, wanted: ${JSON.stringify([...wanted])}`;
    }
    return '';
  }

  async #checkAtEnd(): Promise<void> {
    const { oracle } = this.#stage;
    const { machine } = this.#scene;
    let deadLetters: number[] | undefined;
    void machine.process?.deadLetters().then((numbers) => {
      deadLetters = numbers;
    });
    while (deadLetters === undefined) {
      await turn();
      if (deadLetters === undefined) this.#time.step();
    }
    const { settings, fates } = this.#character;
    const isRoomy = settings.maxBytes > DEAD_LETTER_BYTES_MAX;
    const { onSessionLost } = settings;
    oracle.checkDelivered(deadLetters, (number) => {
      return !isRoomy && (onSessionLost === 'discard' || fates.maximumPacketSize > 0 || mayFail(fates, number));
    });
    oracle.checkGiven(machine.site.broker.sessionName);
    this.#checkEmpty();
  }

  /** What the session holds in memory and on disk follows what is stored: nothing is. */
  #checkEmpty(): void {
    const { oracle } = this.#stage;
    const client = this.#scene.machine.process?.client;
    if (client === undefined) return;
    const { count, bytes } = client.stored;
    const { unacknowledgedMessages, failingMessages, inflightMessages } = client.statistics();
    const left = { count, bytes, open: client.openMessages().length, inflightMessages, failingMessages };
    if (Object.values(left).some((value) => value !== 0))
      oracle.violation(`an empty queue has ${JSON.stringify(left)}`);
    void unacknowledgedMessages;
  }
}

/** Messages that an earlier connection, or a session before, has left to wait for PUBCOMP. */
const RELEASED_MAX = 200;

/** Lets everything happen that waits for nothing: promises, and what follows from them. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function describe(reason: unknown): string {
  return reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
}
