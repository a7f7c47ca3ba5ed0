import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from '../../support/wait';
import {
  type InboundFigures,
  judgeInbound,
  judgeOutbound,
  type OutboundFigures,
  waitForObserved,
  waitForReceived,
} from './judgement';
import { Random } from './random';
import { type Stream, TestBed } from './test-bed';

/** One run of the process under test. */
export interface Subject {
  /** Resolves when its sessions are open; rejects when it ends before. */
  readonly started: Promise<void>;
  /** What went wrong in it, each a line. */
  errors(): string[];
  log(): string;
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface SubjectOptions {
  testBed: TestBed;
  /** 1 for the first run. */
  generation: number;
  /** Whether it publishes; numbers from {@link firstNumber} on. */
  traffic: boolean;
}

/** Numbers of a later run are higher than those of any earlier. */
export function firstNumber(generation: number): number {
  return generation * 1_000_000;
}

export interface CampaignOptions {
  name: string;
  kills: number;
  seed: number;
  start: (options: SubjectOptions) => Subject;
  /** Connections that the process makes: so many are waited for before a kill. */
  clients: number;
  /** Inbound streams, each with `inboundPerSecond` messages. */
  inbound: Stream[];
  inboundPerSecond: number;
  /** Milliseconds that all that is left may take at the end. Default 60,000. */
  drainTimeoutMs?: number;
}

export interface CampaignFigures extends OutboundFigures, InboundFigures {
  kills: number;
  killsInOutage: number;
  killsWhileStarting: number;
  done: number;
  published: number;
  connections: number;
  milliseconds: number;
}

/** When and in what state a run of the process is killed. */
interface Plan {
  /** In the middle of starting: neither connected nor recovered for sure. */
  whileStarting: boolean;
  /** The link is cut before the kill, and comes back only after the next start. */
  outage: boolean;
  startMs: number;
  runMs: number;
  outageMs: number;
  nextOutageMs: number;
}

/**
 * Kills the process again and again while it publishes and receives, half of the times during an outage, and starts it
 * anew; at the end everything that was reported done must be at the observer, and everything published in the flow.
 *
 * The seed fixes the times of the kills, not what the process is doing then.
 */
export async function runCampaign(options: CampaignOptions): Promise<CampaignFigures> {
  const { name, kills, seed, clients, inbound, inboundPerSecond, drainTimeoutMs = 60_000 } = options;
  const startedAt = performance.now();
  const random = new Random(seed);
  const testBed = await TestBed.start();
  let subject: Subject | undefined;
  const figures = { kills: 0, killsInOutage: 0, killsWhileStarting: 0 };
  let outage = false;
  const setOutage = async (on: boolean) => {
    await testBed.outage(on);
    outage = on;
  };
  try {
    for (let generation = 1; generation <= kills + 1; generation++) {
      const last = generation > kills;
      const plan = planOf(random, generation);
      subject = options.start({ testBed, generation, traffic: !last });
      // The first run makes sessions and subscriptions: without them nothing is promised yet.
      if (generation > 1 && !last && plan.whileStarting) {
        subject.started.catch(() => undefined);
        await sleep(plan.startMs);
        figures.killsWhileStarting++;
      } else {
        await subject.started;
        if (generation === 1) {
          await testBed.waitForSubscriptions(inbound, () => `${subject?.log()}\n${testBed.describe()}`);
          testBed.feed(inbound, inboundPerSecond);
        }
        if (outage) {
          await sleep(plan.nextOutageMs);
          await setOutage(false);
        }
        if (last) break;
        await waitFor(() => testBed.proxy.connections.length >= clients, {
          what: 'the process to be connected',
          timeoutMs: 30_000,
          detail: () => `${subject?.log()}\n${testBed.describe()}`,
        });
        await sleep(plan.runMs);
      }
      if (plan.outage && !outage) {
        await setOutage(true);
        await sleep(plan.outageMs);
      }
      if (outage) figures.killsInOutage++;
      failOnErrors(subject);
      await subject.kill();
      testBed.endGeneration();
      figures.kills++;
      testBed.proxy.assertClean();
    }
    await testBed.stopFeeds();
    const detail = () => `${subject?.log()}\n${testBed.describe()}`;
    const { ledger, observer, proxy } = testBed;
    await waitForReceived(ledger, testBed.published, { timeoutMs: drainTimeoutMs, detail });
    await waitForObserved(observer, ledger.refresh().done, { timeoutMs: drainTimeoutMs, detail });
    await testBed.settle();
    if (ledger.done.length < kills) throw new Error(`only ${ledger.done.length} messages were reported done`);
    if (subject) failOnErrors(subject);
    await subject?.stop();
    return {
      ...figures,
      done: ledger.refresh().done.length,
      published: testBed.published.length,
      ...judgeOutbound(observer),
      ...judgeInbound(ledger.received, testBed.brokerDeliveries()),
      connections: proxy.connectionCount,
      milliseconds: performance.now() - startedAt,
    };
  } catch (error) {
    if (error instanceof Error) error.message = `${name}, seed ${seed}: ${error.message}`;
    throw error;
  } finally {
    await subject?.kill();
    await testBed.stop();
  }
}

function planOf(random: Random, generation: number): Plan {
  return {
    outage: generation % 2 === 0,
    whileStarting: random.chance(0.2),
    startMs: random.between(0, 1_500),
    runMs: random.between(0, 1_500),
    outageMs: random.between(0, 700),
    nextOutageMs: random.between(0, 700),
  };
}

function failOnErrors(subject: Subject): void {
  const errors = subject.errors();
  if (errors.length > 0) throw new Error(`the process reported:\n${errors.join('\n')}`);
}

/** Number of kills and seed, from CRASH_KILLS and CRASH_SEED where given. */
export function campaignSettings(kills: number): { kills: number; seed: number } {
  return {
    kills: Number(process.env.CRASH_KILLS ?? kills),
    seed: Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 1_000_000)),
  };
}

export function describeFigures(figures: CampaignFigures): string {
  const { kills, killsInOutage, killsWhileStarting, done, observed, doubledQoS1, doubledQoS2 } = figures;
  const { published, received, repeatedQoS1, repeatedQoS2, late, connections, milliseconds } = figures;
  return [
    `${kills} kills (${killsInOutage} in an outage, ${killsWhileStarting} while starting), ${connections} connections, ` +
      `${(milliseconds / 1000).toFixed(1)} s`,
    `out: ${done} reported done, ${observed} observed, 0 missing, repeated: ${doubledQoS1} QoS 1, ${doubledQoS2} QoS 2`,
    `in: ${published} published, ${received} handed over, 0 missing, repeated and marked: ${repeatedQoS1} QoS 1, ` +
      `${repeatedQoS2} QoS 2; ${late} sent late by the broker`,
  ].join('\n');
}
