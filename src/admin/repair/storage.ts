import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import { SessionError } from '../../errors';
import type { FileSystem } from '../../store/file-system';
import { copyFile, ifExists, listWithStatus, readFile } from '../../store/files';
import { requireNotInUse } from '../../store/in-use';
import { openSessionStore, type SessionStore } from '../../store/session-store';
import type { SessionVerification } from '../verification/session';
import { type StorageVerification, type VerifyOptions, verdictOf, verifyStorage } from '../verification/storage';
import { provenClientId } from './proven-client-id';
import { type RepairedSession, repairSession } from './session';

export interface RepairOptions extends VerifyOptions {
  /** A new storage path; default: beside the damaged one, its name with `.repaired-` and the time. */
  output?: string | undefined;
}

/** `copied`: was in order, or written by a newer version. `rewritten`: what could be proven. `left out`: nothing could be done, `why` says what can. */
export type SessionRepair = { directory: string; clientId: string } & (
  | { outcome: 'copied' }
  | { outcome: 'rewritten'; kept: RepairedSession }
  | { outcome: 'left out'; why: string }
);

export interface StorageRepair {
  /** Of the path as it was found, and still is. */
  verification: StorageVerification;
  /** The new storage path; undefined: nothing was damaged, nothing was written. */
  output: string | undefined;
  sessions: SessionRepair[];
}

const LOCK_FILE = /^lock(\.|$)/;

/**
 * Writes a new storage path with all that can be proven of a damaged one, which is not touched: sessions in order are
 * copied file by file, damaged ones are written anew. It gets its name when it is complete: what an error or a kill leaves
 * has `.unfinished-` in its name.
 * @throws as `verifyStorage`; SessionError `ERR_STORE_PATH` when there is something at the output path already, or it is
 * inside the damaged one.
 */
export async function repairStorage(
  fileSystem: FileSystem,
  storagePath: string,
  options: RepairOptions = {},
): Promise<StorageRepair> {
  const output = path.resolve(options.output ?? `${path.resolve(storagePath)}.repaired-${timeStamp()}`);
  requireOutside(storagePath, output);
  const verification = await verifyStorage(fileSystem, storagePath, options);
  if (!needsRepair(verification)) return { verification, output: undefined, sessions: [] };
  await requireEmpty(fileSystem, output);
  const unfinished = `${output}.unfinished-${randomBytes(4).toString('hex')}`;
  const store = await openSessionStore({ path: unfinished, fileSystem });
  const known = await knownClientIds(fileSystem, storagePath);
  const sessions: SessionRepair[] = [];
  try {
    for (const session of verification.sessions) {
      sessions.push(await repairOne(fileSystem, session, known, store));
    }
  } finally {
    await store.close();
  }
  if (options.clientId === undefined) await copyOtherFiles(fileSystem, verification, unfinished);
  await requireNotInUse(
    fileSystem,
    verification.sessions.map(({ directory }) => directory),
    options.watching,
  );
  // One that is there is empty; not every system renames over it.
  await ifExists(fileSystem.removeDirectory(output));
  await fileSystem.rename(unfinished, output);
  await fileSystem.syncDirectory(path.dirname(output));
  return { verification, output, sessions };
}

function needsRepair({ sessions, findings }: StorageVerification): boolean {
  return [...sessions, { findings }].some((part) => verdictOf(part) === 'damaged');
}

async function repairOne(
  fileSystem: FileSystem,
  { directory, clientId: told, findings }: SessionVerification,
  known: readonly string[],
  store: SessionStore,
): Promise<SessionRepair> {
  if (verdictOf({ findings }) !== 'damaged') {
    await copySession(fileSystem, directory, store.path);
    return { directory, clientId: told, outcome: 'copied' };
  }
  const clientId = await provenClientId(fileSystem, directory, told === '' ? known : [told, ...known]);
  if (clientId === undefined) {
    const why = 'nothing in it tells its client id: name that behind the path';
    return { directory, clientId: told, outcome: 'left out', why };
  }
  const kept = await repairSession(fileSystem, directory, clientId, store);
  return { directory, clientId, outcome: 'rewritten', kept };
}

/** All files but the lock, which speaks of a process. */
async function copySession(fileSystem: FileSystem, directory: string, storagePath: string): Promise<void> {
  const target = path.join(storagePath, path.basename(directory));
  await fileSystem.makeDirectory(target);
  for (const { name, status } of await listWithStatus(fileSystem, directory)) {
    if (status.kind !== 'file' || LOCK_FILE.test(name)) continue;
    await copyFile(fileSystem, path.join(directory, name), path.join(target, name));
  }
  await fileSystem.syncDirectory(target);
  await fileSystem.syncDirectory(storagePath);
}

/** Generated client ids, and sessions that have not been taken over yet; not what is damaged, and nothing foreign. */
async function copyOtherFiles(
  fileSystem: FileSystem,
  { path: storagePath, findings }: StorageVerification,
  output: string,
): Promise<void> {
  for (const { name, status } of await listWithStatus(fileSystem, storagePath)) {
    const file = path.join(storagePath, name);
    const finding = findings.find((one) => one.file === file);
    const isWanted = finding === undefined ? name === 'client-ids.json' : finding.severity === 'note';
    if (status.kind === 'file' && isWanted) await copyFile(fileSystem, file, path.join(output, name));
  }
  await fileSystem.syncDirectory(output);
}

async function knownClientIds(fileSystem: FileSystem, storagePath: string): Promise<string[]> {
  const text = (await ifExists(readFile(fileSystem, path.join(storagePath, 'client-ids.json'))))?.toString('utf8');
  try {
    const ids: unknown = JSON.parse(text ?? '{}');
    return Object.values(ids ?? {}).filter((id): id is string => typeof id === 'string');
  } catch (error) {
    // Damaged, which the check has reported.
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

/** The damaged path is to stay as it is. */
function requireOutside(storagePath: string, output: string): void {
  const relative = path.relative(path.resolve(storagePath), output);
  if (relative.startsWith('..') || path.isAbsolute(relative)) return;
  throw new SessionError(
    'ERR_STORE_PATH',
    `${output} is inside the storage path that is repaired. Name one beside it.`,
    {
      details: { path: output },
    },
  );
}

async function requireEmpty(fileSystem: FileSystem, directory: string): Promise<void> {
  const names = await ifExists(fileSystem.list(directory));
  if (names === undefined || names.length === 0) return;
  throw new SessionError('ERR_STORE_PATH', `${directory} is not empty. Name another path to write to.`, {
    details: { path: directory },
  });
}

function timeStamp(): string {
  return new Date().toISOString().replace(/[-:]|\.\d+/g, '');
}
