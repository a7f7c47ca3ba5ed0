import { Child } from '../child';
import { compare } from '../comparison';
import { median, rounded } from '../figures';
import type { Benchmark, BenchmarkResult } from '../result';

const BODY_BYTES = 250;
const GROUP = 1_000;
const CONTENDERS = ['ours', 'rawAppend', 'classicLevel', 'lmdb', 'nodeSqlite'];
/** `node:sqlite` is part of Node.js from here on. */
const SQLITE_NODE = '24';

/** The journal alone against databases and the bare disk: records in groups of the same size, each group synced. */
export const storage: Benchmark = async ({ quick }) => {
  const records = quick ? 20_000 : 200_000;
  const pairs = quick ? 3 : 7;
  const children = new Map<string, Child>();
  const diskBytes = new Map<string, number[]>();
  const absent: Record<string, string> = {};
  for (const name of CONTENDERS) {
    const binary = name === 'nodeSqlite' ? await sqliteNode() : process.execPath;
    if (binary === undefined) absent[name] = `no Node.js ${SQLITE_NODE} for this platform`;
    else children.set(name, new Child('storage', { STORAGE: name }, binary));
  }
  try {
    const compared = await compare({
      contenders: [...children.keys()],
      pairs,
      round: async (name) => {
        const result = await children
          .get(name)
          ?.round({ type: 'append', records, group: GROUP, bodyBytes: BODY_BYTES });
        if (result === undefined) throw new Error(`no storage ${name}`);
        const bytes = result.figures?.diskBytes;
        if (bytes !== undefined) diskBytes.set(name, [...(diskBytes.get(name) ?? []), bytes]);
        return { ...result, messages: records };
      },
    });
    const table: BenchmarkResult['table'] = {};
    for (const [name, row] of Object.entries(compared.table)) {
      const { 'messages/s': perSecond = '', 'CPU us/message': cpu = '', ...ratio } = row;
      table[name] = {
        'records/s': perSecond,
        'CPU us/record': cpu,
        'disk bytes/record': rounded(median(diskBytes.get(name) ?? [])),
        ...ratio,
      };
    }
    const failed = { ...absent, ...compared.failed };
    return {
      benchmark: 'storage',
      what: `${records} records of ${BODY_BYTES} bytes in groups of ${GROUP}, each group synced; ${pairs} interleaved pairs`,
      ...compared,
      table,
      ...(Object.keys(failed).length > 0 ? { failed } : {}),
      chart: {
        title: 'Records stored, each group of 1,000 on the disk before it counts',
        unit: 'records/s',
        bars: Object.entries(table).map(([name, row]) => ({
          name,
          value: Number(row['records/s']),
          isOurs: name === 'ours',
        })),
      },
      targets: [{ what: 'of raw append + fdatasync', value: compared.ratios?.rawAppend, atLeast: 0.8 }],
    };
  } finally {
    for (const child of children.values()) child.stop();
  }
};

/** A Node.js binary that has `node:sqlite`. */
async function sqliteNode(): Promise<string | undefined> {
  if (Number(process.versions.node.split('.')[0]) >= Number(SQLITE_NODE)) return process.execPath;
  // Plain JavaScript without types.
  const cache: string = '../../scripts/lib/cache.mjs';
  const { nodeBinary, otherNodesAvailable } = (await import(cache)) as Cache;
  return otherNodesAvailable ? nodeBinary(SQLITE_NODE) : undefined;
}

interface Cache {
  otherNodesAvailable: boolean;
  nodeBinary(version: string): Promise<string>;
}
