/** A rule that must hold, and where it is written down. At least one mutation in `patches/` breaks it. */
export interface Rule {
  /** As the patches name it. */
  name: string;
  says: string;
  /** A page of the documentation or a file with the rule in its comments, from the top folder. */
  where: string;
}

const SESSION = 'src/session/session.ts';
const ARCHITECTURE = 'docs/architecture.md';
const CONFORMANCE = 'docs/conformance.md';
const OPERATIONS = 'docs/operations.md';

export const rules: readonly Rule[] = [
  // What must be durable before something happens.
  {
    name: 'done-after-the-record-is-durable',
    says: '"stored" is reported when the record of the message is durable',
    where: SESSION,
  },
  {
    name: 'publish-after-message-and-mark',
    says: 'PUBLISH waits for the message and for the mark that covers it; an open identifier is not reused',
    where: SESSION,
  },
  { name: 'pubrel-after-the-pubrec-record', says: 'PUBREL waits for the record of PUBREC', where: SESSION },
  {
    name: 'puback-after-the-hand-over',
    says: 'PUBACK follows the hand-over to the flow, or its acknowledgement',
    where: SESSION,
  },
  {
    name: 'pubrec-after-the-hand-over-and-the-identifier',
    says: 'PUBREC follows the hand-over and the record of the received identifier',
    where: SESSION,
  },
  {
    name: 'queued-qos-0-after-its-removal',
    says: 'QoS 0 from the queue is sent when its removal is durable',
    where: SESSION,
  },
  {
    name: 'pubcomp-after-the-removal',
    says: 'PUBCOMP waits for the removal of the received identifier',
    where: SESSION,
  },
  {
    name: 'acknowledgements-received-wait-for-nothing',
    says: 'PUBACK and PUBCOMP open the window at once, whatever the disk does',
    where: SESSION,
  },
  {
    name: 'durability-settings',
    says: '"always" waits for the sync, "interval" syncs once a second, no setting reports before write() returned',
    where: OPERATIONS,
  },
  {
    name: 'segments-and-snapshots',
    says: 'a segment and its name are synced before they count; what a snapshot frees goes after it is durable',
    where: ARCHITECTURE,
  },
  // Delivery.
  {
    name: 'send-window',
    says: 'unacknowledged PUBLISH stay within Receive Maximum, the setting and the bytes; in 3.1.1 the window is learned',
    where: CONFORMANCE,
  },
  {
    name: 'session-present',
    says: 'PUBRELs first, then PUBLISH with identifier and DUP in their order, before anything new; nothing is sent again on a live connection',
    where: CONFORMANCE,
  },
  {
    name: 'overdue',
    says: 'a connection on which nothing is acknowledged is closed; the next one gets twice the time',
    where: 'src/session/overdue.ts',
  },
  {
    name: 'session-lost',
    says: 'the broker lost its session: received identifiers are forgotten, messages go out as new, subscriptions are made again',
    where: CONFORMANCE,
  },
  {
    name: 'adoption',
    says: 'identifiers of a session that only the broker knows are cleared before use',
    where: CONFORMANCE,
  },
  {
    name: 'after-a-crash',
    says: 'the journal gives back what was in flight, received and released, and reserves its identifiers',
    where: ARCHITECTURE,
  },
  {
    name: 'clean-session',
    says: 'a clean session begins with no state of the last one; the queue is ours and stays',
    where: CONFORMANCE,
  },
  { name: 'qos-0', says: 'QoS 0 is sent at once while connected, queued otherwise, and sent once', where: CONFORMANCE },
  {
    name: 'message-expiry',
    says: 'expiry counts from enqueue, in both versions, and never once a message was sent',
    where: CONFORMANCE,
  },
  {
    name: 'maximum-qos-and-retain',
    says: 'QoS above the Maximum QoS is lowered, RETAIN where there is none is refused',
    where: CONFORMANCE,
  },
  { name: 'invalid-input', says: 'what could never be sent never enters the queue', where: CONFORMANCE },
  {
    name: 'refusals-and-dead-letters',
    says: 'what the broker refuses becomes one dead letter, durable before the removal, and an error for Catch',
    where: ARCHITECTURE,
  },
  {
    name: 'poison',
    says: 'only a message that is tried alone on a quiet connection is found to be poison, after three closes',
    where: 'docs/decisions/0006-poison-messages.md',
  },
  {
    name: 'limits',
    says: 'limits and purge touch only what was never sent; what makes room is told; the same error is logged once a minute',
    where: OPERATIONS,
  },
  {
    name: 'manual-acknowledgement',
    says: 'the broker hears when all have acknowledged, in order of receipt; what is open is not delivered twice; the flow is bounded',
    where: 'docs/decisions/0007-more-than-the-flow-acknowledges.md',
  },
  {
    name: 'no-connection-before-the-flows-run',
    says: 'nothing connects before the flows run; during a deploy messages wait, bounded; what nobody wants is acknowledged',
    where: 'nodes/shared/flow-lifecycle.ts',
  },
  {
    name: 'subscriptions',
    says: 'recorded before SUBSCRIBE, active after SUBACK, kept over restarts and deploys, brought in line by difference',
    where: 'src/session/subscriptions.ts',
  },
  {
    name: 'birth-and-close-messages',
    says: 'birth and close messages go past the queue on the live connection, and are never sent again',
    where: 'src/session/direct-publish.ts',
  },
  {
    name: 'back-off',
    says: 'the delay grows with each attempt, and begins anew after an acknowledgement or 30 s, not at CONNACK',
    where: 'src/connection/backoff.ts',
  },
  // When something goes wrong.
  {
    name: 'storage-path',
    says: 'the path is made for its owner only; one that cannot be used is named with the reason; no silent new client id',
    where: OPERATIONS,
  },
  {
    name: 'input-before-the-store-is-open',
    says: 'input waits for the session, bounded and in order',
    where: 'src/client/early-publishes.ts',
  },
  { name: 'foreign-files', says: 'files that are not ours are never touched', where: OPERATIONS },
  { name: 'newer-version', says: 'a session of a newer version is refused and left as it is', where: OPERATIONS },
  {
    name: 'older-version',
    says: 'an original file is migrated, and kept when that is durable',
    where: 'docs/moving-over.md',
  },
  {
    name: 'torn-tail',
    says: 'a torn tail is cut back to the last whole record before anything is appended',
    where: 'src/store/journal/recovery-decisions.ts',
  },
  {
    name: 'damage',
    says: 'every record that proves itself is kept, the damaged file is set aside, the loss is reported',
    where: 'src/store/journal/recovery-decisions.ts',
  },
  {
    name: 'disk-full',
    says: 'new messages are refused, draining goes on, and storing works again by itself',
    where: OPERATIONS,
  },
  {
    name: 'sync-error',
    says: 'after a sync that failed nothing of it is trusted: it is written again to a new segment',
    where: 'src/store/journal/writer.ts',
  },
  {
    name: 'directory-sync',
    says: 'only by name is a directory that cannot be synced tolerated; a busy file is renamed later',
    where: OPERATIONS,
  },
  {
    name: 'second-process',
    says: 'one holder at a time: a dead one is followed at once, a living one never displaced, a displaced one reports nothing',
    where: OPERATIONS,
  },
  {
    name: 'session-expiry',
    says: 'an expired session begins its protocol state anew and keeps its messages; clean-up deletes only what nobody uses',
    where: OPERATIONS,
  },
  { name: 'refused-connection', says: 'a refused connection is tried again, and the queue stays', where: OPERATIONS },
  {
    name: 'client-id-in-use-elsewhere',
    says: 'two clients with one client id do not throw each other out for ever',
    where: OPERATIONS,
  },
  {
    name: 'receive-maximum-exceeded',
    says: 'a broker that sends more than our Receive Maximum while the flow holds is told by 0x93',
    where: CONFORMANCE,
  },
  {
    name: 'node-closes',
    says: 'when a node closes, what was published is stored and reported',
    where: 'src/client/session-client.ts',
  },
];
