/** The lock of a session: one file, taken without native code, on local and network file systems. */
import * as path from 'node:path';
import { errorCode, SessionError } from '../errors';
import type { FileStatus, FileSystem, OpenFile } from './file-system';
import { ifExists, writeFully } from './files';
import type { HolderFacts, HolderIdentity } from './holder-identity';
import { type LockFile, makeNonce, readChain, readLockFile } from './lock-chain';
import { judgeHolder, type LockContent } from './lock-judgement';
import { encodeLock, giveUpLock, isLeftBehind, removeDebris, takeLock } from './lock-taking';
import type { Scheduler } from './scheduler';

const BEAT_INTERVAL_MS = 10_000;
/** Three beats missed. */
export const STALE_AFTER_MS = 30_000;
const ATTEMPTS_MAX = 16;

/** Somebody else holds the lock. */
export class SessionLockedError extends SessionError {
  override readonly name = 'SessionLockedError';

  constructor(
    message: string,
    /** As far as the lock file can be read. */
    readonly holder: HolderIdentity | undefined,
    readonly lockPath: string,
  ) {
    super('ERR_SESSION_LOCKED', message, { details: { holder, lockPath } });
  }
}

export interface LockOptions {
  fileSystem: FileSystem;
  scheduler: Scheduler;
  facts: HolderFacts;
  /** Remembers between attempts since when a lock has not changed. Keep one as long as attempts are repeated. */
  observations: LockObservations;
  path: string;
  /** What is locked, for messages: `session "plant-1"`. */
  subject: string;
}

/** Since when, on our own monotonic clock, each foreign lock has been seen unchanged. */
export class LockObservations {
  readonly #seen = new Map<string, { raw: string; nonce: string; since: number }>();

  constructor(private readonly scheduler: Scheduler) {}

  /** Milliseconds for which `file` has been the same, as far as we have watched. */
  unchangedMs(lockPath: string, file: LockFile): number {
    const now = this.scheduler.now();
    const last = this.#seen.get(lockPath);
    if (last && last.raw === file.raw && last.nonce === file.nonce) return now - last.since;
    this.#seen.set(lockPath, { raw: file.raw, nonce: file.nonce, since: now });
    return 0;
  }

  forget(lockPath: string): void {
    this.#seen.delete(lockPath);
  }
}

/**
 * Takes the lock, or tells who has it. Does not wait: repeat the call.
 * @throws SessionLockedError `ERR_SESSION_LOCKED`; errors of the file system with their own code (`ENOENT`: the
 * directory has gone).
 */
export async function acquireLock(options: LockOptions): Promise<Lock> {
  const { fileSystem, facts, observations, path: lockPath } = options;
  const self = await facts.self();
  const space = await fileSystem.space(path.dirname(lockPath));
  const onNetwork = space?.network ?? true;
  const beats = onNetwork || !facts.isFirstNamespace(self.pidNamespace);

  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const chain = await readChain(fileSystem, lockPath);
    const head = chain.at(-1);
    if (head) await requireDead(head, self, onNetwork, options);

    const content: LockContent = { ...self, nonce: makeNonce(), beats, beat: 0 };
    const handle = await takeLock(fileSystem, lockPath, chain, content);
    if (!handle) continue;
    const lock = new Lock(options, content, handle, onNetwork, head?.content);
    try {
      await removeDebris(fileSystem, lockPath);
      await lock.start();
    } catch (error) {
      // The first error is the one to report.
      await lock.release().catch(() => {});
      if (errorCode(error) === 'ERR_SESSION_LOST') continue;
      throw error;
    }
    observations.forget(lockPath);
    return lock;
  }
  throw new SessionLockedError(`Too many processes try to take ${options.subject} (${lockPath}).`, undefined, lockPath);
}

/**
 * Resolves when nobody holds the lock, without taking it.
 * @throws SessionLockedError `ERR_SESSION_LOCKED` as `acquireLock`.
 */
export async function requireUnlocked(options: LockOptions): Promise<void> {
  const { fileSystem, facts, path: lockPath } = options;
  const head = (await readChain(fileSystem, lockPath)).at(-1);
  if (head === undefined) return;
  const space = await fileSystem.space(path.dirname(lockPath));
  await requireDead(head, await facts.self(), space?.network ?? true, options);
}

/** A lock that is ours until `release`, or until another taker found us dead. */
export class Lock {
  #stamp: FileStatus | undefined;
  #lost: SessionError | undefined;
  #detached = false;
  #released = false;
  #cancelBeat: () => void = () => {};
  #beating: Promise<void> = Promise.resolve();

  constructor(
    private readonly options: LockOptions,
    private readonly content: LockContent,
    private readonly handle: OpenFile,
    private readonly onNetwork: boolean,
    /** Who held the lock and died with it; undefined: it was free, so its last holder had released it. */
    readonly predecessor: HolderIdentity | undefined,
  ) {}

  /** Whether the machine may have gone down under the last holder, and what it had not synced with it. */
  get mayHaveLostUnsynced(): boolean {
    return (
      this.predecessor !== undefined && (this.content.bootId === '' || this.predecessor.bootId !== this.content.bootId)
    );
  }

  /** @internal Called once by `acquireLock`. */
  async start(): Promise<void> {
    const { fileSystem, path: lockPath } = this.options;
    this.#stamp = await fileSystem.status(lockPath);
    // Another taker that had stopped before its rename may have gone on: then the stamp is that of its file.
    const file = await readLockFile(fileSystem, lockPath);
    if (file?.nonce !== this.content.nonce) throw this.#markLost(file);
    if (this.content.beats) this.#scheduleBeat();
  }

  /**
   * Checks that the lock is still ours: one look at the file's identity, or its content where that may be cached.
   * @throws SessionError `ERR_SESSION_LOST` when it is not; the file system's error when that cannot be told.
   */
  async verify(): Promise<void> {
    if (this.#lost) throw this.#lost;
    const { fileSystem, path: lockPath } = this.options;
    const status = await ifExists(fileSystem.status(lockPath));
    if (!this.onNetwork && status && isSameFile(status, this.#stamp)) return;
    // Our own beat may be changing the file right now.
    await this.#beating;
    const file = await readLockFile(fileSystem, lockPath);
    if (file?.nonce !== this.content.nonce) throw this.#markLost(file);
    this.#stamp = status;
  }

  /** Gives the lock up. Leaves everything as it is when somebody else has taken it. */
  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    try {
      await this.detach();
    } finally {
      await giveUpLock(this.options.fileSystem, this.options.path, this.content);
    }
  }

  /** Stops all use of the file without removing it, for a directory that is about to be renamed away and deleted. */
  async detach(): Promise<void> {
    if (this.#detached) return;
    this.#detached = true;
    this.#cancelBeat();
    await this.#beating;
    await this.handle.close();
  }

  #markLost(file: LockFile | undefined): SessionError {
    const { path: lockPath, subject } = this.options;
    const by = file?.content ? `${describe(file.content)} has taken it over` : 'its lock file was removed or replaced';
    this.#lost = new SessionError('ERR_SESSION_LOST', `The ${subject} is no longer ours: ${by} (${lockPath}).`, {
      details: { holder: file?.content, lockPath },
    });
    this.#cancelBeat();
    return this.#lost;
  }

  #scheduleBeat(): void {
    this.#cancelBeat = this.options.scheduler.after(BEAT_INTERVAL_MS, () => {
      this.#beating = this.#beat();
    });
  }

  /** Writes through the handle of our own file, so that a late beat never lands in a successor's lock. */
  async #beat(): Promise<void> {
    this.content.beat++;
    try {
      await writeFully(this.handle, encodeLock(this.content));
      await this.handle.sync();
    } catch {
      // A beat that fails is a beat missed: others see silence, and `verify` tells whether the lock is still ours.
    }
    if (!this.#detached && !this.#lost) this.#scheduleBeat();
  }
}

/** Resolves when the holder of `head` is certainly gone. */
async function requireDead(
  head: LockFile,
  self: HolderIdentity,
  onNetwork: boolean,
  options: LockOptions,
): Promise<void> {
  const { facts, observations, path: lockPath, subject } = options;
  const holder = head.content;
  if (holder && isLeftBehind(holder.nonce)) return;
  // An empty file is a taker between creation and writing, where there are no links: it changes soon or never.
  const judgement = holder ? await judgeHolder(holder, self, facts, onNetwork) : head.raw === '' ? 'beating' : 'silent';
  if (judgement === 'dead') return;

  let why: string;
  if (judgement === 'alive') {
    why = 'It becomes free when that process closes it or ends.';
  } else if (judgement === 'beating') {
    const unchangedMs = observations.unchangedMs(lockPath, head);
    if (unchangedMs >= STALE_AFTER_MS) return;
    why = `It can be taken over once its holder has shown no sign of life for ${STALE_AFTER_MS / 1000} s.`;
  } else {
    why = `From here it cannot be told whether that process still runs; if it does not, remove ${head.path}.`;
  }
  const who = holder ? describe(holder) : 'an unknown process';
  throw new SessionLockedError(
    `The ${subject} is in use by ${who} (lock file ${head.path}). ${why}`,
    holder,
    head.path,
  );
}

function isSameFile(a: FileStatus, b: FileStatus | undefined): boolean {
  return b !== undefined && a.inode === b.inode && a.changeTime === b.changeTime;
}

function describe(holder: HolderIdentity): string {
  return `process ${holder.pid} on host "${holder.host}"`;
}
