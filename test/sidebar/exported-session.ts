// An export of a session, as the endpoint answers it.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { exportSession } from '../../src/admin/transfers';
import { openSessionStore } from '../../src/store/session-store';
import { storeQueue } from '../admin/storage-fixture';

export async function exportedSession(clientId: string): Promise<Buffer> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-sessions-export-'));
  await storeQueue(directory, clientId, 1);
  const store = await openSessionStore({ path: directory });
  const context = {
    store,
    live: () => undefined,
    assigned: async () => new Set<string>(),
    maxBytes: 1024 ** 3,
    keepFailedDays: 30,
  };
  const parts: Buffer[] = [];
  try {
    await exportSession(context, clientId, { format: 'jsonl' }, async (part) => {
      parts.push(Buffer.from(part));
    });
    return Buffer.concat(parts);
  } finally {
    await store.close();
    fs.rmSync(directory, { recursive: true });
  }
}
