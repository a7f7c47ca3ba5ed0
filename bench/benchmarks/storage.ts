import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { library } from '../built';
import { compare } from '../comparison';
import { withFolder } from '../folder';
import type { Benchmark } from '../result';

const BODY_BYTES = 250;
const OUTSTANDING = 1_000;
const RECORD_KIND = 0x81;

/** The journal alone: append and group commit, `OUTSTANDING` records at most under way, against one file. */
export const storage: Benchmark = async ({ quick }) => {
  const records = quick ? 50_000 : 200_000;
  const pairs = 5;
  const compared = await compare({
    contenders: ['ours', 'rawAppend'],
    pairs,
    round: (name) =>
      withFolder(async (path) => {
        const cpu = process.cpuUsage();
        const begin = performance.now();
        await (name === 'ours' ? journal(path, records) : rawAppend(path, records));
        const milliseconds = performance.now() - begin;
        const { user, system } = process.cpuUsage(cpu);
        return { messages: records, milliseconds, cpuMicroseconds: user + system };
      }),
  });
  return {
    benchmark: 'storage',
    what: `${records} records of ${BODY_BYTES} bytes, ${OUTSTANDING} under way, each batch in one write and one fdatasync; ${pairs} interleaved pairs`,
    ...compared,
  };
};

const codec = {
  kind: () => RECORD_KIND,
  size: (record: Buffer) => record.length,
  write: (record: Buffer, target: Buffer, offset: number) => offset + record.copy(target, offset),
  read: (_kind: number, body: Buffer) => body,
};

async function journal(path: string, records: number): Promise<void> {
  const store = await library.openSessionStore({ path });
  const session = await store.open('bench-storage', codec, undefined);
  const body = Buffer.alloc(BODY_BYTES, 'x');
  await new Promise<void>((resolve, reject) => {
    let appended = 0;
    const append = (durable: number): void => {
      while (appended < records && appended - durable < OUTSTANDING) session.append(++appended, body);
    };
    session.events = {
      durable: (sequence) => {
        if (sequence >= records) resolve();
        else append(sequence);
      },
      failed: reject,
      checkpointDue: () => undefined,
      lost: reject,
    };
    append(0);
  });
  await session.close();
  await store.close();
}

/** The same bytes in the same batches, without headers, checksums or segments. */
async function rawAppend(path: string, records: number): Promise<void> {
  const file = await open(join(path, 'raw'), 'w');
  const body = Buffer.alloc(BODY_BYTES + 21, 'x');
  for (let written = 0; written < records; written += OUTSTANDING) {
    await file.write(Buffer.concat(Array.from({ length: Math.min(OUTSTANDING, records - written) }, () => body)));
    await file.datasync();
  }
  await file.close();
}
