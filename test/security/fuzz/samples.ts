// Valid inputs, made by the package itself.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { SessionClient } from '../../../src/client/session-client';
import { decodeMcpsV2, encodeMcpsV2 } from '../../../src/mcps/v2';
import { recordCodec } from '../../../src/session/record-codec';
import type { JournalPosition } from '../../../src/store/journal/types';
import { sessionDirectoryName } from '../../../src/store/safe-name';
import { openSessionStore, type SessionStore } from '../../../src/store/session-store';
import { exportJsonl } from '../../../src/transfer/jsonl-export';
import { storeDeadLetters, storeSession } from '../../admin/storage-fixture';
import { CLIENT_ID, fillSession } from '../../formats/scenario';

export interface StorageSamples {
  snapshots: Buffer[];
  /** Of all kinds of records. */
  bodies: { kind: number; body: Buffer }[];
  /** Three small segments by name. */
  segments: ReadonlyMap<string, Buffer>;
  uid: Buffer;
  position: JournalPosition;
  /** Up to which the snapshot speaks. */
  sequence: number;
  failed: Buffer;
  clientIdsFile: Buffer;
  jsonl: string;
}

let samples: Promise<StorageSamples> | undefined;

/** Made once. */
export function storageSamples(): Promise<StorageSamples> {
  samples ??= make();
  return samples;
}

async function make(): Promise<StorageSamples> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-sessions-samples-'));
  try {
    const storagePath = path.join(directory, 'store');
    await storeSession(storagePath, 'journal');
    await storeDeadLetters(storagePath, CLIENT_ID, 4);
    const store = await openSessionStore({ path: storagePath });
    for (const node of ['a1', 'b2', '__proto__']) await store.generateClientId(node);
    const jsonl = await exported(store);
    await store.close();

    const session = path.join(storagePath, sessionDirectoryName(CLIENT_ID));
    const names = fs.readdirSync(session);
    const read = (name: string) => fs.readFileSync(path.join(session, name));
    const snapshotName = names.find((name) => /^session\.\d+\.mcps$/.test(name)) ?? '';
    const snapshot = decodeMcpsV2(read(snapshotName));
    const segmentNames = names.filter((name) => /^\d+-\d+\.mcpj$/.test(name)).sort();
    const segments = new Map(segmentNames.slice(-3).map((name) => [name, read(name)] as const));

    const other = path.join(directory, 'other');
    const live = await fillSession(other);
    const bodies = live.appended.map(({ record }) => {
      const body = Buffer.alloc(recordCodec.size(record));
      recordCodec.write(record, body, 0);
      return { kind: recordCodec.kind(record), body };
    });
    const inline = encodeMcpsV2({ ...snapshot, state: live.session.snapshot(true) });
    const outside = encodeMcpsV2({ ...snapshot, state: live.session.snapshot(false) });
    await live.close();
    return {
      snapshots: [read(snapshotName), inline, outside],
      bodies: bodies.filter(({ body }) => body.length < 1_000),
      segments,
      uid: snapshot.journal.uid,
      position: snapshot.journal,
      sequence: snapshot.state.sequence,
      failed: read('failed.mcpj'),
      clientIdsFile: fs.readFileSync(path.join(storagePath, 'client-ids.json')),
      jsonl,
    };
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

async function exported(store: SessionStore): Promise<string> {
  const client = new SessionClient({
    clientId: CLIENT_ID,
    store,
    connection: { url: 'mqtt://localhost', protocolVersion: 5, clean: false, keepalive: 60 },
  });
  await client.open();
  const parts: string[] = [];
  for await (const part of exportJsonl(client.copy(), Date.now())) parts.push(part);
  await client.close();
  return parts.join('');
}
