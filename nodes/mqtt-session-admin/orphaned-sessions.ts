import type { Node, NodeAPI } from 'node-red';
import type { AdminContext } from '../../src/admin/context';
import type { SessionInfo } from '../../src/admin/session-info';
import { describeSession, listSessions } from '../../src/admin/sessions';
import type { Translate } from '../shared/texts';
import { type KnownStore, knownStores, withStore } from './known-stores';

/** Client ids that one warning names. */
const NAMED_MAX = 5;

/** Warns once, when the flows have started for the first time, of stored messages that nobody will send. */
export function warnOfOrphanedSessions(RED: NodeAPI, translate: Translate): void {
  RED.events.once('flows:started', () => {
    for (const store of knownStores(RED)) {
      const node = RED.nodes.getNode(store.id) as Node | null | undefined;
      const warn = (text: string) => (node ? node.warn(text) : RED.log.warn(text));
      withStore(store, orphanedSessions)
        .then((orphaned) => {
          if (orphaned.length > 0) warn(translate('warnings.orphaned', textValues(store, orphaned)));
        })
        // A store that cannot be used is reported by the nodes that need it.
        .catch((error: Error) => (node ?? RED.log).debug(error.message));
    }
  });
}

/** Those with messages. What a list does not know of one that was not closed in order is counted. */
async function orphanedSessions(context: AdminContext): Promise<SessionInfo[]> {
  const orphaned: SessionInfo[] = [];
  for (const listed of await listSessions(context)) {
    if (!listed.orphaned) continue;
    const isKnown = listed.asOf === 'now' || listed.clientId === '';
    const session = isKnown ? listed : await describeSession(context, listed.clientId);
    if (session.messages > 0) orphaned.push(session);
  }
  return orphaned;
}

function textValues({ settings }: KnownStore, orphaned: readonly SessionInfo[]): Record<string, unknown> {
  const times = orphaned.map(({ oldestEnqueuedAt, lastAccessAt }) => oldestEnqueuedAt || lastAccessAt);
  const names = orphaned.slice(0, NAMED_MAX).map(({ clientId }) => JSON.stringify(clientId.slice(0, NAMED_MAX * 20)));
  return {
    path: settings.path,
    count: orphaned.length,
    messages: orphaned.reduce((sum, { messages }) => sum + messages, 0),
    names: names.join(', ') + (orphaned.length > NAMED_MAX ? ', …' : ''),
    since: new Date(Math.min(...times)).toISOString(),
  };
}
