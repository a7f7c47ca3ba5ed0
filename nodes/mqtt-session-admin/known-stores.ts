import type { NodeAPI, NodeDef } from 'node-red';
import type { AdminContext } from '../../src/admin/context';
import { SessionError } from '../../src/errors';
import { openSharedStore, sharedSessionStore } from '../../src/store/shared-store';
import { adminContext } from '../mqtt-persistent-broker/admin-context';
import { BROKER_TYPE, brokerOf } from '../mqtt-persistent-broker/node';
import { STORE_TYPE, storeNodeOf } from '../mqtt-session-store/node';
import { textOf } from '../shared/config-values';
import { type StoreSettings, storeSettings } from '../shared/store-settings';

/** Names the store of broker nodes that have no store node; no node has such an id. */
export const DEFAULT_STORE_ID = 'default';

/** A store that nodes of this process use. */
export interface KnownStore {
  /** Id of its node, or `DEFAULT_STORE_ID`. */
  id: string;
  /** Of its node; empty: it has none. */
  name: string;
  settings: StoreSettings;
}

/** All stores that there are now. Store nodes with the same path are one store, under the id of the first. */
export function knownStores(RED: NodeAPI): KnownStore[] {
  const stores = new Map<string, KnownStore>();
  const add = (id: string, name: string, settings: StoreSettings) => {
    if (!stores.has(settings.path)) stores.set(settings.path, { id, name, settings });
  };
  let usesDefault = false;
  RED.nodes.eachNode((node: NodeDef) => {
    if (node.type === STORE_TYPE) {
      // As it runs: environment variables are filled in there, and a disabled one is not there.
      const settings = storeNodeOf(RED, node.id)?.settings;
      if (settings !== undefined) add(node.id, node.name, settings);
    } else if (node.type === BROKER_TYPE && textOf((node as NodeDef & { store?: unknown }).store) === undefined) {
      usesDefault ||= brokerOf(RED, node.id) !== undefined;
    }
  });
  if (usesDefault) add(DEFAULT_STORE_ID, '', storeSettings({}, RED.settings.userDir));
  return [...stores.values()];
}

/** @throws SessionError `ERR_STORE_UNKNOWN`. */
export function knownStore(RED: NodeAPI, id: string): KnownStore {
  const stores = knownStores(RED);
  // A store node may have the same path as the default store; then it is one store, under the id of the node.
  const settings = id === DEFAULT_STORE_ID ? storeSettings({}, RED.settings.userDir) : storeNodeOf(RED, id)?.settings;
  const store = stores.find((one) => one.id === id || one.settings.path === settings?.path);
  if (store !== undefined) return store;
  throw new SessionError(
    'ERR_STORE_UNKNOWN',
    'There is no such session store: name the id of a store node that is deployed, or "default".',
  );
}

/** Runs `work` on a store, which is open until it ends. @throws SessionError `ERR_STORE_PATH`; the errors of `work`. */
export async function withStore<T>({ settings }: KnownStore, work: (context: AdminContext) => Promise<T>): Promise<T> {
  // Its nodes have it open: a request that only reads must not write to the disk.
  const { path, durability } = settings;
  const store = (await openSharedStore(path)) ?? (await sharedSessionStore(path, { durability }));
  try {
    return await work(adminContext(store, settings));
  } finally {
    await store.release();
  }
}
