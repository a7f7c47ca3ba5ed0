import { isDeepStrictEqual } from 'node:util';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { messageNumber } from '../simulation/message-number';
import type { Fate, Promised } from './ledger';
import { type DiskState, RecordingDisk } from './recording-disk';
import { type LibraryProcess, START, Stage, type TestedClient } from './stage';
import type { Workload } from './workload';

const LATER_MS = 60_000;

/** What a session holds, in MQTT's words. */
interface View {
  open: { number: number; packetId: number; phase: string }[];
  queued: number[];
  dead: number[];
  received: number[];
  subscriptions: string[];
  paused: boolean;
  transfers: unknown;
}

/**
 * Opens a disk as a crash left it, twice, and then lets everything be delivered; each time against what was promised.
 * @param delivered Sessions that were delivered with the same promises; the same again is not.
 * @returns what does not hold.
 */
export async function judge(
  workload: Workload,
  state: DiskState,
  promised: Promised,
  delivered: Set<string> = new Set(),
): Promise<string[]> {
  const violations: string[] = [];
  const disk = new RecordingDisk(state);
  const options = { ...workload.options, now: (workload.options?.now ?? START) + LATER_MS };
  const first = new Stage(disk, options);
  const before = await look(workload, await first.start());
  violations.push(...checkViews(workload, before.views, promised), ...checkReports(workload, first));
  // The first process is killed; what it did to the disk stays.
  const second = new Stage(disk, options);
  const process = await second.start();
  const after = await look(workload, process);
  if (!isDeepStrictEqual(after.views, before.views)) {
    violations.push(`a second opening gives something else: ${text(before.views)}, then ${text(after.views)}`);
  }
  violations.push(...checkReports(workload, second));
  const check = async () => {
    const checking = workload.check?.(disk, process, promised) ?? Promise.resolve([]);
    violations.push(...(await second.drive('checking', checking)));
  };
  await check();
  if (delivered.has(text(after.views))) return [...violations, ...first.broken, ...second.broken];
  delivered.add(text(after.views));
  let { clients, views } = after;
  if (workload.complete !== undefined) {
    for (const client of clients) await client.close();
    await workload.complete(process);
    ({ clients, views } = await look(workload, process));
    const settled = [...promised.fates].map(([number, fate]) => [number, { ...fate, moving: false }] as const);
    violations.push(...checkViews(workload, views, { ...promised, fates: new Map(settled) }));
  }
  await deliver(second, clients, views, promised, workload, violations);
  await check();
  await second.drive('closing the store', process.store.close());
  violations.push(...second.told.map(({ what, error }) => `${what}: ${error.message}`));
  violations.push(...[...first.broken, ...second.broken]);
  if ([...disk.openFiles].some(({ path }) => path.startsWith(process.store.path))) {
    violations.push(`files are open after the end: ${[...disk.openFiles].map(({ path }) => path).join(', ')}`);
  }
  return violations;
}

async function look(
  { sessions = ['plant'], mayBeGone = [] }: Workload,
  process: LibraryProcess,
): Promise<{ clients: TestedClient[]; views: Map<string, View> }> {
  const clients: TestedClient[] = [];
  const views = new Map<string, View>();
  for (const clientId of sessions) {
    const exists = await process.stage.drive('looking', process.store.exists(clientId));
    if (!exists && mayBeGone.includes(clientId)) continue;
    const client = await process.open(clientId);
    // What an interrupted replay has left to do.
    await client.quiet(1);
    clients.push(client);
    views.set(clientId, await process.stage.drive('reading', viewOf(client)));
  }
  return { clients, views };
}

async function viewOf({ client }: TestedClient): Promise<View> {
  const copy = client.copy();
  try {
    const queued: number[] = [];
    for await (const { payload } of copy.queued()) queued.push(messageNumber(payload));
    const { open, received, subscriptions, paused, transfers } = copy.state;
    const dead: number[] = [];
    for (let after = 0; ; ) {
      const page = await client.deadLetters(after, 100);
      if (page.length === 0) break;
      for (const { id, message } of page) {
        dead.push(messageNumber(message.payload));
        after = id;
      }
    }
    return {
      open: open.map(({ packetId, phase, message }) => ({
        number: messageNumber(message?.payload ?? Buffer.alloc(0)),
        packetId,
        phase,
      })),
      queued,
      dead,
      received: [...received],
      subscriptions: subscriptions.map(({ filter }) => filter),
      paused,
      transfers,
    };
  } finally {
    await copy.close();
  }
}

function checkViews(workload: Workload, views: ReadonlyMap<string, View>, promised: Promised): string[] {
  const violations: string[] = [];
  const all = [...views.values()];
  const open = all.flatMap((view) => view.open);
  const queued = all.flatMap((view) => view.queued);
  const dead = all.flatMap((view) => view.dead);
  for (const number of [...open.map((entry) => entry.number), ...queued, ...dead]) {
    if (!promised.fates.has(number)) violations.push(`message ${number} was never published`);
  }
  for (const fate of promised.fates.values()) {
    const entries = open.filter(({ number }) => number === fate.number);
    const inQueue = queued.filter((number) => number === fate.number).length;
    const asDead = dead.filter((number) => number === fate.number).length;
    const trouble = checkMessage(fate, entries, inQueue, asDead, promised);
    if (trouble !== undefined) violations.push(`message ${fate.number} ${trouble}`);
  }
  for (const group of workload.whole ?? []) {
    const there = group.filter((number) => [...open.map((entry) => entry.number), ...queued, ...dead].includes(number));
    if (there.length > 0 && there.length < group.length) violations.push(`only a part is there: ${there.join(', ')}`);
  }
  for (const identifier of promised.received) {
    if (!all.some(({ received }) => received.includes(identifier))) {
      violations.push(`inbound identifier ${identifier}, answered with PUBREC, is forgotten`);
    }
  }
  for (const identifier of promised.completed) {
    if (all.some(({ received }) => received.includes(identifier))) {
      violations.push(`inbound identifier ${identifier}, answered with PUBCOMP, is still held`);
    }
  }
  for (const filter of promised.filters) {
    if (!all.some(({ subscriptions }) => subscriptions.includes(filter))) {
      violations.push(`the subscription to ${filter} is forgotten`);
    }
  }
  if (!workload.unordered) {
    for (const view of all) {
      const orders = view.queued.map((number) => promised.fates.get(number)?.order ?? 0);
      if (orders.some((order, index) => order < (orders[index - 1] ?? 0))) {
        violations.push(`the order is lost: ${view.queued.join(', ')}`);
      }
    }
  }
  return violations;
}

function checkMessage(
  fate: Fate,
  entries: View['open'],
  inQueue: number,
  asDead: number,
  promised: Promised,
): string | undefined {
  const { stored, acknowledged, removable, removed, dead, mayDie, sentAs, released, moving, qos } = fate;
  const count = entries.length + inQueue;
  const mayGo = acknowledged || removable || removed || (qos === 0 && promised.connected);
  if (count > (moving ? 2 : 1)) return `is there ${count} times`;
  if (asDead > (moving ? 2 : 1)) return `is a dead letter ${asDead} times`;
  if (removed && count + asDead > 0) return 'is there after its removal was reported';
  if (dead && count > 0 && !removable && !moving) return 'is in the queue after it was reported a dead letter';
  if (dead && asDead === 0 && !removable && !moving) return 'was reported a dead letter, and is none';
  if (asDead > 0 && !mayDie) return 'is a dead letter for no reason';
  if ((stored || moving) && !mayGo && count + asDead === 0) return 'was reported stored, and is lost';
  // Sent again from the dead letters, or adopted, it is a new message.
  if (removable || moving) return undefined;
  if (sentAs !== undefined && inQueue > 0) return `was sent as ${sentAs}, and is queued as a new one`;
  for (const { packetId, phase } of entries) {
    if (sentAs !== undefined && packetId !== sentAs) return `was sent as ${sentAs}, and has identifier ${packetId}`;
    if (released && phase !== 'released') return `was released, and is ${phase}: it would be sent twice`;
  }
  return undefined;
}

/** Connects each session to a broker that knows it, and looks at what it sends. */
async function deliver(
  stage: Stage,
  clients: readonly TestedClient[],
  views: ReadonlyMap<string, View>,
  promised: Promised,
  workload: Workload,
  violations: string[],
): Promise<void> {
  for (const client of clients) {
    const view = views.get(client.clientId);
    if (view === undefined) continue;
    const { broker } = client;
    broker.sessionPresent = promised.connected;
    for (const qos of [0, 1, 2] as const) client.subscribe(`in/${qos}`, qos);
    client.client.resume();
    await client.connect();
    for (const identifier of view.received) client.inbound(1_000_000 + identifier, 2, identifier, true);
    await client.drained();
    await client.quiet();
    violations.push(...checkPackets(view, client, promised, workload));
    for (const identifier of view.received) {
      if (stage.delivered.includes(1_000_000 + identifier)) {
        violations.push(`inbound identifier ${identifier} was handed over a second time`);
      }
    }
    await client.close();
  }
}

function checkPackets(view: View, { broker }: TestedClient, promised: Promised, workload: Workload): string[] {
  const violations: string[] = [];
  const { fates } = promised;
  /** What the broker may hold: by identifier, the message. */
  const held = new Map<number, number>();
  for (const { sentAs, acknowledged, number } of fates.values()) {
    if (sentAs !== undefined && !acknowledged) held.set(sentAs, number);
  }
  const sent: number[] = [];
  for (const packet of broker.packets) {
    if (packet.cmd === 'pubrel') held.delete(packet.messageId);
    if (packet.cmd !== 'publish') continue;
    const number = messageNumber(packet.payload);
    sent.push(number);
    const holder = held.get(packet.messageId ?? 0);
    if (packet.qos === 0) continue;
    if (holder !== undefined && holder !== number) {
      violations.push(`message ${number} was sent under identifier ${packet.messageId}, which ${holder} still has`);
    }
    if (holder === number && !packet.dup) violations.push(`message ${number} was sent again without DUP`);
    if (packet.qos === 1) held.delete(packet.messageId ?? 0);
  }
  const expected = [
    ...view.open.filter(({ phase }) => phase !== 'released').map(({ number }) => number),
    ...view.queued,
  ];
  const givenUp = (number: number) => fates.get(number)?.mayDie === true;
  for (const number of new Set([...expected, ...sent])) {
    const times = sent.filter((one) => one === number).length;
    const due = expected.filter((one) => one === number).length;
    if (times !== due && !givenUp(number)) violations.push(`message ${number} was sent ${times} times, not ${due}`);
  }
  for (const { packetId } of view.open.filter(({ phase }) => phase === 'released')) {
    const released = broker.packets.some((packet) => packet.cmd === 'pubrel' && packet.messageId === packetId);
    if (!released) violations.push(`PUBREL ${packetId} was not sent again`);
  }
  const orders = sent.map((number) => fates.get(number)?.order ?? 0);
  if (!workload.unordered && orders.some((order, index) => order < (orders[index - 1] ?? 0))) {
    violations.push(`sent out of order: ${sent.join(', ')}`);
  }
  return violations;
}

/** A crash is not damage. */
function checkReports({ mayReport }: Workload, { notices }: Stage): string[] {
  return notices
    .filter(({ level, text: said }) => level !== 'info' && !(mayReport?.test(said) ?? false))
    .map(({ level, text: said }) => `recovery reports (${level}): ${said}`);
}

function text(views: ReadonlyMap<string, View>): string {
  return JSON.stringify([...views]);
}

/** The directory of a session, without the first part of its path. */
export function directoryOf(clientId: string): string {
  return `/store/${sessionDirectoryName(clientId)}`;
}
