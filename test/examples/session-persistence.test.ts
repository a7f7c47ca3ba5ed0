import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { openSessionStore } from '../../src';
import { sessionCodec } from '../../src/session/session-codec';
import { Mosquitto } from '../support/mosquitto';
import { Publisher } from '../support/observer';
import { waitFor } from '../support/wait';
import { ExampleRun } from './example-run';

const TOPIC = 'session/example';
const DAY_MS = 86_400_000;

interface Answer {
  code: number;
  action: string;
  clientId: string;
  exists?: boolean;
  findings?: unknown[];
  info?: { expiryInterval: number; messages: number; subscriptions: { topic: string }[] };
  sessions?: { clientId: string }[];
  count?: number;
  stats?: { messagesSent: number; queuedMessages: number };
}

/** A session of the day before yesterday, which nobody uses. */
async function makeExpired(folder: string, clientId: string): Promise<void> {
  const scheduler = { now: () => Date.now() - 2 * DAY_MS, after: () => () => undefined };
  const store = await openSessionStore({ path: folder, scheduler });
  await (await store.open(clientId, sessionCodec, 3600)).close();
  await store.close();
}

describe('the example session-persistence', function () {
  this.timeout(60_000);
  let broker: Mosquitto;
  let example: ExampleRun;
  let folder = '';

  before(async () => {
    broker = await Mosquitto.start();
    example = await ExampleRun.start({ name: 'session-persistence', port: broker.port });
    folder = path.join(example.userDir, 'mqtt-sessions-example');
    for (const id of ['session-out', 'session-in']) await example.waitState(id, 'connected');
  });
  after(async () => {
    await example?.remove();
    await broker?.remove();
  });

  const answer = (action: string) => example.answer<Answer>(`session-${action}`, 'session-answer');
  const statistics = (action: string) => example.answer<Answer>(`session-${action}`, 'session-statistics');

  /** Waits until nothing waits, so that what is sent from now on can be counted; received is not yet acknowledged. */
  async function delivered(): Promise<void> {
    const isEmpty = async () => (await answer('info')).info?.messages === 0;
    await waitFor(isEmpty, { what: 'everything acknowledged', intervalMs: 50, detail: () => example.logs });
  }

  it('sends and receives', async () => {
    await example.press('session-send');
    await example.waitShown('session-received', 1);
    assert.ok(fs.existsSync(folder));
  });

  it('keeps what is sent and what others publish through disconnect, SIGKILL and restart', async () => {
    await delivered();
    const { code } = await example.answer<Answer>('session-disconnect', 'session-link-answer');
    assert.equal(code, 0);
    await example.waitState('session-out', 'disconnected');
    const publisher = await Publisher.start({ port: broker.port });
    await publisher.publish(TOPIC, 'from another one');
    await publisher.stop();
    for (let count = 1; count <= 3; count++) await example.press('session-send');
    await example.waitState('session-out', 'disconnected', 3);
    await example.kill();
    await example.restart();
    const received = (await example.waitShown('session-received', 5)).slice(1);
    const own = received.filter((payload) => typeof payload === 'number');
    assert.ok(received.includes('from another one'));
    assert.deepEqual(own, own.toSorted());
    assert.equal(new Set(own).size, 3);
  });

  it('counts, and starts anew', async () => {
    await delivered();
    assert.equal((await statistics('stats')).stats?.messagesSent, 3);
    assert.equal((await statistics('reset-stats')).code, 0);
    assert.equal((await statistics('stats')).stats?.messagesSent, 0);
  });

  it('answers to actions by hand', async () => {
    const saved = await answer('save');
    assert.deepEqual(saved, { code: 0, action: 'save', clientId: saved.clientId });
    assert.deepEqual((await answer('load')).findings, []);
    assert.equal((await answer('exists')).exists, true);
    const { info } = await answer('info');
    assert.equal(info?.expiryInterval, 3600);
    assert.deepEqual(
      info.subscriptions.map(({ topic }) => topic),
      [TOPIC],
    );
    assert.deepEqual(
      (await answer('list')).sessions?.map(({ clientId }) => clientId),
      [saved.clientId],
    );
  });

  it('raises the alarm only when more than ten messages wait', async () => {
    await delivered();
    await example.answer('session-disconnect', 'session-link-answer');
    for (let count = 1; count <= 10; count++) await example.press('session-send');
    await example.waitState('session-out', 'disconnected', 10);
    await example.press('session-watch');
    assert.equal((await statistics('stats')).stats?.queuedMessages, 10);
    assert.deepEqual(example.shown('session-alarm'), []);
    await example.press('session-send');
    await example.waitState('session-out', 'disconnected', 11);
    assert.equal(await example.answer('session-watch', 'session-alarm'), 11);
  });

  it('deletes the session with its messages, here and at the broker, and goes on with an empty one', async () => {
    assert.equal((await answer('info')).info?.messages, 11);
    assert.equal((await answer('delete')).code, 0);
    assert.equal((await answer('info')).info?.messages, 0);
    const before = example.shown('session-received').length;
    await example.answer('session-connect', 'session-link-answer');
    await delivered();
    await example.press('session-send');
    assert.equal((await example.waitShown('session-received', before + 1)).length, before + 1);
  });

  it('cleans up what has expired, and nothing else', async () => {
    await makeExpired(folder, 'left behind');
    const { code, count, sessions } = await example.answer<Answer>('session-cleanup', 'session-cleaned');
    assert.deepEqual({ code, count }, { code: 0, count: 1 });
    assert.deepEqual(
      sessions?.map(({ clientId }) => clientId),
      ['left behind'],
    );
    assert.equal((await answer('exists')).exists, true);
    assert.deepEqual(example.shown('session-error'), []);
  });
});
