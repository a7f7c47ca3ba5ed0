import { Mosquitto } from '../../test/support/mosquitto';
import { Child } from '../child';
import { rounded } from '../figures';
import { withFolder } from '../folder';
import type { Benchmark, BenchmarkResult } from '../result';

const PAYLOAD_BYTES = 200;
/** Node.js lets garbage lie as long as its limit allows; with a limit like this one it shows what is needed. */
const SMALL_HEAP = ['--max-old-space-size=40'];

/**
 * A backlog whose writer is killed: opened in a process of its own. Until the first PUBLISH, counted from the call of
 * `open`; and memory (RSS) above what the process had after loading the package, until everything is drained.
 */
export const open: Benchmark = async ({ quick }) => {
  const messages = quick ? 30_000 : 1_000_000;
  const broker = await Mosquitto.start({ configuration: ['persistence false', 'max_inflight_messages 0'] });
  try {
    const normal = await drainedBacklog(messages, broker.url, []);
    const small = await drainedBacklog(messages, broker.url, SMALL_HEAP);
    const { firstPublishMs = Number.NaN, rssGrowthMiB = Number.NaN } = normal;
    return {
      benchmark: 'open',
      what: `${messages} messages of ${PAYLOAD_BYTES} bytes queued by a process that was killed, opened and drained`,
      figures: { messages, firstPublishMs: rounded(firstPublishMs), rssGrowthMiB: rounded(rssGrowthMiB, 3) },
      table: { ours: row(messages, normal), [`ours, node ${SMALL_HEAP.join(' ')}`]: row(messages, small) },
      targets: [
        { what: 'ms to the first PUBLISH', value: rounded(firstPublishMs), atMost: 300 },
        { what: 'MiB above the start until drained', value: rounded(rssGrowthMiB, 3), atMost: 64 },
        {
          what: `the same, node ${SMALL_HEAP.join(' ')}`,
          value: rounded(small.rssGrowthMiB ?? Number.NaN, 3),
          atMost: 64,
        },
      ],
    };
  } finally {
    await broker.remove();
  }
};

function row(messages: number, figures: Record<string, number>): BenchmarkResult['table'][string] {
  const { openMs, firstPublishMs, rssGrowthMiB, heldMiB, drainSeconds } = figures as Record<string, number | undefined>;
  return {
    'opened ms': rounded(openMs ?? Number.NaN),
    'first PUBLISH ms': rounded(firstPublishMs ?? Number.NaN),
    'memory MiB above the start': rounded(rssGrowthMiB ?? Number.NaN, 3),
    'of it held after a collection': rounded(heldMiB ?? Number.NaN, 3),
    'drained messages/s': rounded(messages / (drainSeconds ?? Number.NaN)),
  };
}

/** `nodeArguments`: for the process that opens the session. */
function drainedBacklog(
  messages: number,
  brokerUrl: string,
  nodeArguments: readonly string[],
): Promise<Record<string, number>> {
  return withFolder(async (path) => {
    const writer = new Child('backlog', { BACKLOG_PATH: path });
    await writer.ask({ type: 'backlog', messages, payloadBytes: PAYLOAD_BYTES, qos: 1 });
    writer.stop('SIGKILL');
    const reader = new Child('backlog', { BACKLOG_PATH: path }, process.execPath, nodeArguments);
    try {
      const begin = performance.now();
      const { figures } = await reader.round({ type: 'open', brokerUrl });
      return { ...figures, drainSeconds: (performance.now() - begin) / 1_000 };
    } finally {
      reader.stop();
    }
  });
}
