import { sessionDirectoryName } from '../../src/store/safe-name';
import { MemoryDisk } from '../support/memory-disk';
import { earlierSession, isLongLife } from './earlier-files';
import type { Site } from './network';
import type { Random } from './random';
import { SimulatedProcess } from './simulated-process';
import { CLIENT_ID, type Stage } from './stage';

const SESSION_DIRECTORY = `/store/${sessionDirectoryName(CLIENT_ID)}`;
/** A file of the original implementation: its name does not matter. */
const EARLIER_FILE = '/store/.mcp_simulate';
/** A crash inside an I/O call comes at the latest after this time. */
const CRASH_MS_MAX = 500;
/** The wall clock stays this near to the real time, so that nothing kept for 30 days gets too old. */
const CLOCK_MS_MAX = 12 * 24 * 3_600_000;

/** The machine with its disk and wall clock, and the one process that runs on it. */
export class Machine {
  crashes = 0;
  powerCuts = 0;
  process: SimulatedProcess | undefined;
  /** The broker that the process is configured for. */
  site: Site;
  #disk: MemoryDisk;
  /** Calls to disks that a crash has replaced. */
  #earlierCalls = 0;
  #processes = 0;
  #boots = 0;
  #clockOffsetMs = 0;
  /** The process is on its way to its end, or to another session. */
  #isBusy = false;
  readonly #keptReferences: string[] = [];

  constructor(private readonly stage: Stage) {
    this.site = stage.sites[0]!;
    this.#disk = new MemoryDisk(stage.seed);
    const { diskLatencyMsMax } = stage.character;
    const latency = stage.random('disk latency');
    this.#disk.onCall = (_call, operation, path) => {
      stage.trace.call(operation, path);
      if (diskLatencyMsMax === 0 || !latency.chance(0.3)) return undefined;
      return new Promise((resolve) => stage.time.after(latency.between(0, diskLatencyMsMax), resolve));
    };
  }

  get disk(): MemoryDisk {
    return this.#disk;
  }

  get calls(): number {
    return this.#earlierCalls + this.#disk.calls;
  }

  /** Its session is open, and it is not being closed. */
  get openProcess(): SimulatedProcess | undefined {
    return this.process?.isOpen && !this.#isBusy ? this.process : undefined;
  }

  start(): void {
    const { stage } = this;
    const number = ++this.#processes;
    if (stage.character.moves && number > 1 && stage.random(`move ${number}`).chance(0.5)) this.#move();
    stage.trace.note(() => `process ${number} started, broker ${this.site.url}`);
    this.process = new SimulatedProcess(stage, {
      mountPoint: `/episode-${stage.seed}-${++mountPoints}/process-${number}`,
      number,
      boot: this.#boots,
      url: this.site.url,
      disk: this.#disk,
      clockOffsetMs: this.#clockOffsetMs,
      keptReferences: this.#keptReferences,
      sessionIsOther: () => {
        for (const site of stage.sites) stateLost(site);
      },
    });
  }

  /** The process is gone, or the power; more often than not in the middle of one of the next I/O calls. */
  crash(kind: 'kill' | 'power cut', random: Random): void {
    if (this.process === undefined) return;
    if (random.chance(0.4)) this.#crashNow(kind, random);
    else this.crashSoon(kind, random);
  }

  crashSoon(kind: 'kill' | 'power cut', random: Random): void {
    const disk = this.#disk;
    const { trace, time } = this.stage;
    // Near enough to be met before the time is over, and far enough to be met while a session is opened.
    void disk.stopAt(random.between(1, random.pick([4, 20, 60]))).then(() => {
      if (disk !== this.#disk || this.process === undefined) return;
      trace.count('crash inside an I/O call');
      this.#crashNow(kind, random);
    });
    time.after(CRASH_MS_MAX, () => {
      if (disk === this.#disk && this.stage.isTroubled()) this.#crashNow(kind, random);
    });
  }

  /** No crash is on its way any more. */
  calmDown(): void {
    void this.#disk.stopAt(Number.POSITIVE_INFINITY);
    this.#disk.capacity = Number.POSITIVE_INFINITY;
  }

  async close(random: Random): Promise<void> {
    const process = this.openProcess;
    if (process === undefined) return;
    this.#isBusy = true;
    this.stage.trace.add('clean close');
    try {
      await process.close();
    } catch (error) {
      // A failing disk: what was not stored was reported as failed.
      this.stage.trace.note(() => `not closed: ${error}`);
      process.kill();
    }
    this.#ended(random);
  }

  /** The session is deleted; the next one begins with a file of the original implementation. */
  async newLife(action: number, random: Random): Promise<void> {
    const process = this.openProcess;
    if (process === undefined) return;
    this.#isBusy = true;
    this.stage.trace.add('session deleted');
    await process.beginAnew((now) => {
      const { file, held } = earlierSession(this.stage, action, random, now);
      this.#disk.place(EARLIER_FILE, file);
      // The broker's session is that of the original implementation, or gone.
      this.site.broker.loseSession();
      // Without a session at the broker no identifier is in use, nor reserved.
      if (isLongLife(this.stage.character) || random.chance(0.7)) this.site.broker.remember(held);
    });
    this.#isBusy = false;
  }

  /** A bit of the session's files is not what it was, when the next process comes. */
  async flipBit(random: Random): Promise<void> {
    if (this.process === undefined || this.#isBusy) return;
    this.#crashNow('kill', random, 'later');
    try {
      await this.stage.damage.flip(this.#disk, SESSION_DIRECTORY, random);
    } finally {
      this.#startLater(random);
    }
  }

  #crashNow(kind: 'kill' | 'power cut', random: Random, restart: 'itself' | 'later' = 'itself'): void {
    if (this.process === undefined) return;
    const { trace } = this.stage;
    this.crashes += 1;
    trace.add(kind === 'kill' ? 'process crash' : 'power cut');
    this.process.kill();
    this.#earlierCalls += this.#disk.calls;
    const { capacity, onCall } = this.#disk;
    this.#disk = this.#disk.crash(kind === 'kill' ? 'process' : 'power', random.between(1, 1_000_000));
    this.#disk.capacity = capacity;
    this.#disk.onCall = onCall;
    if (kind === 'power cut') {
      this.powerCuts += 1;
      this.#boots += 1;
      if (this.stage.character.settings.durability !== 'always') {
        this.stage.damage.powerCutUnsynced();
        for (const { rules } of this.stage.sites) rules.turnOff();
      }
      const { writesLost, writesTorn, outOfOrder, namesLost } = this.#disk.losses;
      trace.count('unsynced write lost', writesLost);
      trace.count('unsynced write torn', writesTorn);
      trace.count('unsynced writes out of order', outOfOrder);
      trace.count('unsynced directory entry lost', namesLost);
    }
    this.process = undefined;
    this.#isBusy = false;
    if (restart === 'itself') this.#startLater(random);
  }

  #ended(random: Random): void {
    this.#isBusy = false;
    this.process = undefined;
    this.#startLater(random);
  }

  #startLater(random: Random): void {
    if (random.chance(0.95) && this.stage.isTroubled()) this.#setClock(random);
    this.stage.time.after(random.between(1, this.stage.character.restartMsMax), () => this.start());
  }

  /** The next process finds another time. */
  #setClock(random: Random): void {
    const { trace, time } = this.stage;
    const before = this.#clockOffsetMs;
    const isSet = random.chance(0.7);
    const isBack = random.chance(0.6) && before > -CLOCK_MS_MAX;
    const set = isBack
      ? random.between(-CLOCK_MS_MAX, before)
      : random.between(Math.max(before, -CLOCK_MS_MAX), CLOCK_MS_MAX);
    this.#clockOffsetMs = isSet ? set : random.between(0, 100_000) - time.now();
    if (!isSet) trace.add('wall clock not set');
    else if (this.#clockOffsetMs > before) trace.add('wall clock forward');
    else trace.add('wall clock back');
  }

  /** To the other broker: the protocol state towards this one is given up. */
  #move(): void {
    const from = this.site;
    this.site = this.stage.sites.find((site) => site !== from) ?? from;
    stateLost(this.site);
  }
}

/** What the store keeps per process goes by path: two runs of one episode must not meet. */
let mountPoints = 0;

function stateLost({ broker, rules }: Site): void {
  broker.clientStateLost += 1;
  rules.clientStateLost();
}
