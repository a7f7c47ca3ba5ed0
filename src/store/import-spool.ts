import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { TEMPORARY_SUFFIX } from './files';

/** What `spooled` leaves behind when its process is killed; clean-up removes it. */
const SPOOL = /^import-[0-9a-f]{8}\.jsonl\.tmp$/;

export function isImportSpool(name: string): boolean {
  return SPOOL.test(name);
}

/**
 * Keeps `input` in a file in the storage path while `work` runs, which may read it more than once.
 * @throws the error of `input`, of `work`, or the system's.
 */
export async function spooled<T>(
  storagePath: string,
  input: AsyncIterable<Buffer>,
  work: (read: () => AsyncIterable<Buffer>) => Promise<T>,
): Promise<T> {
  const file = path.join(storagePath, `import-${randomBytes(4).toString('hex')}.jsonl${TEMPORARY_SUFFIX}`);
  // It holds payloads: nobody else is to read it.
  const handle = await fs.open(file, 'wx+', 0o600);
  try {
    for await (const part of input) await handle.appendFile(part);
    return await work(() => handle.createReadStream({ start: 0, autoClose: false }));
  } finally {
    await handle.close();
    await fs.rm(file, { force: true });
  }
}
