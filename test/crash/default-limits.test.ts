import * as assert from 'node:assert/strict';
import type { LibraryProcess } from '../support/library-process';
import { judgeInbound, judgeOutbound, waitForObserved, waitForReceived } from './harness/judgement';
import { keysOf } from './harness/ledger';
import { CLIENTS, INBOUND, libraryProcess, STREAMS } from './harness/library-subject';
import { FIRST_FED, TestBed } from './harness/test-bed';

const COUNT = 1_500;
/** A 3.1.1 broker does not announce its limit: what it closes for is learned, and costs a reconnect. */
const LOST_CONNECTIONS_MAX = { v4: 1, v5: 0 } as const;

describe("a broker with Mosquitto's default limits", function () {
  this.timeout(120_000);
  let testBed: TestBed;
  let library: LibraryProcess | undefined;

  before(async () => {
    // The limit on queued messages would have the broker drop messages for the observer.
    testBed = await TestBed.start({ mosquitto: { defaultLimits: true, maxQueuedMessages: 0 } });
  });

  after(async () => {
    await library?.kill();
    await testBed.stop();
  });

  it(`takes ${COUNT} messages for each QoS, direction and version without a connection loop`, async () => {
    const startedAt = performance.now();
    library = libraryProcess(testBed);
    const detail = () => `${library?.log}\n${testBed.describe()}`;
    await library.whenOpen();
    await testBed.waitForSubscriptions(INBOUND, detail);
    // Offline, so that all of it waits when the connection comes up.
    for (const { clientId } of CLIENTS) await library.call('disconnect', { clientId });
    const inbound = INBOUND.flatMap(({ topic, qos }) =>
      Array.from({ length: COUNT }, (_unused, index) => testBed.publish(topic, FIRST_FED + index, qos)),
    );
    for (const { clientId, out, qos } of STREAMS) {
      await library.call('publish', { clientId, topic: out, qos, first: 1, count: COUNT });
    }
    await Promise.all(inbound);
    const online = performance.now();
    for (const { clientId } of CLIENTS) await library.call('connect', { clientId });
    const expected = STREAMS.flatMap(({ out }) => keysOf(out, 1, COUNT));
    await waitForObserved(testBed.observer, expected, { timeoutMs: 60_000, detail });
    await waitForReceived(testBed.ledger, testBed.published, { timeoutMs: 60_000, detail });
    const seconds = (performance.now() - online) / 1000;
    await testBed.settle();

    const lost = CLIENTS.map(({ clientId }) => ({ clientId, count: library!.lostConnections(clientId).length }));
    const ended = lost.map(({ clientId, count }) => ({ clientId, count: count - 1 }));
    for (const { clientId, count } of ended) {
      assert.ok(
        count <= LOST_CONNECTIONS_MAX[clientId],
        `${clientId} lost its connection ${count} times:\n${detail()}`,
      );
    }
    assert.deepEqual(library.errors(), []);
    const outbound = judgeOutbound(testBed.observer);
    const received = judgeInbound(testBed.ledger.received, testBed.brokerDeliveries());
    assert.equal(outbound.doubledQoS2, 0);
    await library.stop();
    console.log(
      `out ${outbound.observed} (${outbound.doubledQoS1} QoS 1 repeated), in ${received.received}, ` +
        `${seconds.toFixed(1)} s after connecting; connections lost: ` +
        `${ended.map(({ clientId, count }) => `${clientId} ${count}`).join(', ')}; ` +
        `whole test ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
    );
  });
});
