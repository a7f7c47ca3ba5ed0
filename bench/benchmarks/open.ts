import { Mosquitto } from '../../test/support/mosquitto';
import { Child } from '../child';
import { rounded } from '../figures';
import { withFolder } from '../folder';
import type { Benchmark } from '../result';

const PAYLOAD_BYTES = 200;

/**
 * A backlog whose writer is killed: opened in a process of its own. Until the first PUBLISH, counted from the call of
 * `open`; and memory (RSS) above what the process had after loading the package, until everything is drained.
 */
export const open: Benchmark = async ({ quick }) => {
  const messages = quick ? 30_000 : 1_000_000;
  const broker = await Mosquitto.start({ configuration: ['persistence false', 'max_inflight_messages 0'] });
  try {
    return await withFolder(async (path) => {
      const writer = new Child('backlog', { BACKLOG_PATH: path });
      await writer.ask({ type: 'backlog', messages, payloadBytes: PAYLOAD_BYTES, qos: 1 });
      writer.stop('SIGKILL');
      const reader = new Child('backlog', { BACKLOG_PATH: path });
      try {
        const begin = performance.now();
        const { figures } = await reader.round({ type: 'open', brokerUrl: broker.url });
        const {
          firstPublishMs = Number.NaN,
          rssGrowthMiB = Number.NaN,
          openMs = Number.NaN,
          heldMiB = Number.NaN,
        } = figures ?? {};
        const drainSeconds = (performance.now() - begin) / 1_000;
        return {
          benchmark: 'open',
          what: `${messages} messages of ${PAYLOAD_BYTES} bytes queued by a process that was killed, opened and drained`,
          figures: { messages, firstPublishMs: rounded(firstPublishMs), rssGrowthMiB: rounded(rssGrowthMiB, 3) },
          table: {
            ours: {
              'opened ms': rounded(openMs),
              'first PUBLISH ms': rounded(firstPublishMs),
              'memory MiB above the start': rounded(rssGrowthMiB, 3),
              'of it held after a collection': rounded(heldMiB, 3),
              'drained messages/s': rounded(messages / drainSeconds),
            },
          },
          targets: [
            { what: 'ms to the first PUBLISH', value: rounded(firstPublishMs), atMost: 300 },
            { what: 'MiB above the start until drained', value: rounded(rssGrowthMiB, 3), atMost: 64 },
          ],
        };
      } finally {
        reader.stop();
      }
    });
  } finally {
    await broker.remove();
  }
};
