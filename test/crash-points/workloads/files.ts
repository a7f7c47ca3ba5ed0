import { encodeMcpsV1 } from '../../../src/mcps/v1';
import type { QoS } from '../../../src/session/message';
import { numberedPayload } from '../../simulation/message-number';
import { directoryOf } from '../judge';
import type { RecordingDisk } from '../recording-disk';
import { START, Stage } from '../stage';
import type { Workload } from '../workload';

const DAY_MS = 86_400_000;

/** A file as the original implementation leaves it. */
function originalFile(clientId: string, messages: readonly { number: number; packetId: number; qos: QoS }[]): Buffer {
  return encodeMcpsV1({
    version: 1,
    clientId,
    createdTime: START - DAY_MS,
    lastAccessTime: START - 60_000,
    expiryInterval: 0,
    lastPacketId: Math.max(0, ...messages.map(({ packetId }) => packetId)),
    subscriptions: [{ topic: 'in/1', qos: 1 }],
    inflight: messages.map(({ number, packetId, qos }) => ({
      packetId,
      topic: `topic/${qos}`,
      payload: numberedPayload(number, 50),
      qos,
      retain: false,
      sendTime: START - 60_000,
      retryCount: 1,
    })),
  });
}

const ORIGINAL_MESSAGES = [
  { number: 1, packetId: 7, qos: 1 },
  { number: 2, packetId: 3, qos: 2 },
  { number: 3, packetId: 9, qos: 1 },
] as const;
const ORIGINAL = originalFile('plant', ORIGINAL_MESSAGES);

export async function place(disk: RecordingDisk, file: string, content: Buffer): Promise<void> {
  const handle = await disk.open(`/0${file}`, 'create');
  await handle.write(content, 0, content.length, 0);
  await handle.close();
}

/** Changes one byte of a file. */
async function flip(disk: RecordingDisk, file: string, position: number): Promise<void> {
  const byte = disk.content(`/0${file}`).subarray(position, position + 1);
  const handle = await disk.open(`/0${file}`, 'write');
  await handle.write(Buffer.from([(byte[0] ?? 0) ^ 0x55]), 0, 1, position);
  await handle.close();
}

/** A session with `count` messages that is closed, the last of them delivered to nobody. */
async function closedSession(stage: Stage, clientId: string, first: number, count: number): Promise<void> {
  const process = await stage.start();
  const client = await process.open(clientId);
  for (let number = first; number < first + count; number++) {
    await client.stored(number, number % 2 === 0 ? 1 : 2, 200);
  }
  await client.close();
  await process.close();
}

/** The session is opened, takes a message and is closed. */
async function storeOneMore(stage: Stage, number: number): Promise<void> {
  const process = await stage.start();
  const plant = await process.open();
  await plant.stored(number, 1);
  await plant.close();
  await process.close();
}

/** What was stored before the recording began. */
function owed(stage: Stage, numbers: readonly number[]): void {
  for (const number of numbers) {
    stage.ledger.published(number, number % 2 === 0 ? 1 : 2);
    stage.ledger.message(number, { stored: true });
  }
}

/** Whether these bytes are in some file, from its beginning on. */
function isKept(disk: RecordingDisk, bytes: Buffer): boolean {
  return disk.paths().some((file) => disk.content(`/0${file}`).subarray(0, bytes.length).equals(bytes));
}

const migration: Workload = {
  name: 'migration of an MCPS v1 file',
  statesMin: 280,
  callsMin: 130,
  async prepare({ disk }) {
    await disk.makeDirectory('/0/store');
    await place(disk, '/store/.mcp_plan', ORIGINAL);
  },
  async run(stage) {
    for (const { number, qos } of ORIGINAL_MESSAGES) {
      stage.ledger.published(number, qos);
      stage.ledger.message(number, { stored: true });
    }
    const process = await stage.start();
    const plant = await process.open();
    await plant.stored(4, 2);
    await plant.connect();
    await plant.drained();
    await plant.close();
    await process.close();
  },
  // A process that was killed between the session and its file leaves that to the next one.
  mayReport: /was not read: the session exists/,
  check: async (disk) => (isKept(disk, ORIGINAL) ? [] : ['the original file is gone']),
};

const importing: Workload = {
  name: 'import of an MCPS v1 file',
  statesMin: 165,
  callsMin: 105,
  async prepare(stage) {
    await closedSession(stage, 'left', 1, 2);
  },
  async run(stage) {
    const process = await stage.start();
    for (const { number, qos } of ORIGINAL_MESSAGES) stage.ledger.published(number, qos);
    await stage.must('importing', async () => {
      const pending = await process.store.prepareImport(ORIGINAL, 'plant');
      await pending.place().finally(() => pending.discard());
    });
    for (const number of [1, 2, 3]) stage.ledger.message(number, { stored: true });
    const plant = await process.open();
    await plant.stored(4, 2);
    await plant.close();
    await process.close();
  },
  whole: [[1, 2, 3]],
  mayReport: /was not read: the session exists/,
};

const deletion: Workload = {
  name: 'delete',
  statesMin: 230,
  callsMin: 145,
  async prepare(stage) {
    await closedSession(stage, 'plant', 1, 4);
    // A v1 file of the same client id must not bring anything back.
    await place(stage.disk, '/store/.mcp_plan', originalFile('plant', [{ number: 50, packetId: 1, qos: 1 }]));
  },
  async run(stage) {
    owed(stage, [1, 2, 3, 4]);
    const process = await stage.start();
    // Opening a session whose deletion was interrupted before the session was gone takes in nothing of the file.
    for (const number of [1, 2, 3, 4]) stage.ledger.message(number, { removable: true });
    await stage.must('deleting', () => process.store.delete('plant'));
    for (const number of [1, 2, 3, 4]) stage.ledger.message(number, { removed: true });
    const plant = await process.open();
    await plant.stored(5, 1);
    await plant.stored(6, 2);
    await plant.close();
    await process.close();
  },
  whole: [[1, 2, 3, 4]],
  // Nobody knows whose a file is that cannot be read.
  mayComeBack: [50],
  mayReport: /was not read: the session exists/,
};

const cleanUp: Workload = {
  name: 'clean-up',
  statesMin: 42,
  callsMin: 60,
  sessions: ['plant', 'left'],
  mayBeGone: ['left'],
  async prepare({ disk }) {
    const before = new Stage(disk, { now: START - 40 * DAY_MS });
    const process = await before.start();
    const left = await process.open('left', { expiryInterval: 60 });
    for (const number of [1, 2, 3]) await left.stored(number, 1, 200);
    await left.close();
    await process.close();
    await closedSession(before, 'plant', 4, 2);
    await disk.makeDirectory(`/0/store/quarantine/${directoryOf('plant').slice(7)}-20250101T000000Z`);
    await place(
      disk,
      `/store/quarantine/${directoryOf('plant').slice(7)}-20250101T000000Z/reason-1.txt`,
      Buffer.from('x'),
    );
    await place(disk, '/store/foreign.txt', Buffer.from('not ours'));
  },
  async run(stage) {
    owed(stage, [4, 5]);
    for (const number of [1, 2, 3]) {
      stage.ledger.published(number, 1);
      stage.ledger.message(number, { stored: true, removable: true });
    }
    const process = await stage.start();
    const result = await stage.must('cleaning up', async () => {
      const done = await process.store.cleanUp();
      const [failure] = done.failed;
      if (failure !== undefined) throw failure.error;
      return done;
    });
    if (result.sessions.length > 0) for (const number of [1, 2, 3]) stage.ledger.message(number, { removed: true });
    await process.close();
  },
  whole: [[1, 2, 3]],
  check: async (disk) => (isKept(disk, Buffer.from('not ours')) ? [] : ['a foreign file is gone']),
};

const damagedSnapshot: Workload = {
  name: 'quarantine of a snapshot, the older one in its place',
  statesMin: 135,
  callsMin: 110,
  async prepare(stage) {
    await closedSession(stage, 'plant', 1, 4);
    const { disk } = stage;
    const directory = directoryOf('plant');
    await place(disk, `${directory}/session.2.mcps`, disk.content(`/0${directory}/session.1.mcps`));
    await flip(disk, `${directory}/session.2.mcps`, 60);
  },
  async run(stage) {
    owed(stage, [1, 2, 3, 4]);
    await storeOneMore(stage, 5);
  },
  mayReport: /session\.2\.mcps is damaged/,
  check: async (disk) => {
    const damaged = disk.paths().filter((file) => file.includes('session.2.mcps'));
    return damaged.length > 0 ? [] : ['the damaged snapshot is gone'];
  },
};

const damagedSegment: Workload = {
  name: 'quarantine of a segment',
  statesMin: 195,
  callsMin: 130,
  async prepare(stage) {
    await closedSession(stage, 'plant', 1, 4);
    const { disk } = stage;
    const segment = `${directoryOf('plant')}/1-00000001.mcpj`;
    const content = disk.content(`/0${segment}`);
    await flip(disk, segment, content.indexOf(numberedPayload(2, 20)) + 30);
  },
  async run(stage) {
    owed(stage, [1, 2, 3, 4]);
    stage.ledger.message(2, { removable: true });
    await storeOneMore(stage, 5);
  },
  mayReport: /is damaged/,
  check: async (disk) => {
    const head = numberedPayload(2, 25);
    const files = disk.paths().filter((file) => disk.content(`/0${file}`).includes(head));
    return files.length > 0 ? [] : ['the damaged segment is gone'];
  },
};

const clientIds: Workload = {
  name: 'generated client ids',
  statesMin: 120,
  callsMin: 85,
  async run(stage) {
    const process = await stage.start();
    for (const node of ['first', 'second']) {
      const clientId = await stage.must('generating', () => process.store.generateClientId(node));
      stage.ledger.fact(`client id of ${node}`, clientId);
    }
    await process.close();
  },
  check: async (_disk, { store }, { facts }) => {
    const violations: string[] = [];
    for (const node of ['first', 'second']) {
      const promised = facts.get(`client id of ${node}`);
      const clientId = await store.generateClientId(node);
      if (promised !== undefined && promised !== clientId) violations.push(`the client id of ${node} has changed`);
    }
    return violations;
  },
};

export const files = [migration, importing, deletion, cleanUp, damagedSnapshot, damagedSegment, clientIds];
