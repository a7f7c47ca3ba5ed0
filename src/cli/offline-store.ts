import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import type { AdminContext } from '../admin/context';
import { isSessionDirectoryName } from '../store/safe-name';
import { openSessionStore, type StoreNotice } from '../store/session-store';
import { tell, UsageError } from './command';

/** Days for which clean-up keeps dead letters and damaged files when nothing else is said, as store nodes do. */
export const KEEP_FAILED_DAYS = 30;

/**
 * Runs `work` on the sessions of a storage path, none of which this process uses otherwise.
 * `work` also gets what turns out to be damaged while it runs, which is told as well.
 * @param keepFailedDays Infinity: opening a session removes no dead letters.
 * @throws as `requireStoragePath`, when `isRequired`; SessionError `ERR_STORE_PATH`.
 */
export async function withStoragePath<T>(
  storagePath: string,
  { isRequired, keepFailedDays }: { isRequired: boolean; keepFailedDays: number },
  work: (context: AdminContext, damage: readonly string[]) => Promise<T>,
): Promise<T> {
  if (isRequired) await requireStoragePath(storagePath);
  const damage: string[] = [];
  const onNotice = ({ clientId, level, text }: StoreNotice) => {
    tell(`session "${clientId}": ${text}`);
    if (level === 'error') damage.push(text);
  };
  const store = await openSessionStore({ path: storagePath, onNotice });
  try {
    const context: AdminContext = {
      store,
      live: () => undefined,
      assigned: async () => new Set<string>(),
      maxBytes: Number.MAX_SAFE_INTEGER,
      keepFailedDays,
    };
    return await work(context, damage);
  } finally {
    await store.close();
  }
}

/** @throws Error naming the path when it is no directory that can be read, or one session of a storage path. */
export async function requireStoragePath(storagePath: string): Promise<void> {
  const resolved = path.resolve(storagePath);
  if (isSessionDirectoryName(path.basename(resolved))) {
    throw new Error(`${resolved} is the directory of one session. Name the storage path around it.`);
  }
  try {
    await fs.readdir(resolved);
  } catch (cause) {
    const hint = "Name the folder with the sessions; by default that is mqtt-sessions in Node-RED's user directory.";
    throw new Error(`The storage path ${resolved} cannot be read: ${(cause as Error).message}. ${hint}`, { cause });
  }
}

/** A whole number of days. @throws UsageError. */
export function daysOf(text: string | undefined): number {
  if (text === undefined) return KEEP_FAILED_DAYS;
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new UsageError(`"${text}" is no number of days.`);
}
