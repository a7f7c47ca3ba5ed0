import * as assert from 'node:assert/strict';
import type { LibraryProcess } from '../support/library-process';
import { waitFor } from '../support/wait';
import { judgeOutbound, waitForObserved } from './harness/judgement';
import { keysOf } from './harness/ledger';
import { CLIENTS, libraryProcess, STREAMS } from './harness/library-subject';
import { MemorySampler } from './harness/memory-sampler';
import { TestBed } from './harness/test-bed';

/** 64 kbit/s. */
const SLOW_BYTES_PER_SECOND = 8_000;
const KEEPALIVE_S = 5;
/** The link is slow over this many keep-alive intervals; a message of 1 MB would take two minutes. */
const SLOW_KEEPALIVES = 4;
/** After that it is faster, so that the test comes to an end. */
const FASTER_BYTES_PER_SECOND = 20_000_000;
const MESSAGE_BYTES = 1_000_000;
/** Messages on each of the four streams. */
const COUNT = 32;
const SUBSCRIPTIONS = 10;
/** Less than the messages are, 128 MB; without bounds they would be in memory several times over. */
const GROWTH_MIB_MAX = 96;

describe('a broker behind a slow link', function () {
  this.timeout(150_000);
  let testBed: TestBed;
  let library: LibraryProcess | undefined;
  const detail = () => `${library?.log}\n${testBed.describe()}`;

  before(async () => {
    testBed = await TestBed.start();
  });

  after(async () => {
    await library?.kill();
    await testBed.stop();
  });

  it('gets messages of 1 MB and SUBSCRIBEs between them whole, on one connection, within bounded memory', async () => {
    library = libraryProcess(testBed, { client: { keepalive: KEEPALIVE_S, subscriptions: [] } });
    await library.whenOpen();
    for (const { clientId } of CLIENTS) await library.whenConnected(clientId);
    const memory = await MemorySampler.start(library);
    testBed.proxy.throttle(SLOW_BYTES_PER_SECOND, 'toBroker');
    const slowAt = performance.now();
    for (let round = 1; round <= COUNT; round++) {
      for (const { clientId, out, qos } of STREAMS) {
        await library.call('publish', { clientId, topic: out, qos, first: round, count: 1, bytes: MESSAGE_BYTES });
      }
      for (const { clientId } of CLIENTS) {
        await library.call('subscribe', { clientId, filter: `${clientId}/in/${round}`, qos: 1 });
      }
    }
    const until = slowAt + SLOW_KEEPALIVES * KEEPALIVE_S * 1000;
    let subscription = COUNT;
    await waitFor(
      async () => {
        if (subscription < COUNT + SUBSCRIPTIONS) {
          subscription++;
          for (const { clientId } of CLIENTS) {
            await library!.call('subscribe', { clientId, filter: `${clientId}/in/${subscription}`, qos: 1 });
          }
        }
        return performance.now() >= until;
      },
      { what: 'the slow time to pass', intervalMs: 1_000, timeoutMs: 60_000 },
    );
    assert.equal(testBed.proxy.connectionCount, CLIENTS.length, `a connection was lost:\n${detail()}`);
    assert.equal(testBed.observer.messages.length, 0, 'the link was not slow');

    testBed.proxy.throttle(FASTER_BYTES_PER_SECOND, 'toBroker');
    const expected = STREAMS.flatMap(({ out }) => keysOf(out, 1, COUNT));
    await waitForObserved(testBed.observer, expected, { timeoutMs: 90_000, detail });
    await testBed.settle();
    const { growthMiB, highestMiB } = await memory.stop();
    assert.equal(testBed.proxy.connectionCount, CLIENTS.length, `a connection was lost:\n${detail()}`);
    assert.equal(testBed.observer.messages.length, expected.length);
    assert.ok(
      testBed.observer.messages.every(({ payload }) => payload.length === MESSAGE_BYTES),
      'payloads changed',
    );
    judgeOutbound(testBed.observer);
    assert.ok(growthMiB < GROWTH_MIB_MAX, `memory grew by ${growthMiB} MiB to ${highestMiB} MiB`);
    const { subscribe, pingreq } = testBed.proxy.counters.toBroker;
    assert.ok((subscribe ?? 0) > CLIENTS.length * COUNT, `only ${subscribe} SUBSCRIBE`);
    assert.deepEqual(library.errors(), []);
    const seconds = (performance.now() - slowAt) / 1000;
    await library.stop();
    console.log(
      `${expected.length} messages of 1 MB, ${subscribe} SUBSCRIBE and ${pingreq ?? 0} PINGREQ between them; ` +
        `${SLOW_KEEPALIVES * KEEPALIVE_S} s at 64 kbit/s with keep alive ${KEEPALIVE_S} s, then faster, ${seconds.toFixed(0)} s ` +
        `in all; memory at most ${highestMiB} MiB, ${growthMiB} MiB above the start; no connection lost`,
    );
  });
});
