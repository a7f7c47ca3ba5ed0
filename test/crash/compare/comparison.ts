import * as fs from 'node:fs';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type NodeRedProcess, startNodeRed } from '../../support/node-red-process';
import { waitFor } from '../../support/wait';
import { newlyObserved, newlyReceived } from '../harness/judgement';
import { firstNumber } from '../harness/subject';
import { TestBed } from '../harness/test-bed';
import { type CompareFigures, compareFigures, type Past, parseGiven } from './figures';
import { BURST_TOPIC, compareFlow, STREAMS } from './flows';
import { hasKill, hasOutage, type Round } from './schedule';
import { type CompareSubject, peerFolder } from './subjects';

const PER_SECOND = 30;
const WAIT_MS = 120_000;
/** At the end nothing more is expected when nothing came for so long: longer than any of the subjects waits to try again. */
const QUIET_MS = 20_000;
const BURST_LIMIT_MS = 30_000;

export interface CompareOptions {
  subject: CompareSubject;
  schedule: readonly Round[];
  /** Messages per second of each stream. */
  perSecond?: number;
  /** Messages given at once before the disturbances, for the throughput. 0: none. */
  burst?: number;
  /** At the end, how long nothing new must come to be sure that nothing will. Default: {@link QUIET_MS}. */
  quietMs?: number;
  progress?: (line: string) => void;
}

export interface CompareResult extends CompareFigures {
  kills: number;
  outages: number;
  /** Of the burst, until the last has arrived; undefined without one, or when not all arrived in half a minute. */
  burstPerSecond: number | undefined;
  seconds: number;
}

/**
 * One subject through one schedule of kills and outages, with a real Node-RED and a real Mosquitto: in the end
 * everything is given time to arrive, and every message is counted.
 */
export async function runComparison(options: CompareOptions): Promise<CompareResult> {
  const testBed = await TestBed.start();
  const comparison = new Comparison(testBed, options);
  try {
    return await comparison.run();
  } finally {
    await comparison.kill();
    await testBed.stop();
  }
}

class Comparison {
  readonly #testBed: TestBed;
  readonly #options: CompareOptions;
  readonly #startedAt = performance.now();
  readonly #past: Past = { killedAt: [], rounds: [] };
  readonly #pauseFile: string;
  readonly #burstFile: string;
  #nodeRed: NodeRedProcess | undefined;
  #generation = 0;

  constructor(testBed: TestBed, options: CompareOptions) {
    this.#testBed = testBed;
    this.#options = options;
    this.#pauseFile = path.join(testBed.directory, 'pause');
    this.#burstFile = path.join(testBed.directory, 'burst');
  }

  async run(): Promise<CompareResult> {
    const { schedule, perSecond = PER_SECOND, burst = 1_000, progress } = this.#options;
    const testBed = this.#testBed;
    const inbound = STREAMS.map(({ in: topic, qos }) => ({ topic, qos }));
    await this.#start();
    await this.#connected(0);
    await testBed.waitForSubscriptions(inbound, () => this.#detail());
    const burstPerSecond = burst === 0 ? undefined : await this.#burst(burst);
    testBed.feed(inbound, perSecond);
    for (const [index, round] of schedule.entries()) {
      await sleep(round.runMs);
      await this.#disturb(round);
      this.#past.rounds.push({ kind: round.kind, endedAt: Date.now() });
      progress?.(`${index + 1} of ${schedule.length}: ${round.kind}, ${this.#seconds().toFixed(0)} s`);
    }
    await sleep(1_000);
    fs.writeFileSync(this.#pauseFile, '');
    await testBed.stopFeeds();
    await this.#drain();
    if (testBed.observer.sessionsLost > 0) throw new Error('the broker lost the session of the observer');
    return {
      ...compareFigures(testBed, this.#past),
      kills: schedule.filter(hasKill).length,
      outages: schedule.filter(hasOutage).length,
      burstPerSecond,
      seconds: this.#seconds(),
    };
  }

  async kill(): Promise<void> {
    await this.#nodeRed?.kill();
  }

  async #start(): Promise<void> {
    const { own = false, peer, settings, queue } = this.#options.subject;
    const { directory, proxy, storePath, ledger } = this.#testBed;
    this.#generation++;
    const options = {
      brokerPort: proxy.port,
      own,
      storePath,
      handedFile: ledger.handedFile,
      doneFile: ledger.doneFile,
      receivedFile: ledger.receivedFile,
      pauseFile: this.#pauseFile,
      burstFile: this.#burstFile,
      perSecond: this.#options.perSecond ?? PER_SECOND,
      queue,
    };
    this.#nodeRed = await startNodeRed(path.join(directory, 'node-red'), {
      flows: compareFlow(options),
      ...(!own && { packageFolder: peer === undefined ? null : peerFolder(peer) }),
      // A second between two attempts to connect, for all of them.
      settings: { mqttReconnectTime: 1_000, ...settings },
      env: { GENERATION: String(this.#generation), FIRST: String(firstNumber(this.#generation)) },
    });
  }

  async #killAndStart(): Promise<void> {
    await this.#nodeRed?.kill();
    this.#past.killedAt.push(Date.now());
    await this.#start();
  }

  async #disturb({ kind, holdMs, afterMs }: Round): Promise<void> {
    const { broker, proxy } = this.#testBed;
    let before = proxy.connectionCount;
    switch (kind) {
      case 'kill':
        await this.#killAndStart();
        break;
      case 'outage':
        await this.#testBed.outage(true);
        await sleep(holdMs);
        await this.#testBed.outage(false);
        break;
      case 'broker-restart':
        await broker.stop();
        await sleep(holdMs);
        // Attempts while the broker was away reached the proxy.
        before = proxy.connectionCount;
        await broker.start();
        break;
      case 'kill-in-outage':
        await this.#testBed.outage(true);
        await sleep(holdMs);
        await this.#killAndStart();
        await sleep(afterMs);
        await this.#testBed.outage(false);
        break;
      case 'kill-in-silence':
        proxy.freeze();
        await sleep(holdMs);
        await this.#nodeRed?.kill();
        this.#past.killedAt.push(Date.now());
        proxy.cut();
        proxy.thaw();
        before = proxy.connectionCount;
        await this.#start();
        break;
      case 'kill-in-drain':
        await this.#testBed.outage(true);
        await sleep(holdMs);
        await this.#testBed.outage(false);
        await this.#connected(before);
        await sleep(afterMs);
        before = proxy.connectionCount;
        await this.#killAndStart();
        break;
    }
    await this.#connected(before);
  }

  /** Waits for a connection that was made after the first `before` ones. */
  async #connected(before: number): Promise<void> {
    await waitFor(() => this.#testBed.proxy.connections.some(({ number }) => number > before), {
      what: 'Node-RED to be connected',
      timeoutMs: WAIT_MS,
      detail: () => this.#detail(),
    });
  }

  /** Messages per second from the moment they are given, all at once, to the arrival of the last. */
  async #burst(count: number): Promise<number | undefined> {
    const { ledger, observer } = this.#testBed;
    fs.writeFileSync(this.#burstFile, String(count));
    const given = () =>
      ledger
        .refresh()
        .handed.map(parseGiven)
        .filter(({ topic }) => topic === BURST_TOPIC);
    await waitFor(() => given().length >= count, { what: 'the burst to be given', timeoutMs: WAIT_MS });
    const burst = given();
    const startedAt = burst[0]?.atMs ?? 0;
    const open = new Set(burst.map(({ key }) => key));
    const observed = newlyObserved(observer);
    const endAt = performance.now() + BURST_LIMIT_MS;
    while (open.size > 0 && performance.now() < endAt) {
      for (const key of observed()) open.delete(key);
      await sleep(10);
    }
    return open.size > 0 ? undefined : (count / (Date.now() - startedAt)) * 1_000;
  }

  /** Until everything has arrived, or nothing new comes any more. */
  async #drain(): Promise<void> {
    const { quietMs = QUIET_MS } = this.#options;
    const { ledger, observer, published } = this.#testBed;
    const open = new Set([...ledger.refresh().handed.map((line) => parseGiven(line).key), ...published]);
    const news = [newlyObserved(observer), newlyReceived(ledger)];
    const endAt = performance.now() + WAIT_MS;
    for (let changedAt = performance.now(), before = -1; open.size > 0; await sleep(50)) {
      for (const keys of news) for (const key of keys()) open.delete(key);
      if (open.size !== before) changedAt = performance.now();
      before = open.size;
      if (performance.now() - changedAt >= quietMs || performance.now() >= endAt) return;
    }
    // What comes twice may come late.
    await sleep(quietMs / 4);
  }

  #seconds(): number {
    return (performance.now() - this.#startedAt) / 1_000;
  }

  #detail(): string {
    return `${this.#nodeRed?.logs().slice(-3_000)}\n${this.#testBed.describe()}`;
  }
}
