/**
 * Every kind of event that the simulation counts: where it is made, and where it is judged. A run of a minute or more
 * fails when one of them came less than `KIND_FLOOR` times, or when there were less than `STEPS_FLOOR` steps.
 *
 * Judges: `oracle.ts` (what was promised against what both applications saw), `ledger.ts` (what must be durable before
 * a packet leaves), `link-rules.ts` with `test/support/rules` (MQTT's rules for every packet), `episode.ts` (after each
 * step, and at the end).
 */
export const KIND_FLOOR = 1_000;
export const STEPS_FLOOR = 1_000_000;
/** Shorter runs are not measured by them. */
export const FLOOR_SECONDS = 60;

export interface Shortage {
  what: string;
  count: number;
  floor: number;
}

interface Place {
  made: string;
  judged: string;
}

export const KINDS = {
  // Out.
  'publish QoS 0': { made: 'application.ts', judged: 'oracle.ts: at most once' },
  'publish QoS 1': { made: 'application.ts', judged: 'oracle.ts: at least once, in order' },
  'publish QoS 2': { made: 'application.ts', judged: 'oracle.ts: once per broker session, in order' },
  'reported stored': { made: 'simulated-process.ts', judged: 'ledger.ts: the record is durable' },
  'reported acknowledged': { made: 'simulated-process.ts', judged: 'oracle.ts: the broker has it' },
  'sent again with DUP': { made: 'network.ts', judged: 'link-rules.ts, ledger.ts: not after its end is durable' },
  PUBACK: { made: 'model-broker.ts', judged: 'link-rules.ts' },
  PUBREC: { made: 'model-broker.ts', judged: 'link-rules.ts' },
  PUBREL: { made: 'network.ts', judged: 'ledger.ts: PUBREC is durable' },
  PUBCOMP: { made: 'model-broker.ts', judged: 'link-rules.ts' },
  'answer delayed': { made: 'model-broker.ts', judged: 'link-rules.ts' },
  'answers out of order': { made: 'model-broker.ts: kinds overtake each other', judged: 'link-rules.ts' },
  'Receive Maximum reached': { made: 'model-broker.ts', judged: 'link-rules.ts: receive-maximum' },
  'topic alias sent': { made: 'network.ts, wishes of simulated-process.ts', judged: 'model-broker.ts: it is known' },
  'identifiers wrapped': {
    made: 'earlier-files.ts: a counter near its end',
    judged: 'link-rules.ts: identifier-in-use; model-broker.ts',
  },
  'reserved identifier passed over': {
    made: 'earlier-files.ts: poison',
    judged: 'model-broker.ts: nothing is swallowed',
  },
  // Messages that are given up.
  'refused in PUBACK': { made: 'model-broker.ts', judged: 'oracle.ts: a dead letter' },
  'refused in PUBREC': { made: 'model-broker.ts', judged: 'oracle.ts: a dead letter' },
  'given up: refused': { made: 'model-broker.ts', judged: 'simulated-process.ts: it was refused' },
  'given up: expired': { made: 'application.ts', judged: 'simulated-process.ts: it had expired' },
  'given up: packet-too-large': { made: 'application.ts', judged: 'simulated-process.ts: it is too large' },
  'given up: retain-unavailable': { made: 'application.ts', judged: 'simulated-process.ts: RETAIN is set' },
  'given up: session-lost': { made: 'faults.ts: session loss', judged: 'simulated-process.ts: by setting' },
  'given up: poisoned': { made: 'model-broker.ts', judged: 'simulated-process.ts: it is poison' },
  'given up: dropped': { made: 'simulated-process.ts: a small maxBytes', judged: 'simulated-process.ts: by setting' },
  'poison met': { made: 'model-broker.ts: it ends the connection', judged: 'link-rules.ts: re-sends' },
  'publish rejected: queue full': { made: 'simulated-process.ts: a small maxBytes', judged: 'oracle.ts: not stored' },
  'dead letters replayed': { made: 'faults.ts', judged: 'oracle.ts' },
  'dead letter thrown away': { made: 'faults.ts', judged: 'oracle.ts: not sent' },
  purge: { made: 'faults.ts', judged: 'oracle.ts: no more is gone than was counted' },
  // In.
  'deliver QoS 0': { made: 'model-broker.ts', judged: 'oracle.ts: at most once' },
  'deliver QoS 1': { made: 'model-broker.ts', judged: 'oracle.ts: given before PUBACK, in order' },
  'deliver QoS 2': { made: 'model-broker.ts', judged: 'oracle.ts: once, or marked as redelivered' },
  'delivered again with DUP': { made: 'model-broker.ts', judged: 'oracle.ts' },
  'topic alias received': { made: 'model-broker.ts', judged: 'oracle.ts: the topic is right' },
  'acknowledged by flow': { made: 'acknowledging-flow.ts', judged: 'oracle.ts: before PUBACK or PUBREC' },
  'acknowledged by flow too late': { made: 'acknowledging-flow.ts', judged: 'acknowledging-flow.ts: told so' },
  'our PUBACK': { made: 'network.ts', judged: 'link-rules.ts: order; oracle.ts: given before' },
  'our PUBREC': { made: 'network.ts', judged: 'ledger.ts: the identifier is durable' },
  'our PUBCOMP': { made: 'network.ts', judged: 'ledger.ts: the removal is durable' },
  resubscribe: { made: 'faults.ts', judged: 'episode.ts: granted is what is wanted' },
  'subscription refused': { made: 'model-broker.ts', judged: 'episode.ts: asked for again' },
  // Connections.
  connected: { made: 'network.ts', judged: 'link-rules.ts' },
  'Session Present 0': { made: 'model-broker.ts', judged: 'oracle.ts, link-rules.ts' },
  'connection refused': { made: 'faults.ts: CONNACK with a reason code', judged: 'episode.ts: it settles' },
  'connection lost': { made: 'faults.ts', judged: 'link-rules.ts: the re-send' },
  'half-open connection': { made: 'faults.ts: silence', judged: 'episode.ts: it settles' },
  'broker unreachable': { made: 'faults.ts: outage', judged: 'episode.ts: it settles' },
  'broker restart': { made: 'faults.ts: its sessions survive', judged: 'oracle.ts, link-rules.ts' },
  'DISCONNECT from the broker': { made: 'faults.ts', judged: 'link-rules.ts' },
  'broker mute': { made: 'faults.ts: it answers nothing', judged: 'episode.ts: it settles' },
  'closed as overdue': { made: 'the client, after 30 s without an answer', judged: 'episode.ts: it settles' },
  'dropped by a broker above its limit': {
    made: 'model-broker.ts: open QoS 2 messages',
    judged: 'episode.ts: it settles',
  },
  congestion: { made: 'faults.ts', judged: 'link-rules.ts' },
  'session adopted': { made: 'machine.ts: moved, deleted', judged: 'model-broker.ts: nothing is swallowed' },
  'identifier cleared': { made: 'the client, in an adopted session', judged: 'model-broker.ts' },
  'clearing refused': { made: 'model-broker.ts: it ends the connection', judged: 'episode.ts: it settles' },
  // Processes and disks.
  'I/O call': { made: 'process-disk.ts', judged: 'watched-store.ts: opening has a bound' },
  'process crash': { made: 'machine.ts', judged: 'oracle.ts, ledger.ts' },
  'crash inside an I/O call': { made: 'machine.ts', judged: 'oracle.ts, ledger.ts' },
  'power cut': { made: 'machine.ts', judged: 'oracle.ts, ledger.ts' },
  'unsynced write lost': { made: 'memory-disk.ts', judged: 'ledger.ts: nothing durable is gone' },
  'unsynced write torn': { made: 'memory-disk.ts', judged: 'ledger.ts: nothing durable is gone' },
  'unsynced writes out of order': { made: 'memory-disk.ts', judged: 'ledger.ts: nothing durable is gone' },
  'unsynced directory entry lost': { made: 'memory-disk.ts', judged: 'ledger.ts: nothing durable is gone' },
  'clean close': { made: 'faults.ts', judged: 'oracle.ts' },
  'session opened': { made: 'watched-store.ts', judged: 'watched-store.ts: calls; ledger.ts: records' },
  snapshot: { made: 'faults.ts', judged: 'ledger.ts at the next opening' },
  'read error': { made: 'faults.ts', judged: 'oracle.ts' },
  'write error': { made: 'faults.ts', judged: 'oracle.ts' },
  'short write': { made: 'faults.ts', judged: 'oracle.ts' },
  'sync error': { made: 'faults.ts', judged: 'oracle.ts, ledger.ts' },
  'other call failed': { made: 'faults.ts: open, list, rename, remove, link', judged: 'oracle.ts' },
  'disk full': { made: 'faults.ts', judged: 'oracle.ts' },
  'bit flipped': { made: 'damage.ts', judged: 'damage.ts: reported, and the rest is kept' },
  'damage reported': { made: 'the store', judged: 'damage.ts: no more is lost than it says' },
  // Administration.
  hold: { made: 'faults.ts', judged: 'oracle.ts' },
  pause: { made: 'faults.ts', judged: 'oracle.ts' },
  redeploy: { made: 'faults.ts', judged: 'oracle.ts' },
  'session deleted': { made: 'machine.ts', judged: 'machine.ts: whole or gone' },
  'session migrated': { made: 'earlier-files.ts', judged: 'oracle.ts: its messages are promised' },
  'clean-up': { made: 'expiring-sessions.ts', judged: 'expiring-sessions.ts' },
  'session expired': { made: 'expiring-sessions.ts', judged: 'expiring-sessions.ts: not before its time' },
  'wall clock forward': { made: 'machine.ts', judged: 'expiring-sessions.ts, simulated-process.ts' },
  'wall clock back': { made: 'machine.ts', judged: 'expiring-sessions.ts, simulated-process.ts' },
  'wall clock not set': { made: 'machine.ts', judged: 'expiring-sessions.ts, simulated-process.ts' },
} as const satisfies Record<string, Place>;

export type Kind = keyof typeof KINDS;
export type KindCounts = Record<Kind, number>;

export function noCounts(): KindCounts {
  return Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 0])) as KindCounts;
}

/** Steps and kinds of events that came less often than they must. */
export function shortages({ steps, kinds }: { steps: number; kinds: KindCounts }): Shortage[] {
  const counts = Object.entries(kinds).map(([what, count]) => ({ what, count, floor: KIND_FLOOR }));
  return [{ what: 'a step', count: steps, floor: STEPS_FLOOR }, ...counts].filter(({ count, floor }) => count < floor);
}
