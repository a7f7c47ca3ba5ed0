import { randomBytes } from 'node:crypto';
import * as path from 'node:path';
import type { FileSystem } from './file-system';
import { ifExists, readFile } from './files';
import type { LockContent } from './lock-judgement';

/** A lock file as read. `content` is undefined when it is empty or not one of ours. */
export interface LockFile {
  path: string;
  raw: string;
  content: LockContent | undefined;
  /** The content's nonce, or one made of the file's identity. */
  nonce: string;
}

const PID_MAX = 0x7fffffff;
const NONCE = /^[0-9a-f]{32}$/;
/** Claimants of one lock that died one after the other; more than these are no accident. */
const CHAIN_LENGTH_MAX = 64;

export function makeNonce(): string {
  return randomBytes(16).toString('hex');
}

/** The file whose exclusive creation gives the right to replace the lock with that nonce, or to remove it. */
export function successorPath(lockPath: string, nonce: string): string {
  return `${lockPath}.${nonce}.next`;
}

/** True for the files beside a lock that takers make; left-overs of crashed ones. */
export function isLockDebris(lockPath: string, name: string): boolean {
  return name.startsWith(`${path.basename(lockPath)}.`) && (name.endsWith('.next') || name.endsWith('.new'));
}

/** The lock and the claims to follow it, oldest first; the last one is the holder. Empty: the lock is free. */
export async function readChain(fileSystem: FileSystem, lockPath: string): Promise<LockFile[]> {
  const chain: LockFile[] = [];
  let next = lockPath;
  while (chain.length < CHAIN_LENGTH_MAX) {
    const file = await readLockFile(fileSystem, next);
    if (!file) break;
    chain.push(file);
    next = successorPath(lockPath, file.nonce);
  }
  return chain;
}

/** Undefined when there is no such file. */
export async function readLockFile(fileSystem: FileSystem, file: string): Promise<LockFile | undefined> {
  const raw = (await ifExists(readFile(fileSystem, file)))?.toString('utf8');
  if (raw === undefined) return undefined;
  const content = parseLock(raw);
  if (content) return { path: file, raw, content, nonce: content.nonce };
  const status = await ifExists(fileSystem.status(file));
  return status && { path: file, raw, content, nonce: `${status.inode}-${status.changeTime}` };
}

function parseLock(raw: string): LockContent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return undefined;
  }
  return isLockContent(value) ? value : undefined;
}

function isLockContent(value: unknown): value is LockContent {
  if (typeof value !== 'object' || value === null) return false;
  const { host, bootId, pidNamespace, pid, processStart, nonce, beats, beat } = value as Record<string, unknown>;
  return (
    [host, bootId, pidNamespace, processStart].every((field) => typeof field === 'string') &&
    Number.isSafeInteger(pid) &&
    Number(pid) > 0 &&
    Number(pid) <= PID_MAX &&
    typeof nonce === 'string' &&
    NONCE.test(nonce) &&
    typeof beats === 'boolean' &&
    typeof beat === 'number'
  );
}
