import type { AdminContext } from '../../src/admin/context';
import type { SessionStore } from '../../src/store/session-store';
import type { StoreSettings } from '../shared/store-settings';
import { assignedClientIds } from './session-assignments';
import { sessionClaims } from './session-host';

/** What administration works on: a store, and the sessions of it that broker nodes of this process have. */
export function adminContext(store: SessionStore, { path, maxBytes, keepFailed }: StoreSettings): AdminContext {
  return {
    store,
    live: (clientId) => sessionClaims.find(path, clientId),
    assigned: () => assignedClientIds(path, store),
    maxBytes,
    keepFailedDays: keepFailed,
  };
}
