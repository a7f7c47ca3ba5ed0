import type { Node, NodeAPI, NodeDef } from 'node-red';
import type { SessionStore } from '../../src/store/session-store';
import { sharedSessionStore } from '../../src/store/shared-store';
import { sessionClaims } from '../mqtt-persistent-broker/session-host';
import { textOf } from '../shared/config-values';
import { cleanUpUser, noticesTo } from '../shared/store-clean-up';
import { type StoreSettings, storeSettings } from '../shared/store-settings';
import { runtimeTexts } from '../shared/texts';

export const STORE_TYPE = 'mqtt-session-store';

const settingsOf = new WeakMap<Node, StoreSettings>();

/** A store node and its settings; undefined when there is no such node. */
export function storeNodeOf(RED: NodeAPI, id: unknown): { node: Node; settings: StoreSettings } | undefined {
  const nodeId = textOf(id);
  const node = nodeId === undefined ? null : RED.nodes.getNode(nodeId);
  const settings = node ? settingsOf.get(node) : undefined;
  return node && settings ? { node, settings } : undefined;
}

/**
 * Keeps its store open while it exists, so that a path that cannot be used is reported at once, and what is in it is
 * cleaned up also when no broker node uses it. The store itself counts
 * its users (this node and the broker nodes, whose close handlers run at the same time) and closes after the last one.
 */
export function registerStore(RED: NodeAPI): void {
  function createStore(this: Node, definition: NodeDef): void {
    RED.nodes.createNode(this, definition);
    const settings = storeSettings({ ...definition }, RED.settings.userDir);
    settingsOf.set(this, settings);
    const opening: Promise<SessionStore | undefined> = sharedSessionStore(settings.path, {
      durability: settings.durability,
      onNotice: noticesTo(this),
    }).catch((error: Error) => {
      this.error(error);
      return undefined;
    });
    const stopCleanUp = opening.then((store) =>
      store?.cleanUpRegularly(
        cleanUpUser(settings, (clientId) => sessionClaims.has(settings.path, clientId), this, runtimeTexts(RED._)),
      ),
    );
    this.on('close', (done: () => void) => {
      stopCleanUp
        .then((stop) => stop?.())
        .then(() => opening)
        .then((store) => store?.release())
        .catch((error: Error) => this.error(error))
        .finally(done);
    });
  }

  RED.nodes.registerType(STORE_TYPE, createStore);
}
