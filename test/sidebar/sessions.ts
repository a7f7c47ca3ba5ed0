// Sessions as the endpoints answer them, and the texts of the sidebar.
import type { Formats } from '../../plugins/mqtt-sessions/sidebar/format';
import { formatsFor } from '../../plugins/mqtt-sessions/sidebar/format';
import type { Session, Text } from '../../plugins/mqtt-sessions/sidebar/types';

const catalogue: unknown = require('../../plugins/mqtt-sessions/locales/en-US.json');
const nodeCatalogue: unknown = require('../../nodes/shared/locales/en-US.json');

export const NOW = Date.UTC(2030, 0, 1);
export const formats: Formats = formatsFor('en-US');

/** From the catalogue, as the editor does it. @throws Error for a key that is not there. */
export const text: Text = (key, values = {}) => {
  const isOfNodes = key.startsWith('runtime.');
  let found: unknown = isOfNodes ? (nodeCatalogue as { shared: unknown }) : (catalogue as { sidebar: unknown });
  found = (found as Record<string, unknown>)[isOfNodes ? 'shared' : 'sidebar'];
  for (const part of key.split('.')) found = (found as Record<string, unknown> | undefined)?.[part];
  if (typeof found !== 'string') throw new Error(`the catalogue has no text ${key}`);
  return found.replace(/__(\w+)__/g, (_match, name: string) => String(values[name] ?? `__${name}__`));
};

/** A connected session without messages, but for `values`. */
export function sessionWith(values: Partial<Session> = {}): Session {
  return {
    clientId: 'gateway-7',
    key: 'gateway-7~0',
    store: 'default',
    status: 'connected',
    open: true,
    orphaned: false,
    connected: true,
    asOf: 'now',
    broker: 'mqtt://localhost:1883',
    createdAt: NOW - 86_400_000,
    lastAccessAt: NOW,
    expiryInterval: 0,
    expiresAt: 0,
    nextAttemptAt: 0,
    messages: 0,
    messageBytes: 0,
    queued: 0,
    queuedBytes: 0,
    maxBytes: 1024 ** 3,
    usedShare: 0,
    inflight: 0,
    oldestEnqueuedAt: 0,
    deadLetters: { count: 0, bytes: 0 },
    subscriptions: 0,
    paused: false,
    fileBytes: 0,
    ...values,
  };
}
