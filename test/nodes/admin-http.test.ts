import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as http from 'node:http';
import { storeDeadLetters, storeQueue } from '../admin/storage-fixture';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';
import { call, post } from './admin-http';
import { type FlowNode, inNode, outNode, session, tab, temporaryDirectory } from './flow';

type Info = Record<string, unknown> & { key: string; clientId: string };

const SESSIONS = '/mqtt-sessions/store/sessions';

/** Uses the built package, as Node-RED loads it. */
describe('admin endpoints', () => {
  let mosquitto: Mosquitto;
  let nodeRed: NodeRedProcess;
  const directory = temporaryDirectory();
  before(async function () {
    this.timeout(60_000);
    mosquitto = await Mosquitto.start();
    const flows: FlowNode[] = [
      tab,
      ...session({
        port: mosquitto.port,
        directory,
        clientid: 'plant/line 1',
        password: 'secret',
      }),
      {
        ...session({ port: mosquitto.port, directory: '', clientid: 'offline', autoConnect: false })[1],
        id: 'second',
      } as FlowNode,
      inNode('in', 'plant/#', 'unused'),
      outNode('out'),
      outNode('waiting', { broker: 'second', topic: 'plant/waiting', qos: '1' }),
      {
        id: 'inject',
        type: 'inject',
        z: 'tab',
        x: 0,
        y: 0,
        props: [{ p: 'payload' }],
        payload: 'hello',
        payloadType: 'str',
        wires: [['waiting']],
      },
    ];
    nodeRed = await startNodeRed(temporaryDirectory(), { flows });
    await waitFor(async () => (await info('plant/line 1')).connected === true, {
      what: 'a connection',
      detail: nodeRed.logs,
      intervalMs: 50,
    });
  });
  after(async () => {
    await nodeRed?.kill();
    await mosquitto.remove();
  });

  const get = (path: string, headers: Record<string, string> = {}) => call(nodeRed.url, { path, headers });
  const of = (clientId: string, rest = '') => `${SESSIONS}/${encodeURIComponent(clientId)}${rest}`;
  const info = async (clientId: string) => (await get(of(clientId))).json<Info>();
  const act = (clientId: string, action: string, body: object = {}) =>
    post(nodeRed.url, of(clientId, `/actions/${action}`), body);

  /** Puts messages into the queue of the session that is not connected. */
  async function queue(count: number): Promise<void> {
    for (let number = 0; number < count; number++) await post(nodeRed.url, '/inject/inject');
    await waitFor(async () => Number((await info('offline')).messages) >= count, { what: 'messages in the queue' });
  }

  it('names the stores, without secrets', async () => {
    const answer = await get('/mqtt-sessions/stores');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['cache-control'], 'no-store');
    const { stores } = answer.json<{ stores: Record<string, unknown>[] }>();
    assert.deepEqual(
      stores.map(({ id, durability, maxBytes }) => [id, durability, maxBytes]),
      [['store', 'always', 1024 ** 3]],
    );
    assert.doesNotMatch(answer.text, /secret/);
  });

  it('lists sessions with what an overview needs, by counts', async () => {
    await queue(2);
    const { sessions } = (await get(SESSIONS)).json<{ sessions: Info[] }>();
    assert.deepEqual(
      sessions.map(({ clientId, status }) => [clientId, status]),
      [
        ['offline', 'disconnected'],
        ['plant/line 1', 'connected'],
      ],
    );
    const [offline] = sessions;
    assert.equal(offline?.inflight, 0);
    assert.equal(offline?.subscriptions, 0);
    assert.equal(offline?.orphaned, false);
    assert.ok(Number(offline?.queued) >= 2 && Number(offline?.oldestEnqueuedAt) > 0);
    for (const field of [
      'messageBytes',
      'usedShare',
      'maxBytes',
      'expiresAt',
      'nextAttemptAt',
      'deadLetters',
      'fileBytes',
    ]) {
      assert.ok(field in (offline ?? {}), field);
    }
    assert.match(String(offline?.key), /^offline~[0-9a-f]{32}$/);
  });

  it('describes a session by its client id, whatever is in it, and by its key', async () => {
    const one = await info('plant/line 1');
    assert.equal(one.clientId, 'plant/line 1');
    assert.deepEqual(
      (one.subscriptions as { topic: string }[]).map(({ topic }) => topic),
      ['plant/#'],
    );
    const same = (await get(`${SESSIONS}/${one.key}`)).json<Info>();
    assert.equal(same.clientId, 'plant/line 1');
    const { connectionSuccesses } = (await get(of('plant/line 1', '/stats'))).json<Record<string, number>>();
    assert.equal(connectionSuccesses, 1);
  });

  it('carries actions out', async () => {
    await queue(3);
    assert.equal((await act('offline', 'pause')).status, 200);
    assert.equal((await info('offline')).paused, true);
    assert.equal((await act('offline', 'resume')).status, 200);
    const load = (await act('offline', 'load')).json<{ findings: unknown[]; info: Info }>();
    assert.deepEqual(load.findings, []);
    const purged = (await act('offline', 'purge')).json<{ count: number }>();
    assert.ok(purged.count >= 3);
    assert.equal((await info('offline')).messages, 0);
    await queue(1);
    assert.equal((await act('offline', 'connect')).status, 200);
    assert.deepEqual((await act('offline', 'flush', { timeout: 10_000 })).json(), {
      code: 0,
      action: 'flush',
      clientId: 'offline',
      flushed: true,
    });
    assert.equal((await act('offline', 'reset-stats')).status, 200);
    assert.equal((await get(of('offline', '/stats'))).json<Record<string, number>>().messagesSent, 0);
    assert.equal((await act('offline', 'disconnect')).status, 200);
    assert.deepEqual((await get(of('offline', '/failed'))).json(), { deadLetters: [], total: { count: 0, bytes: 0 } });
    const cleaned = await post(nodeRed.url, '/mqtt-sessions/store/actions/cleanup');
    assert.equal(cleaned.json<{ count: number }>().count, 0);
  });

  it('deletes a session, which starts again empty', async () => {
    await queue(2);
    const answer = await call(nodeRed.url, { method: 'DELETE', path: of('offline') });
    assert.deepEqual(answer.json(), { code: 0, action: 'delete', clientId: 'offline' });
    assert.equal((await info('offline')).messages, 0);
  });

  it('answers errors as JSON, with a status that fits', async () => {
    const cases: [Promise<{ status: number; json<T>(): T }>, number, string][] = [
      [get('/mqtt-sessions/nowhere/sessions'), 404, 'ERR_STORE_UNKNOWN'],
      [get(of('nobody')), 404, 'ERR_SESSION_UNKNOWN'],
      [get(`${SESSIONS}/nobody~${'0'.repeat(32)}`), 404, 'ERR_SESSION_UNKNOWN'],
      [get('/mqtt-sessions/what'), 404, 'ERR_REQUEST'],
      [act('offline', 'explode'), 404, 'ERR_ACTION'],
      [act('offline', 'constructor'), 404, 'ERR_ACTION'],
      [act('offline', 'list'), 404, 'ERR_ACTION'],
      [act('nobody', 'save'), 404, 'ERR_SESSION_UNKNOWN'],
      [act('offline', 'replay', { ids: 'all' }), 400, 'ERR_PROPERTY'],
      [act('offline', 'flush', { timeout: -1 }), 400, 'ERR_PROPERTY'],
      [get(of('offline', '/failed?after=-1')), 400, 'ERR_PROPERTY'],
      [call(nodeRed.url, { method: 'DELETE', path: of('offline', '?clearAtBroker=1') }), 400, 'ERR_PROPERTY'],
    ];
    for (const [answering, status, code] of cases) {
      const answer = await answering;
      const { code: actual, message } = answer.json<{ code: string; message: string }>();
      assert.deepEqual([answer.status, actual], [status, code]);
      assert.ok(message.length > 10);
    }
  });

  it('takes nothing but JSON objects', async () => {
    const path = of('offline', '/actions/pause');
    const bodies: [string, string][] = [
      ['text/plain', '{}'],
      ['application/x-www-form-urlencoded', 'a=b'],
      ['application/json', '[]'],
    ];
    for (const [type, body] of bodies) {
      const answer = await call(nodeRed.url, { method: 'POST', path, headers: { 'content-type': type }, body });
      assert.deepEqual([answer.status, answer.json<{ code: string }>().code], [400, 'ERR_REQUEST'], type);
    }
    const broken = await call(nodeRed.url, {
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json' },
      body: '{"a":',
    });
    assert.equal(broken.status, 400);
    assert.equal((await info('offline')).paused, false);
  });

  it('never takes a client id for a path, and survives hostile ones', async () => {
    const raw = [
      '..',
      '%2e%2e',
      '%2e%2e%2f%2e%2e%2fetc%2fpasswd',
      '..%5c..%5csettings.js',
      '%00',
      'a%00b',
      '%2F',
      '__proto__',
      'a'.repeat(8_000),
    ];
    for (const part of raw) {
      for (const rest of ['', '/stats', '/failed']) {
        const answer = await get(`${SESSIONS}/${part}${rest}`);
        assert.ok(answer.status === 404 || answer.status === 400, `${part.slice(0, 40)}: ${answer.status}`);
        assert.match(answer.json<{ code: string }>().code, /^ERR_(SESSION_UNKNOWN|CLIENT_ID|REQUEST|STORE_UNKNOWN)$/);
      }
      const deleted = await call(nodeRed.url, { method: 'DELETE', path: `${SESSIONS}/${part}` });
      assert.ok(deleted.status === 404 || deleted.status === 400, `${part.slice(0, 40)}: ${deleted.status}`);
    }
    assert.equal((await get(`${SESSIONS}/%ff`)).status, 400, 'no UTF-8');
    assert.equal((await get(SESSIONS)).status, 200);
    assert.doesNotMatch(nodeRed.logs(), /Uncaught|Unhandled/i);
  });

  it('refuses what pages of other sites make a browser send, reading as well', async () => {
    const { host } = new URL(nodeRed.url);
    const path = of('offline', '/actions/pause');
    const foreign: Record<string, string>[] = [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: `http://${host}.evil.example` },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site', origin: `http://${host}` },
      { origin: 'http://evil.example', 'x-requested-with': 'XMLHttpRequest' },
      { origin: 'http://evil.example', 'x-forwarded-host': 'evil.example' },
      { origin: 'http://evil.example', authorization: 'Bearer made-up' },
    ];
    for (const headers of foreign) {
      for (const answer of [await post(nodeRed.url, path, {}, headers), await get(of('offline'), headers)]) {
        assert.deepEqual([answer.status, answer.json<{ code: string }>().code], [403, 'ERR_CROSS_SITE']);
      }
    }
    assert.equal((await info('offline')).paused, false);
    const own: Record<string, string>[] = [
      { origin: `http://${host}` },
      { 'sec-fetch-site': 'same-origin' },
      { origin: 'https://gateway.example', host: 'gateway.example' },
    ];
    for (const headers of own) assert.equal((await post(nodeRed.url, path, {}, headers)).status, 200);
    assert.equal((await info('offline')).paused, true);
    await act('offline', 'resume');
  });

  it('finds sessions whose client ids no URL can carry by their keys, and never another one', async () => {
    const hostile = [
      '..',
      '.',
      '../../etc/passwd',
      'nul\0byte',
      'a/b?c#d%2e',
      'é'.repeat(32_767),
      `x~${'0'.repeat(32)}`,
    ];
    for (const clientId of hostile) await storeQueue(directory, clientId, 1);
    const { sessions } = (await get(SESSIONS)).json<{ sessions: Info[] }>();
    for (const clientId of hostile) {
      const key = sessions.find((one) => one.clientId === clientId)?.key;
      assert.ok(key !== undefined, clientId.slice(0, 20));
      const answer = (await get(`${SESSIONS}/${key}`)).json<Info>();
      assert.deepEqual([answer.clientId, answer.messages, answer.orphaned], [clientId, 1, true]);
    }
    assert.equal((await info('../../etc/passwd')).messages, 1);
    assert.equal((await info('a/b?c#d%2e')).messages, 1);
    for (const clientId of hostile) {
      const key = sessions.find((one) => one.clientId === clientId)?.key;
      const deleted = await call(nodeRed.url, { method: 'DELETE', path: `${SESSIONS}/${key}` });
      assert.equal(deleted.status, 200, clientId.slice(0, 20));
    }
    assert.equal((await get(SESSIONS)).json<{ sessions: Info[] }>().sessions.length, 2);
  });

  it('exports as a download and imports an upload', async () => {
    await storeQueue(directory, 'gone', 5);
    const jsonl = await get(of('gone', '/export'));
    assert.equal(jsonl.status, 200);
    assert.match(String(jsonl.headers['content-disposition']), /^attachment; filename="gone~[0-9a-f]{32}\.jsonl"$/);
    assert.equal(jsonl.headers['cache-control'], 'no-store');
    assert.equal(jsonl.text.split('\n').filter((line) => line.includes('"type":"message"')).length, 5);
    const mcps = await get(of('gone', '/export?format=mcps1'));
    assert.equal(mcps.bytes.subarray(0, 4).toString(), 'SPCM');

    const send = (path: string, body: Buffer, type = 'application/octet-stream') =>
      call(nodeRed.url, { method: 'POST', path, headers: { 'content-type': type }, body });
    const imported = (await send(of('copy', '/import'), jsonl.bytes)).json();
    assert.deepEqual([imported.code, imported.clientId, imported.messages], [0, 'copy', 5]);
    assert.equal((await info('copy')).messages, 5);
    const refused = await send('/mqtt-sessions/store/import', mcps.bytes);
    assert.deepEqual([refused.status, refused.json().code], [409, 'ERR_SESSION_NOT_EMPTY']);
    const replaced = (await send('/mqtt-sessions/store/import?replace=true', mcps.bytes)).json();
    assert.deepEqual([replaced.clientId, replaced.messages], ['gone', 5]);

    const wrong: [Promise<{ status: number; json(): Record<string, unknown> }>, number, string][] = [
      [send(of('copy', '/import'), Buffer.from('{}'), 'application/json'), 400, 'ERR_REQUEST'],
      [send(of('copy', '/import'), Buffer.from('Dear Sir or Madam')), 422, 'ERR_IMPORT_FORMAT'],
      [send(of('copy', '/import'), mcps.bytes.subarray(0, -1)), 422, 'ERR_MCPS_TRUNCATED'],
      [get(of('gone', '/export?format=xml')), 400, 'ERR_PROPERTY'],
      [get(of('nobody', '/export')), 404, 'ERR_SESSION_UNKNOWN'],
    ];
    for (const [answering, status, code] of wrong) {
      const answer = await answering;
      assert.deepEqual([answer.status, answer.json().code], [status, code]);
    }
    for (const clientId of ['gone', 'copy']) await call(nodeRed.url, { method: 'DELETE', path: of(clientId) });
  });

  it('refuses an upload that is too large before it has come', async () => {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(2 ** 31) };
    const { hostname, port } = new URL(nodeRed.url);
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const request = http.request({ hostname, port, method: 'POST', path: of('large', '/import'), headers });
      request.on('response', (response) => {
        response.resume();
        resolve(response.statusCode);
        request.destroy();
      });
      request.on('error', reject);
      request.flushHeaders();
    });
    assert.equal(status, 413);
    assert.equal((await get(of('large'))).status, 404);
  });

  it('does not read files of the machine for whoever calls it', async () => {
    const answer = await act('offline', 'load', { file: '/etc/passwd' });
    assert.deepEqual(answer.json<{ findings: unknown[] }>().findings, []);
    assert.equal((await act('offline', 'import', { file: '/etc/passwd' })).status, 404);
  });

  it('lists dead letters page by page, replays and discards them', async () => {
    await storeQueue(directory, 'refused', 0);
    await storeDeadLetters(directory, 'refused', 3);
    type Page = {
      deadLetters: { id: number; reason: string; message: { topic: string; payload: string } }[];
      next?: number;
    };
    const first = (await get(of('refused', '/failed?limit=2'))).json<Page>();
    assert.deepEqual(
      first.deadLetters.map(({ reason, message }) => [reason, message.topic, message.payload]),
      [1, 2].map((number) => ['refused', 'refused', `dead letter ${number}`]),
    );
    const second = (await get(of('refused', `/failed?after=${first.next}`))).json<Page>();
    assert.deepEqual([second.deadLetters.length, second.next], [1, undefined]);
    const ids = [first.deadLetters[0]?.id];
    assert.equal((await act('refused', 'discard', { ids })).json().count, 1);
    assert.equal((await act('refused', 'replay')).json().count, 2);
    assert.equal((await info('refused')).messages, 2);
    assert.deepEqual((await get(of('refused', '/failed'))).json<Page>().deadLetters, []);
    await call(nodeRed.url, { method: 'DELETE', path: of('refused') });
  });

  it('writes nothing to the disk for requests that only read', async () => {
    const changed = () => fs.statSync(directory, { bigint: true }).mtimeNs;
    const before = changed();
    for (const path of ['/mqtt-sessions/stores', SESSIONS, of('offline'), of('offline', '/stats')]) {
      assert.equal((await get(path)).status, 200);
    }
    assert.equal(changed(), before);
  });
});
