import * as fs from 'node:fs/promises';
import type { AdminContext } from '../admin/context';
import { openSessionStore } from '../store/session-store';
import { tell, UsageError } from './command';

/** Days for which clean-up keeps dead letters and damaged files when nothing else is said, as store nodes do. */
export const KEEP_FAILED_DAYS = 30;

/**
 * Runs `work` on the sessions of a storage path, none of which this process uses otherwise.
 * @param keepFailedDays Infinity: opening a session removes no dead letters.
 * @throws the system's error when `isRequired` and there is no such directory; SessionError `ERR_STORE_PATH`.
 */
export async function withStoragePath<T>(
  storagePath: string,
  { isRequired, keepFailedDays }: { isRequired: boolean; keepFailedDays: number },
  work: (context: AdminContext) => Promise<T>,
): Promise<T> {
  if (isRequired) await fs.readdir(storagePath);
  const onNotice = ({ clientId, text }: { clientId: string; text: string }) => tell(`session "${clientId}": ${text}`);
  const store = await openSessionStore({ path: storagePath, onNotice });
  try {
    return await work({
      store,
      live: () => undefined,
      assigned: async () => new Set<string>(),
      maxBytes: Number.MAX_SAFE_INTEGER,
      keepFailedDays,
    });
  } finally {
    await store.close();
  }
}

/** A whole number of days. @throws UsageError. */
export function daysOf(text: string | undefined): number {
  if (text === undefined) return KEEP_FAILED_DAYS;
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new UsageError(`"${text}" is no number of days.`);
}
