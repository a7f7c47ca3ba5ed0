import * as path from 'node:path';
import { SessionError } from '../errors';
import type { FileSystem } from './file-system';
import { listWithStatus } from './files';
import { type HolderIdentity, systemHolderFacts } from './holder-identity';
import { LockObservations, requireUnlocked, SessionLockedError, STALE_AFTER_MS } from './lock';
import type { LockContent } from './lock-judgement';
import { isSessionDirectoryName } from './safe-name';
import { type Scheduler, systemScheduler } from './scheduler';
import { isOccupied } from './session-registry';
import { LOCK_FILE_NAME } from './session-summary';

const LOOK_INTERVAL_MS = 1_000;

/** The session directories of a storage path, by name. Whatever is not one of ours is passed over. */
export async function sessionDirectories(fileSystem: FileSystem, storagePath: string): Promise<string[]> {
  const entries = await listWithStatus(fileSystem, storagePath);
  return entries
    .filter(({ name, status }) => status.kind === 'directory' && isSessionDirectoryName(name))
    .map(({ name }) => path.join(storagePath, name))
    .sort();
}

/**
 * Resolves when no living process has any of the sessions open. Nothing is written, no lock is taken: ask again after
 * reading. A holder that cannot be seen from here but gives signs of life is watched for half a minute.
 * @param watching Is told of such a holder, once.
 * @throws SessionError `ERR_SESSION_LOCKED` naming the holder.
 */
export async function requireNotInUse(
  fileSystem: FileSystem,
  directories: readonly string[],
  watching: (error: SessionLockedError) => void = () => undefined,
  scheduler: Scheduler = systemScheduler,
): Promise<void> {
  const observations = new LockObservations(scheduler);
  const deadline = scheduler.now() + STALE_AFTER_MS + 2 * LOOK_INTERVAL_MS;
  let told = false;
  for (const directory of directories) {
    if (isOccupied(directory)) throw openHere(directory);
    for (;;) {
      try {
        await requireUnlocked({
          fileSystem,
          scheduler,
          facts: systemHolderFacts,
          observations,
          path: path.join(directory, LOCK_FILE_NAME),
          subject: `session in ${directory}`,
        });
        break;
      } catch (error) {
        if (!(error instanceof SessionLockedError) || !beats(error) || scheduler.now() >= deadline) throw error;
        if (!told) watching(error);
        told = true;
      }
      await new Promise<void>((resolve) => scheduler.after(LOOK_INTERVAL_MS, resolve, true));
    }
  }
}

function beats({ holder }: SessionLockedError): boolean {
  return (holder as Partial<LockContent> | undefined)?.beats === true;
}

function openHere(directory: string): SessionError {
  return new SessionError(
    'ERR_SESSION_LOCKED',
    `The session in ${directory} is open in this process (${process.pid}).`,
    {
      details: { directory },
    },
  );
}

/** The living process that has the session open, as far as can be told from here; undefined: none. Nothing is written. */
export async function livingHolder(fileSystem: FileSystem, directory: string): Promise<HolderIdentity | undefined> {
  try {
    await requireUnlocked({
      fileSystem,
      scheduler: systemScheduler,
      facts: systemHolderFacts,
      observations: new LockObservations(systemScheduler),
      path: path.join(directory, LOCK_FILE_NAME),
      subject: `session in ${directory}`,
    });
    return undefined;
  } catch (error) {
    if (error instanceof SessionLockedError) return error.holder;
    throw error;
  }
}
