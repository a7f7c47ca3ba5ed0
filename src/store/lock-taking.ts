/**
 * How a lock file changes hands without two takers ever winning.
 *
 * Taking a free lock: write a unique file, link it to the lock's name, read back. A link never replaces a file.
 *
 * Taking over a dead one, holder N: exclusively create `lock.<N>.next` (by link), read the chain again from `lock`, and
 * only if `lock` is still N's rename `.next` over it. Two takers cannot both win: only one file `lock.<N>.next` can be
 * made while `lock` is N's, and a taker that comes after it was renamed away reads that `lock` is no longer N's. A taker
 * that dies in between is itself followed by `lock.<its nonce>.next`. Releasing makes the same claim before removing the
 * lock, so that a holder that was displaced never removes its successor's.
 */
import * as path from 'node:path';
import { errorCode } from '../errors';
import type { FileSystem, OpenFile } from './file-system';
import { ifExists, LINK_UNSUPPORTED, removeIfExists, writeFully } from './files';
import { isLockDebris, type LockFile, makeNonce, readChain, readLockFile, successorPath } from './lock-chain';
import type { LockContent } from './lock-judgement';

/** Nonces of locks and claims that this process could not remove, or does not know to have made, because a disk failed. */
const leftBehind = new Set<string>();

/** True for a lock that names this process although nobody in it holds it: it was given up, and the disk failed. */
export function isLeftBehind(nonce: string): boolean {
  return leftBehind.has(nonce);
}

/** One attempt behind `chain`, whose last holder is dead. Undefined: somebody else was faster, look again. */
export async function takeLock(
  fileSystem: FileSystem,
  lockPath: string,
  chain: LockFile[],
  content: LockContent,
): Promise<OpenFile | undefined> {
  const head = chain.at(-1);
  const target = head ? successorPath(lockPath, head.nonce) : lockPath;
  const handle = await makeExclusively(fileSystem, lockPath, target, content);
  if (!handle) return undefined;
  let won = false;
  try {
    if (head) await replaceDeadLock(fileSystem, lockPath, target, [...chain.map((file) => file.nonce), content.nonce]);
    won = (await readLockFile(fileSystem, lockPath))?.nonce === content.nonce;
    return won ? handle : undefined;
  } catch (error) {
    leftBehind.add(content.nonce);
    throw error;
  } finally {
    // A winner's left-overs are cleared away with all others, once the lock is in safe hands.
    if (!won) {
      await handle.close();
      await removeIfExists(fileSystem, uniquePath(lockPath, content.nonce));
    }
  }
}

/** Removes a lock that is ours. Leaves everything as it is when somebody else has taken it. */
export async function giveUpLock(fileSystem: FileSystem, lockPath: string, content: LockContent): Promise<void> {
  const claim = successorPath(lockPath, content.nonce);
  const claimant: LockContent = { ...content, nonce: makeNonce(), beat: 0 };
  try {
    const isFree = await claimRelease(fileSystem, lockPath, claim, claimant);
    if (!isFree) return;
    const file = await readLockFile(fileSystem, lockPath);
    if (file?.nonce === content.nonce) await removeIfExists(fileSystem, lockPath);
    await removeIfExists(fileSystem, claim);
    await removeIfExists(fileSystem, uniquePath(lockPath, claimant.nonce));
  } catch (error) {
    leftBehind.add(content.nonce).add(claimant.nonce);
    throw error;
  }
}

/** False: displaced, or the directory and the lock with it are gone. */
async function claimRelease(
  fileSystem: FileSystem,
  lockPath: string,
  claim: string,
  claimant: LockContent,
): Promise<boolean> {
  try {
    const made = await makeExclusively(fileSystem, lockPath, claim, claimant);
    await made?.close();
    return made !== undefined;
  } catch {
    // Without a claim (a full disk) a look at the lock still tells; one left behind would block us as long as we live.
    return true;
  }
}

/** Removes what crashed and losing takers left beside a lock that is ours. */
export async function removeDebris(fileSystem: FileSystem, lockPath: string): Promise<void> {
  const directory = path.dirname(lockPath);
  for (const name of await fileSystem.list(directory)) {
    if (isLockDebris(lockPath, name)) await removeIfExists(fileSystem, path.join(directory, name));
  }
}

/** The content as it is written. */
export function encodeLock(content: LockContent): Buffer {
  return Buffer.from(JSON.stringify(content));
}

/**
 * Makes `target` with its content in one step, unless it exists, from a unique file that is left to the caller.
 * Resolves to the open file; undefined when `target` exists.
 */
async function makeExclusively(
  fileSystem: FileSystem,
  lockPath: string,
  target: string,
  content: LockContent,
): Promise<OpenFile | undefined> {
  const unique = uniquePath(lockPath, content.nonce);
  const handle = await createOpen(fileSystem, unique, content);
  let outcome: Awaited<ReturnType<typeof linkExclusively>> | undefined;
  try {
    outcome = await linkExclusively(fileSystem, unique, target, content.nonce);
  } finally {
    if (outcome !== 'made') {
      await handle.close();
      await removeIfExists(fileSystem, unique);
    }
  }
  if (outcome === 'exists') return undefined;
  if (outcome === 'made') return handle;
  try {
    return await createOpen(fileSystem, target, content);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return undefined;
    throw error;
  }
}

/** Renames our claim over the lock if the chain that leads to it is still the one that was judged. */
async function replaceDeadLock(
  fileSystem: FileSystem,
  lockPath: string,
  claim: string,
  expected: string[],
): Promise<void> {
  const now = (await readChain(fileSystem, lockPath)).map((file) => file.nonce);
  if (now.join() === expected.join()) {
    // ENOENT: who took over before us cleared our claim away.
    await ifExists(fileSystem.rename(claim, lockPath));
  } else if ((await readLockFile(fileSystem, claim))?.nonce === expected.at(-1)) {
    await removeIfExists(fileSystem, claim);
  }
}

/** Gives `unique` the name `target` as well, unless that exists: content and name appear together. */
async function linkExclusively(
  fileSystem: FileSystem,
  unique: string,
  target: string,
  nonce: string,
): Promise<'made' | 'exists' | 'unsupported'> {
  try {
    await fileSystem.link(unique, target);
    return 'made';
  } catch (error) {
    const code = errorCode(error) ?? '';
    // Exclusive creation takes its place.
    if (LINK_UNSUPPORTED.has(code)) return 'unsupported';
    // Over NFS a link may be made although the answer was lost and the repeated request fails: read back.
    if (code === 'EEXIST') return (await readLockFile(fileSystem, target))?.nonce === nonce ? 'made' : 'exists';
    // ENOENT: whoever got the lock cleared our file away, or the directory itself is gone, which is an error.
    if (code !== 'ENOENT') throw error;
    await fileSystem.status(path.dirname(target));
    return 'exists';
  }
}

async function createOpen(fileSystem: FileSystem, file: string, content: LockContent): Promise<OpenFile> {
  const handle = await fileSystem.open(file, 'create');
  try {
    await writeFully(handle, encodeLock(content));
    // A lock that a power cut left empty could not be judged.
    await handle.sync();
    return handle;
  } catch (error) {
    await handle.close();
    await fileSystem.remove(file);
    throw error;
  }
}

/** Where a taker writes before it links. */
function uniquePath(lockPath: string, nonce: string): string {
  return `${lockPath}.${nonce}.new`;
}
