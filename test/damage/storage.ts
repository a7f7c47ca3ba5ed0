// A small storage path with everything that there can be in one, made by the package itself.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { encodeMcpsV1 } from '../../src/mcps/v1';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore } from '../../src/store/session-store';
import { contentOf, storeDeadLetters, storeQueue } from '../admin/storage-fixture';
import { RealSession } from '../formats/real-session';
import { MemoryDisk } from '../support/memory-disk';

export const CLIENT_ID = 'plant-1';
export const OTHER_CLIENT_ID = 'other';
/** Where the storage path is on a memory disk. */
export const STORAGE_PATH = '/store';
export const SESSION = sessionDirectoryName(CLIENT_ID);
export const OTHER_SESSION = sessionDirectoryName(OTHER_CLIENT_ID);
export const DEAD_LETTERS = 2;

/** Bytes by path below the storage path. */
export type Files = ReadonlyMap<string, Buffer>;

/**
 * A session that was migrated from an original file, used twice and closed, with: subscriptions, inbound QoS 2 identifiers,
 * messages in flight in both QoS and phases, a queue in two segments, records above the snapshot, dead letters, a reserve;
 * beside it another session and generated client ids.
 */
export async function makeStorage(): Promise<Files> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-sessions-damage-'));
  try {
    fs.writeFileSync(path.join(directory, '.mcp_plant'), originalFile());
    const first = await RealSession.open(directory, CLIENT_ID);
    first.session.subscribe({
      filter: 'in/+',
      qos: 2,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
      users: '[]',
    });
    await first.connect(false, 'mqtt://broker:1883');
    await first.receive({ cmd: 'suback', messageId: first.askedFor('in/+'), granted: [2] });
    await first.receive(inbound(7), inbound(8));
    for (const qos of [1, 2, 2, 1] as const) first.publish({ qos, topic: 'out', payload: Buffer.from(`first ${qos}`) });
    await first.settle();
    const [, , released] = first.session.openMessages();
    await first.receive({ cmd: 'pubrec', messageId: released?.packetId ?? 0 });
    first.session.pause(true);
    await first.settle();
    await first.checkpoint(false);
    for (const number of [1, 2]) first.publish({ qos: 1, topic: 'out', payload: Buffer.from(`queued ${number}`) });
    await first.settle();
    await first.close();

    const second = await RealSession.open(directory, CLIENT_ID);
    for (const number of [3, 4]) {
      second.publish({ qos: 2, topic: 'out', payload: Buffer.from(`queued ${number}`), retain: true });
      await second.settle();
    }
    await second.close();
    await storeDeadLetters(directory, CLIENT_ID, DEAD_LETTERS);
    await storeQueue(directory, OTHER_CLIENT_ID, 2);
    const store = await openSessionStore({ path: directory });
    for (const node of ['node-1', 'node-2']) await store.generateClientId(node);
    await store.close();
    return new Map([...contentOf(directory)].map(([name, content]) => [name, Buffer.from(content, 'latin1')]));
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

function inbound(messageId: number) {
  const message = { topic: 'in/1', payload: Buffer.from('in'), qos: 2, retain: false, dup: false } as const;
  return { cmd: 'publish', ...message, messageId } as const;
}

function originalFile(): Buffer {
  const [createdTime, lastAccessTime] = [Date.UTC(2025, 0, 1), Date.UTC(2025, 11, 31)];
  const topic = 'out';
  return encodeMcpsV1({
    version: 1,
    clientId: CLIENT_ID,
    createdTime,
    lastAccessTime,
    expiryInterval: 0,
    subscriptions: [{ topic: 'old', qos: 1 }],
    lastPacketId: 5,
    inflight: [
      {
        packetId: 5,
        topic,
        payload: Buffer.from('old'),
        qos: 1,
        retain: false,
        sendTime: lastAccessTime,
        retryCount: 0,
      },
    ],
  });
}

/** A disk with these files, in directories of one level. */
export async function diskOf(files: Files): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  await disk.makeDirectory(STORAGE_PATH);
  for (const [name, content] of files) {
    const file = path.join(STORAGE_PATH, name);
    await disk.makeDirectory(path.dirname(file));
    disk.place(file, content);
  }
  return disk;
}

/** What kind of file it is, for messages and expectations. */
export type Kind = 'snapshot' | 'segment' | 'dead letters' | 'reserve' | 'original' | 'client ids' | 'other';

export function kindOf(name: string): Kind {
  const base = path.basename(name);
  if (base === 'client-ids.json') return 'client ids';
  if (!name.startsWith(`${SESSION}/`)) return 'other';
  if (/^session\.\d+\.mcps$/.test(base)) return 'snapshot';
  if (/^\d+-\d+\.mcpj$/.test(base)) return 'segment';
  if (base === 'failed.mcpj') return 'dead letters';
  return base === 'reserve' ? 'reserve' : 'original';
}

/** The files of the session that say what it holds. */
export function filesOf(files: Files, ...kinds: Kind[]): string[] {
  return [...files.keys()].filter((name) => kinds.includes(kindOf(name))).sort();
}
