// Stored sessions in numbers: as many as a plant has, and one with a long backlog.
import * as fs from 'node:fs';
import * as path from 'node:path';
import { SessionClient } from '../../src/client/session-client';
import { decodeMcpsV2, encodeMcpsV2 } from '../../src/mcps/v2';
import { openSessionStore } from '../../src/store/session-store';
import { sessionPath, storeQueue } from './storage-fixture';

/** Messages that are on their way to the disk at the same time. */
const UNSTORED_MAX = 20_000;

/**
 * `count` sessions `<prefix>0`, `<prefix>1`, ... with `messages` each. The store writes one; the others are its files with
 * another client id in the snapshot: byte for byte what the store would have left, without waiting for the disk each time.
 */
export async function storeSessions(
  storagePath: string,
  prefix: string,
  count: number,
  messages: number,
): Promise<void> {
  await storeQueue(storagePath, `${prefix}0`, messages);
  const first = sessionPath(storagePath, `${prefix}0`);
  const files = fs.readdirSync(first).map((name) => ({ name, content: fs.readFileSync(path.join(first, name)) }));
  for (let number = 1; number < count; number++) {
    const clientId = `${prefix}${number}`;
    const directory = sessionPath(storagePath, clientId);
    fs.mkdirSync(directory, { mode: 0o700 });
    for (const { name, content } of files) {
      const bytes = name.endsWith('.mcps') ? renamed(content, clientId) : content;
      fs.writeFileSync(path.join(directory, name), bytes, { mode: 0o600 });
    }
  }
}

function renamed(file: Buffer, clientId: string): Buffer {
  const snapshot = decodeMcpsV2(file);
  return encodeMcpsV2({ ...snapshot, metadata: { ...snapshot.metadata, clientId } });
}

/** A session with a queue of `count` small messages. */
export async function storeBacklog(storagePath: string, clientId: string, count: number): Promise<void> {
  const store = await openSessionStore({ path: storagePath, durability: 'os' });
  const connection = { url: 'mqtt://127.0.0.1:1', protocolVersion: 4, clean: false, keepalive: 60 } as const;
  const client = new SessionClient({ store, clientId, connection });
  await client.open();
  const payload = Buffer.from('21.5');
  let sent = 0;
  let stored = 0;
  await new Promise<void>((resolve, reject) => {
    const observer = {
      stored() {
        stored += 1;
        if (stored === count) resolve();
        else if (sent < count && sent - stored < UNSTORED_MAX / 2) publish();
      },
      failed: reject,
    };
    const publish = () => {
      for (; sent < count && sent - stored < UNSTORED_MAX; sent++) {
        client.enqueue({ topic: 'plant/line/1', payload, qos: 1, retain: false }, observer);
      }
    };
    publish();
  });
  await client.close();
  await store.close();
}
