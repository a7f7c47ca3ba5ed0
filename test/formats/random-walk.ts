import * as fs from 'node:fs';
import * as path from 'node:path';
import type { QoS } from '../../src/session/message';
import { assertSame } from './comparison';
import { decodeSession, directoryName } from './decoder';
import { randomFrom } from './random-source';
import { RealSession } from './real-session';

const CLIENT_ID = 'walker';
const STEPS = 60;

/**
 * A session that does what `seed` says. Again and again a copy is made, as of a killed process: the decoder reads it, the
 * package opens it, and both must have the same session. Resolves to how often they were compared.
 */
export async function walk(directory: string, seed: number): Promise<number> {
  const random = randomFrom(seed);
  let storagePath = path.join(directory, 'walk-0');
  let session = await RealSession.open(storagePath, CLIENT_ID);
  const before: RealSession[] = [];
  let comparisons = 0;
  const state = { connected: false, broker: 'first' };
  for (let step = 0; step < STEPS; step++) {
    await takeStep(session, random, state);
    if (random(8) > 0) continue;
    const copy = path.join(directory, `walk-${++comparisons}`);
    fs.cpSync(storagePath, copy, { recursive: true });
    fs.rmSync(path.join(copy, directoryName(CLIENT_ID), 'lock'));
    const decoded = decodeSession(path.join(copy, directoryName(CLIENT_ID)));
    const reopened = await RealSession.open(copy, CLIENT_ID);
    assertSame(decoded, reopened, ...before, session);
    if (random(3) > 0) {
      await reopened.close();
      continue;
    }
    await session.close();
    before.push(session);
    [session, storagePath, state.connected] = [reopened, copy, false];
  }
  await session.close();
  return comparisons;
}

async function takeStep(
  session: RealSession,
  random: (below: number) => number,
  state: { connected: boolean; broker: string },
): Promise<void> {
  const choice = random(15);
  if (choice < 5) publishSome(session, random, state.connected);
  else if (choice < 9) await answerSome(session, random, state.connected);
  else if (choice === 9) await reconnect(session, random, state);
  else if (choice === 10) await session.checkpoint(random(2) === 0);
  else if (choice === 11) session.session.pause(random(2) === 0);
  else if (choice === 12) session.failNextSync = true;
  else if (state.connected) await receiveOne(session, random);
  await session.settle();
}

function publishSome(session: RealSession, random: (below: number) => number, connected: boolean): void {
  for (let count = random(6); count >= 0; count--) {
    const qos = (connected ? 1 + random(2) : random(3)) as QoS;
    session.publish({ qos, payload: Buffer.alloc(random(200)) });
  }
}

async function answerSome(session: RealSession, random: (below: number) => number, connected: boolean): Promise<void> {
  if (!connected) return;
  const open = session.session.openMessages();
  for (const { packetId: messageId, message } of open.slice(0, 1 + random(5))) {
    if (random(4) === 0) continue;
    if (message.qos === 1) {
      await session.receive({ cmd: 'puback', messageId });
    } else {
      await session.receive({ cmd: 'pubrec', messageId });
      if (random(2) === 0) await session.receive({ cmd: 'pubcomp', messageId });
    }
  }
}

async function reconnect(
  session: RealSession,
  random: (below: number) => number,
  state: { connected: boolean; broker: string },
): Promise<void> {
  if (state.connected) session.session.disconnected(random(2) === 0, 0);
  state.connected = random(3) > 0;
  if (!state.connected) return;
  if (random(4) === 0) state.broker = ['first', 'second'][random(2)]!;
  await session.connect(random(3) > 0, state.broker);
}

async function receiveOne(session: RealSession, random: (below: number) => number): Promise<void> {
  const messageId = 1 + random(4);
  const payload = Buffer.from('x');
  // A broker never uses an identifier twice at once; with DUP the message is one sent again.
  if (random(2) === 0) {
    await session.receive({ cmd: 'publish', topic: 't', payload, qos: 2, retain: false, dup: true, messageId });
  } else {
    await session.receive({ cmd: 'pubrel', messageId });
  }
}
