/** A deliberate difference to Node-RED's own nodes. */
export interface Difference {
  id: DifferenceId;
  what: string;
  here: string;
  why: string;
  /** The test that shows it, where the table of this folder cannot. */
  shownBy?: string;
}

export type DifferenceId = keyof typeof texts;

type Text = readonly [what: string, here: string, why: string, shownBy?: string];

/** In the order and words of docs/differences.md. */
const texts = {
  offline: ['message while not connected', 'stored, done', 'core drops it, and neither Complete nor Catch fires'],
  status: [
    'status',
    'may go on behind the word of core: `disconnected: 3 queued`',
    'core does not say that something waits, because nothing does',
  ],
  defaults: [
    'new nodes',
    'QoS 1, clean session off',
    'otherwise nothing is kept; renamed nodes keep their values, and a broker without the field keeps its session too',
  ],
  complete: ['Complete', 'when stored (setting)', 'it means: you need not send it again', 'test/nodes/offline.test.ts'],
  'client-id': [
    'empty client id',
    'generated once, kept across restarts, different on every machine',
    'core makes a new one at each start, or forces a clean session',
  ],
  'session-expiry': [
    'clean session off and session expiry 0',
    'MQTT 5 brokers are asked to keep the session for ever',
    'core asks for nothing, and the session ends with the connection',
  ],
  redeploy: [
    'redeploy, disabled node',
    'subscriptions stay in the session',
    'core unsubscribes, or loses what arrives meanwhile',
  ],
  'auto-unsubscribe': [
    '*Unsubscribe from what is no longer in the flows*',
    'on: unsubscribes what is gone from the flow, never because a node closes; off: nothing',
    'a restart must not cost messages',
  ],
  dynamic: ['dynamic subscriptions', 'part of the session', 'core forgets them at a restart'],
  certificates: [
    'certificates',
    'verified unless the TLS configuration says otherwise',
    'core does not verify without one; its field `verifyservercert` is not shown',
  ],
  'invalid-topic': [
    'invalid topic or payload',
    'an error for Catch, `done` exactly once',
    'core warns and never calls `done`',
  ],
  'failed-connection': [
    'broker refuses or cannot be reached',
    'an error for Catch, once, in place of the log line `connect-failed`, and the reason in the status behind `disconnected:`; a connect action fails',
    'core shows `connecting` for ever, and a connect action is never answered',
  ],
  expiry: [
    '`msg.messageExpiryInterval` of 0',
    'expired at once: an error for Catch',
    'core sends it, and what becomes of it depends on the broker: Mosquitto keeps it for ever',
  ],
  'topic-alias': ['`msg.topic` with a topic alias', 'stays', 'core empties it when the broker knows the alias already'],
  reconnect: [
    'reconnect',
    'after 1 s, then longer, up to 30 s (or `mqttReconnectTime`)',
    'core waits a fixed time',
    'test/connection/backoff.test.ts',
  ],
  'one-client-id': [
    'two broker nodes with one client id',
    'refused at deploy, naming both',
    'they would throw each other out',
    'test/nodes/client-ids.test.ts',
  ],
  redelivered: [
    'after a restart',
    '`msg.redelivered` marks what may have been handed over before',
    '',
    'test/nodes/payloads.test.ts',
  ],
  filters: [
    'topic filters',
    'match as MQTT says: `a/+` also `a/`, and braces stand for themselves',
    'core makes a regular expression of them, and drops what that does not match',
  ],
  numbers: ['number fields', 'take environment variables too', '', 'test/nodes/broker-settings.test.ts'],
} as const satisfies Record<string, Text>;

export const differences: readonly Difference[] = Object.entries(texts as Record<DifferenceId, Text>).map(
  ([id, [what, here, why, shownBy]]) => {
    return { id: id as DifferenceId, what, here, why, ...(shownBy !== undefined && { shownBy }) };
  },
);
