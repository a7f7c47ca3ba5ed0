// Stored sessions of all kinds, and ways to damage them.
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { crc32 } from 'node:zlib';
import type { StorageVerification } from '../../src/admin/verification/storage';
import { decodeMcpsV2, encodeMcpsV2, type McpsV2Snapshot } from '../../src/mcps/v2';
import { recordCodec } from '../../src/session/record-codec';
import { RecordKind } from '../../src/session/records';
import { systemHolderFacts } from '../../src/store/holder-identity';
import { encodeLock } from '../../src/store/lock-taking';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { openSessionStore } from '../../src/store/session-store';
import { RealSession } from '../formats/real-session';
import { CLIENT_ID, fillSession } from '../formats/scenario';

export { CLIENT_ID } from '../formats/scenario';

/**
 * A session with something of everything, closed. `last`: whether its snapshot or its journal has the last word.
 * Resolves to the number of its messages.
 */
export async function storeSession(storagePath: string, last: 'snapshot' | 'journal'): Promise<number> {
  const session = await fillSession(storagePath);
  await session.checkpoint(false);
  session.publish({ qos: 1, topic: 'after/the/snapshot' });
  await session.settle();
  if (last === 'snapshot') await session.checkpoint(false);
  const { count } = session.session.stored;
  await session.close();
  return count;
}

/** A session with a queue and nothing else. */
export async function storeQueue(storagePath: string, clientId: string, count: number): Promise<void> {
  const session = await RealSession.open(storagePath, clientId);
  for (let number = 0; number < count; number++) {
    session.publish({ qos: 1, topic: 'queue', payload: Buffer.from(`message ${number}`) });
  }
  await session.settle();
  await session.checkpoint(false);
  await session.close();
}

/** A session as a killed process of this machine leaves it: its messages came after its only snapshot. Replaces another. */
export async function storeKilled(storagePath: string, clientId: string, count: number): Promise<void> {
  const running = fs.mkdtempSync(path.join(os.tmpdir(), 'mqtt-sessions-killed-'));
  const session = await RealSession.open(running, clientId);
  for (let number = 0; number < count; number++) {
    session.publish({ qos: 1, topic: 'queue', payload: Buffer.from(`message ${number}`) });
  }
  await session.settle();
  fs.rmSync(sessionPath(storagePath, clientId), { recursive: true, force: true });
  fs.cpSync(sessionPath(running, clientId), sessionPath(storagePath, clientId), { recursive: true });
  await session.close();
  fs.rmSync(running, { recursive: true });
  const holder = { ...(await systemHolderFacts.self()), processStart: '1' };
  const lock = encodeLock({ ...holder, nonce: '0'.repeat(32), beats: false, beat: 0 });
  fs.writeFileSync(path.join(sessionPath(storagePath, clientId), 'lock'), lock);
}

export function sessionPath(storagePath: string, clientId = CLIENT_ID): string {
  return path.join(storagePath, sessionDirectoryName(clientId));
}

/** Names of a session's files with that ending, in order. */
export function filesOf(directory: string, ending: '.mcps' | '.mcpj'): string[] {
  return fs
    .readdirSync(directory)
    .filter((name) => name.endsWith(ending))
    .sort()
    .map((name) => path.join(directory, name));
}

export function segmentsOf(directory: string): string[] {
  return filesOf(directory, '.mcpj').filter((file) => /\d+-\d+\.mcpj$/.test(file));
}

export function flipBit(file: string, at: number): void {
  const bytes = fs.readFileSync(file);
  bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
  fs.writeFileSync(file, bytes);
}

/** Writes a snapshot with sound checksums and whatever content `change` gives it. */
export function forgeSnapshot(directory: string, change: (snapshot: McpsV2Snapshot) => void): void {
  const [file = ''] = filesOf(directory, '.mcps');
  const snapshot = decodeMcpsV2(fs.readFileSync(file));
  change(snapshot);
  fs.writeFileSync(file, encodeMcpsV2(snapshot));
}

/** Makes a session's snapshot one of a newer version, the checksum of its header included. */
export function makeNewer(directory: string): void {
  const [file = ''] = filesOf(directory, '.mcps');
  const bytes = fs.readFileSync(file);
  bytes.writeUInt16LE(9, 4);
  const headerEnd = 28 + bytes.readUInt16LE(26);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, headerEnd)), headerEnd);
  fs.writeFileSync(file, bytes);
}

/** What is wrong, one text each. */
export function complaints({ sessions, findings }: StorageVerification): string[] {
  return [...sessions.flatMap((session) => session.findings), ...findings]
    .filter(({ severity }) => severity === 'damage')
    .map(({ text }) => text);
}

/** All files below a directory with their content. */
export function contentOf(directory: string): Map<string, string> {
  const files = fs.readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    files.map((entry) => {
      const file = path.join(entry.parentPath, entry.name);
      return [path.relative(directory, file), fs.readFileSync(file).toString('latin1')];
    }),
  );
}

/** Dead letters for a session that is stored: `count` of them, each with its number as payload. */
export async function storeDeadLetters(storagePath: string, clientId: string, count: number): Promise<void> {
  const store = await openSessionStore({ path: storagePath });
  const session = await store.open(clientId, recordCodec, undefined);
  for (let number = 1; number <= count; number++) {
    await session.deadLetters.keep(`key ${number}`, {
      kind: RecordKind.Failed,
      sequence: 1_000 + number,
      message: { topic: 'refused', payload: Buffer.from(`dead letter ${number}`), qos: 1, retain: false },
      enqueuedAt: Date.UTC(2026, 0, 1),
      failedAt: Date.UTC(2026, 0, 2),
      reason: 'refused',
      reasonCode: 0x87,
    });
  }
  await session.close();
  await store.close();
}
