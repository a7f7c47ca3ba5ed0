import { Child } from '../child';
import { rounded } from '../figures';
import type { Benchmark, BenchmarkResult } from '../result';

const PAYLOAD_BYTES = 1_000;
const SYNC_MS = 100;

/**
 * A producer that is faster than the disk, and a broker that is not there. One that waits for each batch to be stored
 * before it publishes the next (as a flow does that waits for `done`), and one that waits for nothing: its messages are
 * refused once 64 MiB wait for the disk, and it tries again. Memory is that of the process above what it had after
 * loading the package, at its highest.
 */
export const backpressure: Benchmark = async ({ quick }) => {
  const seconds = quick ? 1 : 20;
  const table: BenchmarkResult['table'] = {};
  const growth: Record<string, number> = {};
  for (const producer of ['waits', 'does not wait']) {
    const child = new Child('producer', { SYNC_MS: String(SYNC_MS), PRODUCER: producer });
    try {
      const { figures = {} } = await child.round({ type: 'produce', seconds, payloadBytes: PAYLOAD_BYTES });
      const { storedPerSecond = Number.NaN, refused = Number.NaN, rssGrowthMiB = Number.NaN } = figures;
      growth[producer] = rssGrowthMiB;
      table[`a producer that ${producer}`] = {
        'stored messages/s': rounded(storedPerSecond),
        refused,
        'memory MiB above the start': rounded(rssGrowthMiB, 3),
      };
      await child.ask({ type: 'close' });
    } finally {
      child.stop();
    }
  }
  return {
    benchmark: 'backpressure',
    what: `messages of ${PAYLOAD_BYTES} bytes for ${seconds} s, each sync ${SYNC_MS} ms, no broker, durability always`,
    table,
    targets: Object.entries(growth).map(([producer, value]) => ({
      what: `MiB above the start, a producer that ${producer}`,
      value: rounded(value, 3),
      atMost: 128,
    })),
  };
};
