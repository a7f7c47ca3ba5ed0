import * as path from 'node:path';
import { errorCode, SessionError } from '../../errors';
import { McpsError } from '../../mcps/mcps-error';
import { decodeMcpsV1, readV1ClientId } from '../../mcps/v1';
import type { FileSystem } from '../../store/file-system';
import { ifExists, listWithStatus, readFile, readStart } from '../../store/files';
import { requireNotInUse, sessionDirectories } from '../../store/in-use';
import type { SessionLockedError } from '../../store/lock';
import { sessionDirectoryName } from '../../store/safe-name';
import { damage, type Finding, note } from './finding';
import { type SessionVerification, verifySession } from './session';

/** What a check of a storage path found. */
export interface StorageVerification {
  path: string;
  sessions: SessionVerification[];
  /** About files beside the sessions. */
  findings: Finding[];
}

export interface VerifyOptions {
  /** Only this session. */
  clientId?: string | undefined;
  /** Is told of a holder that may be dead and is watched for half a minute. */
  watching?: (error: SessionLockedError) => void;
}

/** Largest part of a foreign file that is read to tell whether it is a session file of version 1. */
const HEAD_BYTES = 64 + 65_535;

/**
 * Checks every session of a storage path, or one. Reads only.
 * @throws SessionError `ERR_SESSION_LOCKED` naming the holder when a session is in use, also when that began meanwhile;
 * `ERR_SESSION_UNKNOWN` when the one asked for is not there; the system's error when the path cannot be read.
 */
export async function verifyStorage(
  fileSystem: FileSystem,
  storagePath: string,
  { clientId, watching }: VerifyOptions = {},
): Promise<StorageVerification> {
  const all = await sessionDirectories(fileSystem, storagePath);
  const wanted = clientId === undefined ? undefined : path.join(storagePath, sessionDirectoryName(clientId));
  const directories = wanted === undefined ? all : all.filter((directory) => directory === wanted);
  await requireNotInUse(fileSystem, directories, watching);
  const originals = await directoriesOfOriginals(fileSystem, storagePath);
  const sessions: SessionVerification[] = [];
  for (const directory of directories) {
    const hasOriginal = originals.has(path.basename(directory));
    const verification = await verifyOne(fileSystem, directory, { clientId, hasOriginal });
    if (verification !== undefined) sessions.push(verification);
  }
  await requireNotInUse(fileSystem, directories, watching);
  if (clientId !== undefined && sessions.length === 0) throw unknownSession(storagePath, clientId);
  const findings = clientId === undefined ? await storageFindings(fileSystem, storagePath) : [];
  return { path: storagePath, sessions, findings };
}

/** Whether anything was found that is not in order, or cannot be checked. */
export function isDamaged({ sessions, findings }: StorageVerification): boolean {
  return [...sessions, { findings }].some((part) => part.findings.some(({ severity }) => severity === 'damage'));
}

/** `unchecked`: a newer version of this package wrote it; no reason to think that it is damaged. */
export function verdictOf({ findings }: Pick<SessionVerification, 'findings'>): 'in order' | 'damaged' | 'unchecked' {
  const found = findings.filter(({ severity }) => severity === 'damage');
  if (found.length === 0) return 'in order';
  return found.every(({ check }) => check === 'version') ? 'unchecked' : 'damaged';
}

/** A session that cannot be read at all must not keep the others from being checked. */
async function verifyOne(
  fileSystem: FileSystem,
  directory: string,
  options: { clientId: string | undefined; hasOriginal: boolean },
): Promise<SessionVerification | undefined> {
  try {
    return await verifySession(fileSystem, directory, options);
  } catch (error) {
    if (!(error instanceof SessionError)) throw error;
    return {
      directory,
      clientId: options.clientId ?? '',
      messages: { count: 0, bytes: 0 },
      inflight: 0,
      subscriptions: 0,
      deadLetters: 0,
      records: 0,
      segments: 0,
      findings: [damage(errorCode(error) === 'ERR_SESSION_VERSION' ? 'version' : 'snapshot', error.message)],
    };
  }
}

async function storageFindings(fileSystem: FileSystem, storagePath: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name, status } of await listWithStatus(fileSystem, storagePath)) {
    if (status.kind !== 'file') continue;
    const file = path.join(storagePath, name);
    const finding =
      name === 'client-ids.json' ? await clientIdsFinding(fileSystem, file) : await originalFinding(fileSystem, file);
    if (finding !== undefined) findings.push(finding);
  }
  return findings;
}

async function clientIdsFinding(fileSystem: FileSystem, file: string): Promise<Finding | undefined> {
  try {
    const ids: unknown = JSON.parse((await readFile(fileSystem, file)).toString('utf8'));
    if (typeof ids === 'object' && ids !== null && Object.values(ids).every((id) => typeof id === 'string')) return;
    return damage('files', `${file} does not hold the generated client ids: it has another content.`, file);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return damage('files', `${file}, which holds the generated client ids, cannot be read: ${error.message}.`, file);
  }
}

/** Names of the directories into which files of the original implementation would be migrated. */
async function directoriesOfOriginals(fileSystem: FileSystem, storagePath: string): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  for (const { name, status } of await listWithStatus(fileSystem, storagePath)) {
    if (status.kind !== 'file') continue;
    const clientId = await clientIdOfOriginal(fileSystem, path.join(storagePath, name));
    if (clientId !== undefined) names.add(sessionDirectoryName(clientId));
  }
  return names;
}

/** Told by the content of the file; undefined: it is another one. */
async function clientIdOfOriginal(fileSystem: FileSystem, file: string): Promise<string | undefined> {
  const head = await ifExists(readStart(fileSystem, file, HEAD_BYTES));
  return head === undefined ? undefined : readV1ClientId(head);
}

/** A session that the original implementation left and that has not been opened yet; told by its content. */
async function originalFinding(fileSystem: FileSystem, file: string): Promise<Finding | undefined> {
  const clientId = await clientIdOfOriginal(fileSystem, file);
  if (clientId === undefined) return undefined;
  try {
    const bytes = await ifExists(readFile(fileSystem, file));
    // Migrated meanwhile by the process that opens its session.
    if (bytes === undefined) return undefined;
    const { inflight, subscriptions } = decodeMcpsV1(bytes);
    const content = `${inflight.length} messages and ${subscriptions.length} subscriptions of ${JSON.stringify(clientId)}`;
    return note('files', `${file} holds ${content}, taken over when that session is opened.`, file);
  } catch (error) {
    if (!(error instanceof McpsError)) throw error;
    return damage(
      'files',
      `${file}, a session of ${JSON.stringify(clientId)}, cannot be read: ${error.message}.`,
      file,
    );
  }
}

function unknownSession(storagePath: string, clientId: string): SessionError {
  return new SessionError('ERR_SESSION_UNKNOWN', `There is no session of "${clientId}" in ${storagePath}.`, {
    details: { clientId, storagePath },
  });
}
