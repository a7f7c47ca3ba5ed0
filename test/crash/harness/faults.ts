import * as fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { waitFor } from '../../support/wait';
import { waitForReceived } from './judgement';
import type { Fault, Plan } from './plan';
import { SmallDisk } from './small-disk';
import type { Stream, TestBed } from './test-bed';

/** 64 kbit/s. */
const SLOW_BYTES_PER_SECOND = 8_000;
/** For what comes within a second, but not on a machine that is busy with something else. */
export const WAIT_MS = 120_000;
const QUIET_MS = 5_000;
export const LARGE_BYTES = 1_000_000;

export interface FaultCounts {
  outages: number;
  halfOpen: number;
  brokerKills: number;
  brokerRestarts: number;
  sessionsLost: number;
  fullDisks: number;
  slowLinks: number;
}

export interface FaultOptions {
  testBed: TestBed;
  clients: readonly { clientId: string; protocolVersion: 4 | 5 }[];
  inbound: readonly Stream[];
  detail: () => string;
  /** The process under test may lose messages of its own: nothing is waited for that may never come. */
  lossy: boolean;
}

type End = () => Promise<void>;

/** Makes the faults of a campaign happen, and end. At most one is on at a time. */
export class Faults {
  readonly counts: FaultCounts = {
    outages: 0,
    halfOpen: 0,
    brokerKills: 0,
    brokerRestarts: 0,
    sessionsLost: 0,
    fullDisks: 0,
    slowLinks: 0,
  };
  readonly #options: FaultOptions;
  #end: (() => Promise<void>) | undefined;
  #on: Fault | undefined;

  constructor(options: FaultOptions) {
    this.#options = options;
  }

  /** What is on now; undefined: nothing. */
  get on(): Fault | undefined {
    return this.#on;
  }

  /** Begins the fault of a plan and lets it be for its time. It stays on until {@link end}. */
  async begin({ fault, holdMs }: Plan): Promise<void> {
    const { wire } = this.#options.testBed;
    wire.note(`=== ${fault} begins`);
    this.#on = fault;
    this.#end = await this.#begin(fault);
    await sleep(holdMs);
  }

  async end(): Promise<void> {
    const { testBed } = this.#options;
    if (this.#on === undefined) return;
    if (this.#end !== undefined) await this.#end();
    testBed.wire.note(`=== ${this.#on} is over`);
    this.#end = undefined;
    this.#on = undefined;
  }

  async #begin(fault: Fault): Promise<End | undefined> {
    const { testBed } = this.#options;
    switch (fault) {
      case 'none':
      case 'while-starting':
        return undefined;
      case 'outage':
        this.counts.outages++;
        await testBed.outage(true);
        return () => testBed.outage(false);
      case 'half-open':
        this.counts.halfOpen++;
        testBed.proxy.freeze();
        return async () => testBed.proxy.thaw();
      case 'broker-restarted':
        this.counts.brokerRestarts++;
        await testBed.broker.stop();
        return () => testBed.broker.start();
      case 'broker-killed':
        return this.#killBroker();
      case 'session-lost':
        return this.#loseSessions();
      case 'full-disk':
        if (!(testBed.disk instanceof SmallDisk)) throw new Error('the sessions have no disk that can be filled');
        this.counts.fullDisks++;
        testBed.disk.fill();
        return async () => (testBed.disk as SmallDisk).empty();
      case 'slow-link':
        return this.#slowDown();
    }
  }

  async #killBroker(): Promise<End> {
    const { testBed } = this.#options;
    const { broker, brokerFaults } = testBed;
    // What the broker never saved it is entitled to know nothing of; that would be another fault, `session-lost`.
    const since = performance.timeOrigin + testBed.subscribedAtMs + 200;
    await waitFor(() => (broker.savedAtMs ?? 0) > since, {
      what: 'the broker to save its sessions',
      timeoutMs: WAIT_MS,
    });
    this.counts.brokerKills++;
    await broker.kill();
    brokerFaults.killed(broker.savedAtMs as number);
    return () => {
      brokerFaults.starting();
      return broker.start();
    };
  }

  /**
   * Nothing waits at the broker for the process when its sessions are lost, so that what is missing afterwards was not
   * lost there.
   */
  async #loseSessions(): Promise<End> {
    const { testBed, clients, inbound, detail, lossy } = this.#options;
    testBed.pauseFeeds(true);
    await waitFor(() => testBed.publisher.openCount === 0, {
      what: 'the broker to take all messages',
      timeoutMs: WAIT_MS,
      detail,
    });
    if (lossy) await this.#nothingMoreIn();
    else await this.#everythingIn();
    this.counts.sessionsLost++;
    await testBed.outage(true);
    for (const { clientId, protocolVersion } of clients) await forgetSession(testBed, clientId, protocolVersion);
    testBed.brokerFaults.sessionLost();
    await testBed.outage(false);
    return async () => {
      await testBed.waitForSubscriptions(inbound, detail);
      testBed.pauseFeeds(false);
    };
  }

  /** For a process that may have lost some: what the broker has for it is out when nothing comes any more. */
  async #nothingMoreIn(): Promise<void> {
    const { ledger } = this.#options.testBed;
    for (let count = -1; count !== ledger.refresh().received.length; ) {
      count = ledger.received.length;
      await sleep(QUIET_MS);
    }
  }

  async #everythingIn(): Promise<void> {
    const { testBed, detail } = this.#options;
    const { ledger, published, brokerFaults } = testBed;
    const expected = published.filter((key) => {
      const qos = key.includes('qos2') ? 2 : 1;
      return !brokerFaults.explains({ kind: 'lost-in', key, qos, text: '' });
    });
    await waitForReceived(ledger, expected, { timeoutMs: WAIT_MS, detail });
  }

  #slowDown(): End {
    const { testBed } = this.#options;
    this.counts.slowLinks++;
    testBed.proxy.throttle(SLOW_BYTES_PER_SECOND);
    testBed.feedLarge(LARGE_BYTES);
    fs.writeFileSync(testBed.largeFile, String(LARGE_BYTES));
    return async () => testBed.proxy.throttle(undefined);
  }
}

/** Ends a client's session at the broker, behind its back. */
export async function forgetSession({ broker }: TestBed, clientId: string, protocolVersion: 4 | 5): Promise<void> {
  const client = await connectAsync(broker.url, { clientId, protocolVersion, clean: true });
  await client.endAsync();
}
