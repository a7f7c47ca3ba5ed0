import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import type { PastError } from '../../src/admin/recent-errors';
import { storeDeadLetters, storeQueue } from '../admin/storage-fixture';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';
import { call, post } from './admin-http';
import { outNode, session, tab, temporaryDirectory } from './flow';

type Listed = Record<string, unknown> & { clientId: string; key: string };
interface Page {
  total: number;
  matching: number;
  stores: { id: string; path: string; error?: { message: string } }[];
  sessions: Listed[];
}

/** Uses the built package, as Node-RED loads it. */
describe('the overview of all sessions', () => {
  const directory = temporaryDirectory();
  let nodeRed: NodeRedProcess;
  before(async function () {
    this.timeout(60_000);
    await storeQueue(directory, 'left', 3);
    await storeQueue(directory, 'gone', 1);
    await storeDeadLetters(directory, 'failed', 2);
    const inject = {
      id: 'inject',
      type: 'inject',
      z: 'tab',
      x: 0,
      y: 0,
      props: [{ p: 'payload' }],
      payload: 'ä'.repeat(200),
      payloadType: 'str',
      wires: [['out']],
    };
    const flows = [
      tab,
      ...session({ port: 1, directory, clientid: 'waiting', password: 'secret' }),
      outNode('out', { topic: 'plant/waiting', qos: '1' }),
      inject,
    ];
    nodeRed = await startNodeRed(temporaryDirectory(), { flows });
  });
  after(() => nodeRed?.kill());

  const page = async (query = '') =>
    (await call(nodeRed.url, { path: `/mqtt-sessions/sessions${query}` })).json<Page>();
  const of = async (clientId: string) => (await page()).sessions.find((one) => one.clientId === clientId);

  it('names the broker that a session is to reach, also before it ever has', async () => {
    const waiting = async () => (await of('waiting'))?.broker === 'mqtt://127.0.0.1:1';
    await waitFor(waiting, { what: 'the address of the broker', detail: nodeRed.logs });
  });

  it('lists open, stored and orphaned sessions of all stores, without secrets', async () => {
    const answer = await call(nodeRed.url, { path: '/mqtt-sessions/sessions?sort=clientId' });
    assert.equal(answer.status, 200);
    const { total, stores, sessions } = answer.json<Page>();
    assert.deepEqual(
      sessions.map(({ clientId, store, orphaned, messages }) => [clientId, store, orphaned, messages]),
      [
        ['failed', 'store', true, 0],
        ['gone', 'store', true, 1],
        ['left', 'store', true, 3],
        ['waiting', 'store', false, 0],
      ],
    );
    assert.equal(total, 4);
    assert.deepEqual(
      stores.map(({ id, path }) => [id, path]),
      [['store', directory]],
    );
    assert.doesNotMatch(answer.text, /secret/);
  });

  it('finds and sorts sessions with dead letters, also those that nobody uses', async () => {
    const { sessions } = await page('?state=failed');
    assert.deepEqual(
      sessions.map(({ clientId, deadLetters }) => [clientId, (deadLetters as { count: number }).count]),
      [['failed', 2]],
    );
    assert.equal((await page('?sort=deadLetters')).sessions[0]?.clientId, 'failed');
  });

  it('remembers what went wrong of late, with how often and when', async () => {
    const address = '/mqtt-sessions/store/sessions/waiting';
    const [error] = await waitFor(
      async () => {
        const { recentErrors = [] } = (await call(nodeRed.url, { path: address })).json<{
          recentErrors?: PastError[];
        }>();
        return (recentErrors[0]?.count ?? 0) > 1 ? recentErrors : undefined;
      },
      { what: 'a second attempt that failed', timeoutMs: 15_000, detail: nodeRed.logs },
    );
    assert.equal(error?.code, 'ERR_BROKER_UNREACHABLE');
    assert.ok(error.since < error.at && error.at <= Date.now());
    assert.equal('recentErrors' in ((await of('waiting')) ?? {}), false, 'not in the list');
  });

  it('tells a session in use as it is now, with why it is not connected, and what became of its queue', async () => {
    await waitFor(async () => (await of('waiting'))?.connectionError !== undefined, { what: 'a failed attempt' });
    await post(nodeRed.url, '/inject/inject');
    const waiting = await waitFor(
      async () => {
        const one = await of('waiting');
        return one?.messages === 1 && one.trend !== undefined ? one : undefined;
      },
      { what: 'the message, and a sample', intervalMs: 50 },
    );
    assert.match(String((waiting.connectionError as { message: string }).message), /127\.0\.0\.1/);
    const { depths, begunWith } = waiting.trend as { depths: number[]; begunWith: number };
    assert.equal(depths.at(-1), 1);
    assert.equal(begunWith, 1);
  });

  it('shows the messages at the front of the queue, of sessions in use and of others', async () => {
    const messages = async (clientId: string) =>
      (await call(nodeRed.url, { path: `/mqtt-sessions/store/sessions/${clientId}/messages?limit=2` })).json<{
        messages: Record<string, unknown>[];
      }>().messages;
    const [waiting, ...others] = await messages('waiting');
    assert.deepEqual(others, []);
    const { topic, qos, bytes, preview, isText, isCut } = waiting ?? {};
    assert.deepEqual(
      { topic, qos, bytes, preview, isText, isCut },
      { topic: 'plant/waiting', qos: 1, bytes: 400, preview: 'ä'.repeat(128), isText: true, isCut: true },
    );
    const { key = '' } = (await of('left')) ?? {};
    const files = () =>
      fs.readdirSync(path.join(directory, key)).map((name) => {
        const { mtimeNs, size } = fs.statSync(path.join(directory, key, name), { bigint: true });
        return { name, mtimeNs, size };
      });
    const before = files();
    assert.deepEqual(
      (await messages('left')).map(({ preview }) => preview),
      ['message 0', 'message 1'],
    );
    assert.deepEqual(files(), before, 'read without opening it');
  });

  it('counts the dead letters of a session that nobody uses', async () => {
    const address = '/mqtt-sessions/store/sessions/failed/failed?limit=1';
    const { deadLetters, total } = (await call(nodeRed.url, { path: address })).json<{
      deadLetters: unknown[];
      total: { count: number; bytes: number };
    }>();
    assert.equal(deadLetters.length, 1);
    assert.equal(total.count, 2);
    assert.ok(total.bytes > 0);
    const shown = (await call(nodeRed.url, { path: `${address}&preview=true` })).json<{
      deadLetters: { reason: string; message: Record<string, unknown> }[];
    }>();
    assert.equal(shown.deadLetters[0]?.reason, 'refused');
    assert.deepEqual(shown.deadLetters[0]?.message, {
      topic: 'refused',
      qos: 1,
      retain: false,
      bytes: 13,
      preview: 'dead letter 1',
      isText: true,
      isCut: false,
    });
  });

  it('shows at once what was changed by an endpoint', async () => {
    const gone = await of('gone');
    assert.ok(gone);
    await call(nodeRed.url, { method: 'DELETE', path: `/mqtt-sessions/store/sessions/${gone.key}` });
    assert.equal(await of('gone'), undefined);
  });

  it('does not read the disk for each request', async () => {
    await post(nodeRed.url, '/mqtt-sessions/store/actions/cleanup');
    const { key } = (await of('left')) ?? {};
    assert.ok(key);
    const [there, away] = [path.join(directory, key), path.join(directory, 'away')];
    fs.renameSync(there, away);
    try {
      for (let number = 0; number < 5; number++) assert.ok(await of('left'), 'still in the list');
      await post(nodeRed.url, '/mqtt-sessions/store/actions/cleanup');
      assert.equal(await of('left'), undefined, 'listed anew after a change');
    } finally {
      fs.renameSync(away, there);
    }
  });

  it('refuses what it does not know', async () => {
    for (const query of ['?sort=colour', '?state=tired', '?limit=many', '?reverse=maybe', '?text=a&text=b']) {
      const answer = await call(nodeRed.url, { path: `/mqtt-sessions/sessions${query}` });
      assert.equal(answer.status, 400, query);
      assert.equal(answer.json().code, 'ERR_PROPERTY', query);
    }
  });
});
