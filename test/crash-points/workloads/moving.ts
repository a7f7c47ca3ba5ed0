import { errorCode } from '../../../src/errors';
import { adoptSession } from '../../../src/transfer/adopt';
import { exportJsonl } from '../../../src/transfer/jsonl-export';
import { importJsonl } from '../../../src/transfer/jsonl-import';
import { messageNumber } from '../../simulation/message-number';
import { type LibraryProcess, START, Stage } from '../stage';
import type { Workload } from '../workload';
import { place } from './files';

/** A session with queued, sent and given up messages that no broker is for. */
async function orphan(stage: Stage): Promise<void> {
  const process = await stage.start();
  const left = await process.open('left');
  left.broker.reasonFor = ({ payload }) => (messageNumber(payload) === 2 ? 0x87 : 0);
  left.broker.holdBack.add('puback').add('pubcomp');
  for (const number of [1, 2]) await left.stored(number, 1);
  await left.stored(3, 2);
  await left.connect();
  await left.quiet();
  left.broker.answerHeld(2);
  await left.quiet();
  await stage.may('disconnecting', () => left.client.disconnect());
  for (const number of [4, 5, 6]) await left.stored(number, 2, 150);
  await left.close();
  await process.close();
}

/** What `orphan` has left. */
const ORPHANED = [2, 3, 4, 5, 6];

async function adopt(process: LibraryProcess): Promise<void> {
  const { stage } = process;
  const plant = await process.open();
  await stage.must('adopting', async () => {
    try {
      await adoptSession(process.store, 'left', plant.client);
    } catch (error) {
      // It was done before the crash.
      if (errorCode(error) !== 'ERR_SESSION_UNKNOWN') throw error;
    }
  });
  await plant.close();
}

const adoption: Workload = {
  name: 'adopt',
  statesMin: 815,
  callsMin: 475,
  options: { protocolVersion: 5 },
  sessions: ['plant', 'left'],
  mayBeGone: ['left'],
  prepare: orphan,
  async run(stage) {
    for (const number of ORPHANED) {
      stage.ledger.published(number, 2);
      stage.ledger.message(number, { stored: true, moving: true, mayDie: number === 2 });
    }
    const process = await stage.start();
    const plant = await process.open();
    await plant.stored(10, 1);
    await plant.close();
    await adopt(process);
    for (const number of ORPHANED) stage.ledger.message(number, { moving: false });
    const again = await process.open();
    await again.stored(11, 2);
    await again.close();
    await process.close();
  },
  complete: adopt,
  unordered: true,
};

const deadLetters: Workload = {
  name: 'dead letters: kept, discarded, sent again',
  statesMin: 565,
  callsMin: 180,
  options: { protocolVersion: 5 },
  async run(stage) {
    const { ledger } = stage;
    const process = await stage.start();
    const plant = await process.open();
    let refuses = true;
    plant.broker.reasonFor = ({ payload }) => (refuses && messageNumber(payload) > 1 ? 0x87 : 0);
    for (const number of [1, 2, 3, 4]) {
      await plant.stored(number, number === 3 ? 2 : 1, 100);
      ledger.message(number, { mayDie: number > 1 });
    }
    await plant.connect();
    await plant.drained();
    const fate = (number: number) => ledger.present.fates.get(number);
    // Where the disk fails, that is told later than the queue is empty, or it never was stored.
    await stage.until('giving up', () => [2, 3, 4].every((number) => fate(number)?.dead || fate(number)?.failed));
    await plant.quiet();
    const rest = new Set([2, 3, 4].filter((number) => fate(number)?.dead));
    const [first] = await stage.must('listing', () => plant.client.deadLetters(0, 1));
    if (first !== undefined) {
      const number = messageNumber(first.message.payload);
      rest.delete(number);
      ledger.message(number, { removable: true });
      await stage.must('discarding', () => plant.client.discardDeadLetters([first.id]));
      ledger.message(number, { removed: true });
    }
    refuses = false;
    for (const number of rest) ledger.message(number, { dead: false, moving: true });
    plant.client.pause();
    await stage.must('sending again', () => plant.client.replayDeadLetters());
    for (const number of rest) ledger.message(number, { moving: false, sentAs: undefined, released: false });
    await plant.stored(5, 1);
    plant.client.resume();
    await plant.drained();
    await plant.close();
    await process.close();
  },
  unordered: true,
};

const importing: Workload = {
  name: 'import of JSON lines',
  statesMin: 325,
  callsMin: 175,
  async prepare(stage) {
    const other = new Stage(stage.disk, { now: START });
    const process = await other.start();
    const exported = await process.open('exported');
    for (const number of [1, 2, 3, 4]) await exported.stored(number, 2, 120);
    const lines: string[] = [];
    for await (const line of exportJsonl(exported.client.copy(), START)) lines.push(line);
    await exported.close();
    await process.close();
    await place(stage.disk, '/export.jsonl', Buffer.from(lines.join('')));
  },
  async run(stage) {
    for (const number of [1, 2, 3, 4]) stage.ledger.published(number, 2);
    const process = await stage.start();
    await importLines(process);
    for (const number of [1, 2, 3, 4]) stage.ledger.message(number, { stored: true });
    const again = await process.open();
    await again.stored(5, 1);
    await again.close();
    await process.close();
  },
  complete: importLines,
  unordered: true,
};

async function importLines(process: LibraryProcess): Promise<void> {
  const { stage } = process;
  const plant = await process.open();
  const file = stage.disk.content('/0/export.jsonl');
  await stage.must('importing', () => importJsonl([file], plant.client));
  await plant.close();
}

export const moving = [adoption, deadLetters, importing];
