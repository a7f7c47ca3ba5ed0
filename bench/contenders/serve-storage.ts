import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Request } from './contender';
import { reply, timed } from './serve';
import type { Storage } from './storage';

/** Lets the parent process drive a storage; each round has a storage of its own. */
export function serveStorage(open: (path: string) => Promise<Storage>): void {
  reply(async (request: Request) => {
    if (request.type !== 'append') return undefined;
    const { records, group, bodyBytes } = request;
    const path = await mkdtemp(join(process.env.BENCH_FOLDER ?? tmpdir(), 'mqtt-sessions-bench-'));
    try {
      const storage = await open(path);
      const body = Buffer.alloc(bodyBytes, 'x');
      await storage.append(group * 5, body, group);
      const before = await bytesToDisk();
      const result = await timed(() => storage.append(records, body, group));
      const after = await bytesToDisk();
      await storage.close();
      const figures =
        before === undefined || after === undefined ? {} : { figures: { diskBytes: (after - before) / records } };
      return { ...result, ...figures };
    } finally {
      await rm(path, { recursive: true, force: true });
    }
  });
}

/** What this process has sent to disks, as the kernel counts it; undefined where it does not (other systems than Linux). */
async function bytesToDisk(): Promise<number | undefined> {
  const counters = await readFile('/proc/self/io', 'latin1').catch(() => '');
  const [, bytes] = /^write_bytes: (\d+)$/m.exec(counters) ?? [];
  return bytes === undefined ? undefined : Number(bytes);
}
