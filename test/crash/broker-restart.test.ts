import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { connectAsync } from 'mqtt';
import type { LibraryProcess } from '../support/library-process';
import { waitFor } from '../support/wait';
import { judgeInbound, judgeOutbound, observedKey, waitForObserved, waitForReceived } from './harness/judgement';
import { CLIENTS, INBOUND, libraryProcess } from './harness/library-subject';
import { TestBed } from './harness/test-bed';

const PER_SECOND = 75;
/** What may be unacknowledged at a time on one client: its window. */
const WINDOW = 100;

describe('a broker that restarts', function () {
  this.timeout(120_000);
  let testBed: TestBed;
  let library: LibraryProcess | undefined;
  const detail = () => `${library?.log}\n${testBed.describe()}`;

  beforeEach(async () => {
    testBed = await TestBed.start();
    library = libraryProcess(testBed, { perSecond: PER_SECOND });
    await library.whenOpen();
    await testBed.waitForSubscriptions(INBOUND, detail);
  });

  afterEach(async () => {
    await library?.kill();
    await testBed.stop();
  });

  async function waitForMore(count: number): Promise<void> {
    const until = testBed.observer.messages.length + count;
    await waitFor(() => testBed.observer.messages.length >= until, { what: 'messages', timeoutMs: 30_000, detail });
  }

  async function finish(): Promise<void> {
    await library!.call('stopTraffic');
    await testBed.stopFeeds();
    await waitForReceived(testBed.ledger, testBed.published, { timeoutMs: 30_000, detail });
    await waitForObserved(testBed.observer, testBed.ledger.done, { timeoutMs: 30_000, detail });
    await testBed.settle();
    assert.deepEqual(library!.errors(), []);
  }

  it('and keeps its sessions: everything arrives, QoS 2 once', async () => {
    testBed.feed(INBOUND, PER_SECOND);
    for (let restart = 0; restart < 3; restart++) {
      await waitForMore(300);
      await testBed.broker.restart();
      for (const { clientId } of CLIENTS) await library!.whenConnected(clientId);
    }
    await waitForMore(100);
    await finish();
    const outbound = judgeOutbound(testBed.observer);
    const inbound = judgeInbound(testBed.ledger.received, testBed.brokerDeliveries());
    for (const { clientId } of CLIENTS) {
      const [first, ...later] = library!.sessionsPresent(clientId);
      assert.equal(first, false);
      assert.ok(
        later.length >= 3 && later.every((present) => present === true),
        `${clientId}: ${library!.sessionsPresent(clientId)}`,
      );
    }
    await library!.stop();
    console.log(
      `3 restarts, Session Present 1: out ${testBed.ledger.done.length} done, ${outbound.observed} observed ` +
        `(${outbound.doubledQoS1} QoS 1 repeated), in ${testBed.published.length} published, ${inbound.received} handed over ` +
        `(${inbound.repeatedQoS1} QoS 1 repeated, ${testBed.brokerDeliveries().repeatedAfterRelease.size} repeated by the broker after release)`,
    );
  });

  it('and forgot our sessions: messages in flight are published anew, subscriptions made again', async () => {
    await waitForMore(300);
    await testBed.outage(true);
    // As the broker would after an expired session: only ours, so that the observer can tell what arrived.
    for (const { clientId, protocolVersion } of CLIENTS) await forgetSession(testBed, clientId, protocolVersion);
    await testBed.outage(false);
    for (const { clientId } of CLIENTS) await library!.whenConnected(clientId);
    await testBed.waitForSubscriptions(INBOUND, detail);
    testBed.feed(INBOUND, PER_SECOND);
    await waitForMore(300);
    await finish();
    for (const { clientId } of CLIENTS) assert.deepEqual(library!.sessionsPresent(clientId), [false, false]);
    // In flight at the cut, and so possibly at the broker already: at most a window of each client.
    const outbound = judgeOutbound(testBed.observer, { doubledQoS2: CLIENTS.length * WINDOW });
    const requeued = requeuedBySessionLoss(library!);
    assert.ok(outbound.doubledQoS1 + outbound.doubledQoS2 <= requeued, `more repeated than the ${requeued} requeued`);
    await library!.stop();
    console.log(
      `Session Present 0: ${requeued} in flight published anew, of which arrived twice: ${outbound.doubledQoS1} QoS 1, ` +
        `${outbound.doubledQoS2} QoS 2; ${testBed.ledger.done.length} done, ${outbound.observed} observed, 0 missing`,
    );
  });

  it('and lost everything it had: what it had not passed on is published anew', async () => {
    await waitForMore(300);
    await testBed.outage(true);
    // What the broker took it passes on to the observer before these; what it did not take is still ours to deliver.
    await Promise.all([
      testBed.publisher.publish('marker/out/1', '1', 1),
      testBed.publisher.publish('marker/out/2', '1', 2),
    ]);
    await waitFor(() => testBed.observer.on('marker/out/1').length + testBed.observer.on('marker/out/2').length === 2, {
      what: 'everything that the broker took to be at the observer',
    });
    await testBed.broker.stop();
    fs.rmSync(path.join(testBed.broker.directory, 'mosquitto.db'));
    await testBed.broker.start();
    await waitFor(() => testBed.observer.sessionsLost === 1 && testBed.observer.connected, { what: 'the observer' });
    await testBed.outage(false);
    for (const { clientId } of CLIENTS) await library!.whenConnected(clientId);
    await testBed.waitForSubscriptions(INBOUND, detail);
    testBed.feed(INBOUND, PER_SECOND);
    await waitForMore(300);
    await finish();
    for (const { clientId } of CLIENTS) assert.deepEqual(library!.sessionsPresent(clientId), [false, false]);
    const requeued = requeuedBySessionLoss(library!);
    const doubled = testBed.observer.doubled().length;
    assert.ok(doubled <= requeued, `${doubled} repeated, but only ${requeued} published anew`);
    assert.deepEqual(testBed.observer.outOfOrder().map(observedKey), []);
    await library!.stop();
    console.log(
      `broker without its data: ${requeued} in flight published anew, of which ${doubled} arrived twice; ` +
        `${testBed.ledger.done.length} done, 0 missing`,
    );
  });
});

/** Ends a client's session at the broker, behind its back. */
async function forgetSession({ broker }: TestBed, clientId: string, protocolVersion: 4 | 5): Promise<void> {
  const client = await connectAsync(broker.url, { clientId, protocolVersion, clean: true });
  await client.endAsync();
}

function requeuedBySessionLoss(library: LibraryProcess): number {
  const reports = library.events.flatMap((event) =>
    event.event === 'report' ? [JSON.parse(event.report) as { kind: string; requeued?: number }] : [],
  );
  return reports.reduce((sum, { kind, requeued }) => sum + (kind === 'session-lost' ? (requeued ?? 0) : 0), 0);
}
