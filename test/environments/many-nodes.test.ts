import * as assert from 'node:assert/strict';
import * as path from 'node:path';
import { describe, it } from 'mocha';
import { temporaryDirectory } from '../nodes/flow';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';
import { type Implementation, manyNodes } from './many-nodes/flow';

const NODES = 500;
const RUNS = 3;
const MOST_TIMES_CORE = 1.5;
const MIB = 2 ** 20;

interface Usage {
  /** CPU time of the process, user and system, since it started. */
  cpuMs: number;
  /** Since it started. */
  wallMs: number;
  /** Bytes, after garbage collection. */
  rss: number;
  /** Bytes, after garbage collection. */
  heapUsed: number;
}

/** A Node-RED from its start until the broker knows all subscriptions. Only ours has the package installed. */
async function usageOf(implementation: Implementation, count: number): Promise<Usage> {
  const broker = await Mosquitto.start({ configuration: ['log_type subscribe'] });
  let nodeRed: NodeRedProcess | undefined;
  try {
    const flows = manyNodes(implementation, count, broker.port, 'many');
    const preload = path.join(__dirname, 'many-nodes', 'report-usage.cjs');
    nodeRed = await startNodeRed(temporaryDirectory(), {
      flows,
      env: { NODE_OPTIONS: `--require ${preload}` },
      ...(implementation === 'core' && { packageFolder: null }),
    });
    const { logs, pid } = nodeRed;
    const subscribed = () => new Set(broker.log.match(/\bmany\/\d+$/gm)).size;
    await waitFor(() => subscribed() === count, {
      what: `${count} subscriptions at the broker`,
      timeoutMs: 30_000,
      intervalMs: 50,
      detail: () => `${subscribed()}\n${logs()}`,
    });
    process.kill(pid, 'SIGUSR2');
    const [, json] = await waitFor(() => /usage: (\{.*\})/.exec(logs()), { what: 'its usage', detail: logs });
    return JSON.parse(json as string) as Usage;
  } finally {
    await nodeRed?.kill();
    await broker.remove();
  }
}

function median(usages: readonly Usage[], of: keyof Usage): number {
  const sorted = usages.map((usage) => usage[of]).sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

describe(`${NODES} in and ${NODES} out nodes on one broker node`, function () {
  this.timeout(120_000);

  it(`need at most ${MOST_TIMES_CORE} times the time and memory that Node-RED's own nodes need to start`, async () => {
    const usages = { core: [] as Usage[], ours: [] as Usage[] };
    const empty = { core: [] as Usage[], ours: [] as Usage[] };
    for (let run = 0; run < RUNS; run++) {
      for (const implementation of ['core', 'ours'] as const) {
        empty[implementation].push(await usageOf(implementation, 0));
        usages[implementation].push(await usageOf(implementation, NODES));
      }
    }
    for (const [figure, unit] of [
      ['cpuMs', 1],
      ['wallMs', 1],
      ['rss', MIB],
      ['heapUsed', MIB],
    ] as const) {
      const shown = (all: readonly Usage[]) => (median(all, figure) / unit).toFixed(0);
      const sides = (['core', 'ours'] as const).map(
        (side) => `${side} ${shown(usages[side])} (without nodes ${shown(empty[side])})`,
      );
      console.log(`      ${figure}: ${sides.join(', ')}`);
    }
    const times = (figure: keyof Usage) => median(usages.ours, figure) / median(usages.core, figure);
    // Whatever else the machine does only adds to it.
    const fastest = (side: 'core' | 'ours') => Math.min(...usages[side].map(({ wallMs }) => wallMs));
    const ofNodes = (side: 'core' | 'ours') => median(usages[side], 'heapUsed') - median(empty[side], 'heapUsed');
    const ratios = {
      cpu: times('cpuMs'),
      wall: fastest('ours') / fastest('core'),
      rss: times('rss'),
      heap: times('heapUsed'),
      // Of the nodes alone, without what Node-RED and the packages take anyway.
      nodesHeap: ofNodes('ours') / ofNodes('core'),
    };
    for (const [figure, ratio] of Object.entries(ratios)) {
      assert.ok(ratio <= MOST_TIMES_CORE, `${figure}: ${ratio.toFixed(2)} times: ${JSON.stringify({ usages, empty })}`);
    }
  });
});
