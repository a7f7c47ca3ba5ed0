import type { RecoveredOutbound } from '../../session/recovery';
import type { OpenMessageState, SessionState } from '../../session/state';
import { damage, type Finding } from './finding';

const IDENTIFIER_MAX = 0xffff;

/** What must hold inside one snapshot, whatever the journal says. */
export function stateFindings(state: SessionState): Finding[] {
  const findings: Finding[] = [];
  const report = (text: string) => findings.push(damage('state', `The snapshot contradicts itself: ${text}.`));
  const { sequence, queueAfter, open, received, subscriptions, stored, transfers } = state;
  if (queueAfter > sequence) report(`its queue begins behind record ${queueAfter}, its last record is ${sequence}`);
  if (stored.count < open.length) report(`${stored.count} messages are stored, and ${open.length} of them are open`);
  let before = 0;
  for (const entry of open) {
    if (entry.sequence <= before) report(`open message ${entry.sequence} follows ${before}`);
    if (entry.sequence > queueAfter) report(`message ${entry.sequence} is open and in the queue at once`);
    before = entry.sequence;
  }
  for (const identifier of repeated(open.filter(holdsIdentifier).map((entry) => entry.packetId))) {
    report(`packet identifier ${identifier} belongs to two open messages`);
  }
  for (const { packetId, sequence: of } of open) {
    if (!isIdentifier(packetId)) report(`open message ${of} has the packet identifier ${packetId}`);
  }
  for (const order of repeated(open.filter(({ phase }) => phase === 'released').map((entry) => entry.releaseOrder))) {
    report(`two messages were released as number ${order}`);
  }
  for (const identifier of received) if (!isIdentifier(identifier)) report(`received identifier ${identifier}`);
  for (const identifier of repeated(received)) report(`received identifier ${identifier} is listed twice`);
  for (const filter of repeated(subscriptions.map((subscription) => subscription.filter))) {
    report(`the subscription to ${JSON.stringify(filter)} is listed twice`);
  }
  for (const { source, enqueued } of transfers) {
    let last = -1;
    for (const range of enqueued) {
      if (range.first <= last || range.last < range.first) report(`the transfer from ${source} has overlapping ranges`);
      last = range.last;
    }
  }
  return findings;
}

/** What must hold for the session as recovered: a packet identifier stands for one message (MQTT-2.3.1-4 (3.1.1)). */
export function recoveredFindings({ released, front }: RecoveredOutbound): Finding[] {
  const sent = [...released, ...front.filter((outbound) => outbound.sent)];
  return repeated(sent.map(({ packetId }) => packetId)).map((identifier) =>
    damage('state', `Packet identifier ${identifier} belongs to two messages that may have been sent.`),
  );
}

function holdsIdentifier({ phase }: OpenMessageState): boolean {
  return phase !== 'requeued';
}

function isIdentifier(value: number): boolean {
  return value >= 1 && value <= IDENTIFIER_MAX;
}

/** Values that occur more than once, each once. */
function repeated<T>(values: readonly T[]): T[] {
  const seen = new Set<T>();
  const twice = new Set<T>();
  for (const value of values) (seen.has(value) ? twice : seen).add(value);
  return [...twice];
}
