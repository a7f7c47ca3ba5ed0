import * as assert from 'node:assert/strict';
import type { LibraryProcess } from '../support/library-process';
import { judgeOutbound, waitForObserved } from './harness/judgement';
import { keysOf } from './harness/ledger';
import { libraryProcess, STREAMS } from './harness/library-subject';
import { MemorySampler } from './harness/memory-sampler';
import { TestBed } from './harness/test-bed';

/** Messages on each of the four streams: both versions, QoS 1 and 2. */
const COUNT = 50_000;
const BYTES = 100;
/** How much more memory the process may take while it delivers; it takes no more for a backlog three times as large. */
const GROWTH_MIB_MAX = 150;

describe('a large backlog', function () {
  this.timeout(240_000);
  let testBed: TestBed;
  let library: LibraryProcess | undefined;

  before(async () => {
    testBed = await TestBed.start();
  });

  after(async () => {
    await library?.kill();
    await testBed.stop();
  });

  it(`of ${STREAMS.length * COUNT} messages made offline is delivered completely and in order after a restart`, async () => {
    const madeAt = performance.now();
    library = libraryProcess(testBed, { client: { connect: false, subscriptions: [] } });
    await library.whenOpen();
    await Promise.all(
      STREAMS.map(({ clientId, out, qos }) =>
        library!.call('publish', { clientId, topic: out, qos, first: 1, count: COUNT, bytes: BYTES }),
      ),
    );
    const made = performance.now() - madeAt;
    await library.kill();

    const openedAt = performance.now();
    library = libraryProcess(testBed, { generation: 2, client: { connect: false, subscriptions: [] } });
    await library.whenOpen();
    const opened = performance.now() - openedAt;
    const memory = await MemorySampler.start(library);
    const deliveredAt = performance.now();
    for (const clientId of new Set(STREAMS.map((stream) => stream.clientId)))
      await library.call('connect', { clientId });
    const expected = STREAMS.flatMap(({ out }) => keysOf(out, 1, COUNT));
    const detail = () => `${library?.log}\n${testBed.describe()}`;
    await waitForObserved(testBed.observer, expected, { timeoutMs: 200_000, detail });
    const delivered = performance.now() - deliveredAt;
    const { growthMiB, highestMiB } = await memory.stop();
    await testBed.settle();
    const figures = judgeOutbound(testBed.observer);
    assert.equal(figures.observed, expected.length, 'messages more than once');
    assert.ok(growthMiB < GROWTH_MIB_MAX, `memory grew by ${growthMiB} MiB to ${highestMiB} MiB`);
    assert.deepEqual(library.errors(), []);
    await library.stop();
    const perSecond = Math.round(expected.length / (delivered / 1000));
    console.log(
      `${expected.length} messages: made in ${(made / 1000).toFixed(1)} s, opened in ${(opened / 1000).toFixed(2)} s ` +
        `(start of the process included), delivered in ${(delivered / 1000).toFixed(1)} s (${perSecond}/s); ` +
        `memory at most ${highestMiB} MiB, ${growthMiB} MiB above the start`,
    );
  });
});
