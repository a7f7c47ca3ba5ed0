import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MosquittoOptions } from '../../support/mosquitto';
import { waitFor } from '../../support/wait';
import { type FaultCounts, Faults, WAIT_MS } from './faults';
import { type OutboundFigures, outboundFigures } from './judgement';
import { CLIENTS } from './library-subject';
import { DECK_SIZE, type Fault, makePlans, type Plan } from './plan';
import { Random } from './random';
import type { Subject, SubjectOptions } from './subject';
import { type Stream, TestBed } from './test-bed';
import { describeVerdict, drain, judge, type Verdict } from './verdict';

export interface CampaignOptions {
  name: string;
  kills: number;
  seed: number;
  start: (options: SubjectOptions) => Subject;
  /** Inbound streams, each with `inboundPerSecond` messages. */
  inbound: Stream[];
  inboundPerSecond: number;
  /** Default: none of its limits. */
  mosquitto?: MosquittoOptions;
  /** The sessions are on a disk that can be filled; without it, or where that is not permitted, none is filled. */
  smallDisk?: boolean;
  /** Only counts what is lost and doubled, and does not fail for it. */
  lossy?: boolean;
  /** Milliseconds that all that is left may take at the end. Default {@link WAIT_MS}. */
  drainTimeoutMs?: number;
  /** Gets a line about each run of the process. */
  progress?: ((line: string) => void) | undefined;
}

export interface CampaignFigures extends OutboundFigures, FaultCounts, Verdict {
  kills: number;
  killsWhileStarting: number;
  /** There was a disk that could be filled. */
  hasDisk: boolean;
  /** The broker has its default limits, and is not killed. */
  brokerHasLimits: boolean;
  handed: number;
  done: number;
  published: number;
  connections: number;
  milliseconds: number;
}

/** Of a process's log in an error; all of it is in the folder. */
const LOG_CHARACTERS_MAX = 3_000;

/** See BrokerFaults.mayRefuse. */
const QUOTA_EXCEEDED = /the broker refused it \(0x97/;

/** What a process may report while its disk is full, and until it has looked again. */
const DISK_FULL = /ENOSPC|ERR_STORE_FULL|No new message is stored/;

/**
 * Kills the process again and again while it publishes and receives, each time in the middle of another {@link Fault} of
 * network, broker or disk, and starts it anew. At the end everything that was reported done must be at the observer, and
 * everything published in the flow, QoS 2 once.
 *
 * The seed fixes the faults and their times, not what the process is doing then.
 *
 * @throws Error with the seed, the messages that were lost or doubled, their history, and the folder, which is kept.
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignFigures> {
  const { name, seed, mosquitto, smallDisk = false } = options;
  const testBed = await TestBed.start({ smallDisk, ...(mosquitto && { mosquitto }) });
  const campaign = new Campaign(testBed, options);
  let failed = true;
  try {
    const figures = await campaign.run();
    failed = false;
    return figures;
  } catch (error) {
    if (error instanceof Error) error.message = `${name}, seed ${seed}, logs in ${testBed.directory}: ${error.message}`;
    throw error;
  } finally {
    await campaign.killSubject();
    await testBed.stop({ keep: failed });
  }
}

class Campaign {
  readonly #testBed: TestBed;
  readonly #options: CampaignOptions;
  readonly #faults: Faults;
  readonly #startedAt = performance.now();
  #subject: Subject | undefined;
  #generation = 0;
  #killsWhileStarting = 0;
  /** The disk was full while this run of the process was there. */
  #diskWasFull = false;

  constructor(testBed: TestBed, options: CampaignOptions) {
    const { inbound, lossy = false } = options;
    this.#testBed = testBed;
    this.#options = options;
    this.#faults = new Faults({ testBed, clients: CLIENTS, inbound, lossy, detail: () => this.#detail() });
  }

  async run(): Promise<CampaignFigures> {
    const { name, kills, seed, mosquitto } = this.#options;
    const testBed = this.#testBed;
    const hasDisk = typeof testBed.disk === 'object';
    if (typeof testBed.disk === 'string')
      console.error(`${name}: no disk is filled, which takes root or unshare -rm: ${testBed.disk}`);
    let plan: Plan | undefined;
    const replaced: Partial<Record<Fault, Fault>> = {
      ...(hasDisk ? {} : { 'full-disk': 'none' }),
      // A killed Mosquitto goes back to its last save, with QoS 2 messages that were complete since. They count against
      // its limit for ever, and what is above it is acknowledged to MQTT 3.1.1 and dropped: no client can know.
      ...(mosquitto?.defaultLimits ? { 'broker-killed': 'broker-restarted' } : {}),
    };
    for (const next of makePlans(new Random(seed), kills, replaced)) {
      await this.#round(next, plan?.endsAfterStartMs);
      plan = next;
    }
    this.#start(false);
    await this.#subject?.started;
    await sleep(plan?.endsAfterStartMs ?? 0);
    await this.#faults.end();
    return this.#finish();
  }

  async killSubject(): Promise<void> {
    await this.#subject?.kill();
  }

  /** One run of the process: started, disturbed, killed. `endsAfterMs`: the end of the fault of the run before. */
  async #round(plan: Plan, endsAfterMs = 0): Promise<void> {
    const { inbound, inboundPerSecond, progress, kills } = this.#options;
    const testBed = this.#testBed;
    const connectionsBefore = testBed.proxy.connectionCount;
    const subject = this.#start(true);
    if (plan.fault === 'while-starting') {
      subject.started.catch(() => undefined);
      await sleep(plan.startMs);
      this.#killsWhileStarting++;
    } else {
      await subject.started;
      if (this.#generation === 1) {
        await testBed.waitForSubscriptions(inbound, () => this.#detail());
        testBed.feed(inbound, inboundPerSecond);
      }
      if (this.#faults.on !== undefined) await sleep(endsAfterMs);
      await this.#faults.end();
      const connected = () =>
        testBed.proxy.connections.filter((connection) => connection.number > connectionsBefore).length;
      await waitFor(() => connected() >= CLIENTS.length, {
        what: 'the process to be connected',
        timeoutMs: WAIT_MS,
        detail: () => this.#detail(),
      });
      await sleep(plan.runMs);
      if (plan.fault === 'full-disk') this.#diskWasFull = true;
      await this.#faults.begin(plan);
      if (plan.endsAfterStartMs === undefined) await this.#faults.end();
    }
    this.#failOnErrors(subject);
    await subject.kill();
    testBed.wire.note(`=== kill ${this.#generation}`);
    fs.writeFileSync(path.join(testBed.directory, `process-${this.#generation}.log`), subject.log());
    testBed.endGeneration();
    if (!this.#options.lossy) testBed.proxy.assertClean();
    progress?.(`kill ${this.#generation} of ${kills}: ${plan.fault}, ${this.#seconds()} s`);
  }

  #start(traffic: boolean): Subject {
    this.#generation++;
    this.#diskWasFull = this.#faults.on === 'full-disk';
    this.#subject = this.#options.start({ testBed: this.#testBed, generation: this.#generation, traffic });
    return this.#subject;
  }

  async #finish(): Promise<CampaignFigures> {
    const { kills, lossy = false, drainTimeoutMs = WAIT_MS } = this.#options;
    const testBed = this.#testBed;
    const { ledger, observer, proxy } = testBed;
    await testBed.stopFeeds();
    await drain(testBed, { timeoutMs: drainTimeoutMs, quietMs: lossy ? 5_000 : drainTimeoutMs });
    const verdict = judge(testBed);
    if (!lossy) {
      const { findings } = verdict;
      if (findings.length > 0) throw new Error(`${describeVerdict(testBed, findings)}\n${this.#detail()}`);
      await testBed.settle();
    }
    if (ledger.done.length < kills) throw new Error(`only ${ledger.done.length} messages were reported done`);
    if (this.#subject) this.#failOnErrors(this.#subject);
    await this.#subject?.stop();
    return {
      ...this.#faults.counts,
      ...outboundFigures(observer),
      ...verdict,
      kills,
      hasDisk: typeof testBed.disk === 'object',
      brokerHasLimits: this.#options.mosquitto?.defaultLimits === true,
      killsWhileStarting: this.#killsWhileStarting,
      handed: ledger.refresh().handed.length,
      done: ledger.done.length,
      published: testBed.published.length,
      connections: proxy.connectionCount,
      milliseconds: performance.now() - this.#startedAt,
    };
  }

  #failOnErrors(subject: Subject): void {
    const { mayRefuse } = this.#testBed.brokerFaults;
    const errors = subject
      .errors()
      .filter((line) => !(this.#diskWasFull && DISK_FULL.test(line)) && !(mayRefuse && QUOTA_EXCEEDED.test(line)));
    if (errors.length > 0)
      throw new Error(`the process reported, in its run ${this.#generation}:\n${errors.slice(0, 10).join('\n')}`);
  }

  #detail(): string {
    return `${this.#subject?.log().slice(-LOG_CHARACTERS_MAX)}\n${this.#testBed.describe()}`;
  }

  #seconds(): string {
    return ((performance.now() - this.#startedAt) / 1000).toFixed(0);
  }
}

/** Number of kills and seed, from CRASH_KILLS and CRASH_SEED where given. */
export function campaignSettings(kills: number): { kills: number; seed: number } {
  return {
    kills: Number(process.env.CRASH_KILLS ?? kills),
    seed: Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 1_000_000)),
  };
}

/** Faults that a campaign of at least a deck did not have although it could. */
export function missingFaults(figures: CampaignFigures): string[] {
  const { outages, halfOpen, brokerKills, brokerRestarts, sessionsLost, fullDisks, slowLinks } = figures;
  const counts = { outages, halfOpen, brokerKills, brokerRestarts, sessionsLost, fullDisks, slowLinks };
  const isLeftOut = (name: string) =>
    (name === 'fullDisks' && !figures.hasDisk) || (name === 'brokerKills' && figures.brokerHasLimits);
  return Object.entries(counts)
    .filter(([name, count]) => count === 0 && figures.kills >= DECK_SIZE && !isLeftOut(name))
    .map(([name]) => name);
}

export function describeFigures(figures: CampaignFigures): string {
  const { kills, killsWhileStarting, outages, halfOpen, brokerKills, brokerRestarts, sessionsLost } = figures;
  const { fullDisks, slowLinks, connections, milliseconds, done, observed, doubledQoS1, brokersFault } = figures;
  const { published, received, repeatedQoS1, repeatedQoS2, late } = figures;
  return [
    `${kills} kills (${killsWhileStarting} while starting), ${outages} outages, ${halfOpen} half-open, ` +
      `${brokerKills} SIGKILL and ${brokerRestarts} SIGTERM of the broker, ${sessionsLost} sessions lost, ` +
      `${fullDisks} full disks, ${slowLinks} slow links, ${connections} connections, ${(milliseconds / 1000).toFixed(1)} s`,
    `out: ${done} reported done, ${observed} observed, 0 missing, repeated: ${doubledQoS1} QoS 1, 0 QoS 2`,
    `in: ${published} published, ${received} handed over, 0 missing, repeated: ${repeatedQoS1} QoS 1, ` +
      `${repeatedQoS2} QoS 2 (marked); ${late} sent late by the broker`,
    `by the killed broker: ${brokersFault.lost} lost, ${brokersFault.doubled} doubled, ${brokersFault.disorder} out of order; ` +
      `by lost sessions: ${brokersFault.republished} published anew arrived twice`,
  ].join('\n');
}
