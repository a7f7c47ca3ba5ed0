import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { SessionStore } from '../../src/store/session-store';
import { sharedSessionStore } from '../../src/store/shared-store';
import { textOf } from '../shared/config-values';
import { type StoreSettings, storeSettings } from '../shared/store-settings';

export const STORE_TYPE = 'mqtt-session-store';

const settingsOf = new WeakMap<object, StoreSettings>();

/** The settings of a store node; undefined when there is no such node. */
export function storeSettingsOf(RED: NodeAPI, id: unknown): StoreSettings | undefined {
  const nodeId = textOf(id);
  const node: unknown = nodeId === undefined ? undefined : RED.nodes.getNode(nodeId);
  return typeof node === 'object' && node !== null ? settingsOf.get(node) : undefined;
}

/**
 * Keeps its store open while it exists, so that a path that cannot be used is reported at once. The store itself counts
 * its users (this node and the broker nodes, whose close handlers run at the same time) and closes after the last one.
 */
export function registerStore(RED: NodeAPI): void {
  function createStore(this: Node, definition: NodeDef): void {
    RED.nodes.createNode(this, definition);
    const settings = storeSettings({ ...definition }, RED.settings.userDir);
    settingsOf.set(this, settings);
    const opening: Promise<SessionStore | undefined> = sharedSessionStore(settings.path, {
      durability: settings.durability,
    }).catch((error: Error) => {
      this.error(error);
      return undefined;
    });
    this.on('close', (done: () => void) => {
      opening
        .then((store) => store?.release())
        .catch((error: Error) => this.error(error))
        .finally(done);
    });
  }

  RED.nodes.registerType(STORE_TYPE, createStore);
}
