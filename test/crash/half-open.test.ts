import * as assert from 'node:assert/strict';
import type { LibraryProcess } from '../support/library-process';
import { waitFor } from '../support/wait';
import { judgeInbound, judgeOutbound, waitForObserved, waitForReceived } from './harness/judgement';
import { CLIENTS, INBOUND, libraryProcess } from './harness/library-subject';
import { TestBed } from './harness/test-bed';

const KEEPALIVE_S = 4;
/** 1.5 times keep alive, and as much again for a link that could be slow with what is under way, and for a busy machine. */
const NOTICED_WITHIN_S = KEEPALIVE_S * 3;

describe('a half-open link (node-red 1105)', function () {
  this.timeout(90_000);
  let testBed: TestBed;
  let library: LibraryProcess | undefined;

  before(async () => {
    testBed = await TestBed.start();
  });

  after(async () => {
    await library?.kill();
    await testBed.stop();
  });

  it('is noticed, replaced by a new connection, and nothing is lost', async () => {
    library = libraryProcess(testBed, { perSecond: 50, client: { keepalive: KEEPALIVE_S } });
    const detail = () => `${library?.log}\n${testBed.describe()}`;
    await library.whenOpen();
    await testBed.waitForSubscriptions(INBOUND, detail);
    testBed.feed(INBOUND, 50);
    await waitFor(() => testBed.observer.messages.length > 200, { what: 'some messages', detail });

    testBed.proxy.freeze();
    const frozenAt = performance.now();
    const noticed = new Map<string, number>();
    await waitFor(
      () => {
        for (const { clientId } of CLIENTS) {
          if (!noticed.has(clientId) && library!.lostConnections(clientId).length > 0) {
            noticed.set(clientId, (performance.now() - frozenAt) / 1000);
          }
        }
        return noticed.size === CLIENTS.length;
      },
      { what: 'the half-open link to be noticed', timeoutMs: 60_000, detail },
    );
    // What was under way is still delivered to the broker, by the old connections: it may come after the new ones.
    testBed.proxy.thaw();

    for (const { clientId } of CLIENTS) {
      await library.whenConnected(clientId);
      assert.deepEqual(
        library.lostConnections(clientId).map(({ kind }) => kind),
        ['ping-timeout'],
      );
      assert.ok(noticed.get(clientId)! < NOTICED_WITHIN_S, `noticed by ${clientId} after ${noticed.get(clientId)} s`);
      assert.deepEqual(library.sessionsPresent(clientId), [false, true]);
    }
    await library.call('stopTraffic');
    await testBed.stopFeeds();
    await waitForReceived(testBed.ledger, testBed.published, { timeoutMs: 30_000, detail });
    await waitForObserved(testBed.observer, testBed.ledger.done, { timeoutMs: 30_000, detail });
    await testBed.settle();
    assert.deepEqual(library.errors(), []);
    const outbound = judgeOutbound(testBed.observer);
    const inbound = judgeInbound(testBed.ledger.received, testBed.brokerDeliveries());
    await library.stop();
    const times = [...noticed].map(([clientId, seconds]) => `${clientId} ${seconds.toFixed(1)} s`).join(', ');
    console.log(
      `keep alive ${KEEPALIVE_S} s, noticed: ${times}; out ${outbound.observed} (${outbound.doubledQoS1} QoS 1 repeated), ` +
        `in ${inbound.received} (${inbound.repeatedQoS1} QoS 1 repeated), 0 missing`,
    );
  });
});
