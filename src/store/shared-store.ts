import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { ifExists } from './files';
import { nodeFileSystem } from './node-file-system';
import { openSessionStore, type SessionStore, type SessionStoreOptions } from './session-store';
import { prepareStoragePath } from './storage-path';

/** The stores of this process, by real path. */
const stores = new Map<string, Promise<SessionStore>>();

/**
 * The one store of this process on `storagePath`, opened with the first call's options. Each call counts as a user:
 * end it by `release`; the last one closes the store after its last session.
 * @throws SessionError `ERR_STORE_PATH` as `openSessionStore`.
 */
export async function sharedSessionStore(
  storagePath: string,
  options: Omit<SessionStoreOptions, 'path' | 'fileSystem'> = {},
): Promise<SessionStore> {
  const realPath = await prepareStoragePath(nodeFileSystem, storagePath);
  for (;;) {
    const existing = stores.get(realPath);
    if (!existing) break;
    const store = await existing.catch(() => undefined);
    if (store?.retain()) return store;
    // It is closing, or could not be opened: whoever comes first replaces it.
    if (stores.get(realPath) === existing) stores.delete(realPath);
  }
  const opening = openSessionStore({ ...options, path: realPath });
  stores.set(realPath, opening);
  return opening;
}

/**
 * The store of this process on `storagePath` if somebody uses it already, without writing anything; one user more, to be
 * ended by `release`. Undefined: there is none.
 */
export async function openSharedStore(storagePath: string): Promise<SessionStore | undefined> {
  const realPath = await ifExists(fs.realpath(path.resolve(storagePath)));
  const existing = realPath === undefined ? undefined : stores.get(realPath);
  const store = await existing?.catch(() => undefined);
  return store?.retain() ? store : undefined;
}
