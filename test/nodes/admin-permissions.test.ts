import assert from 'node:assert/strict';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';
import { call, post } from './admin-http';
import { outNode, session, tab, temporaryDirectory } from './flow';

const PASSWORD = 'correct horse';
const PASSWORD_HASH = '$2b$04$8xiDkdi6FC8FYJaI60cSIeM3EV454/HesZh3F0Cip0pauP2/WB8i.';
const SESSIONS = '/mqtt-sessions/store/sessions';
const PATH_TEST = '/mqtt-sessions/path-test';

/** Uses the built package, as Node-RED loads it. */
describe('permissions of admin endpoints', () => {
  let nodeRed: NodeRedProcess;
  let reader = '';
  let writer = '';
  let stranger = '';
  before(async function () {
    this.timeout(60_000);
    const flows = [
      tab,
      ...session({ port: 1, directory: temporaryDirectory(), clientid: 'guarded', autoConnect: false }),
      outNode('out'),
    ];
    const user = (username: string, permissions: string | string[]) => ({
      username,
      password: PASSWORD_HASH,
      permissions,
    });
    const users = [
      user('reader', 'read'),
      user('writer', ['flows.read', 'mqtt-sessions.read', 'mqtt-sessions.write']),
      user('stranger', ['flows.read', 'flows.write']),
      user('deployer', ['flows.write', 'mqtt-sessions.write']),
    ];
    nodeRed = await startNodeRed(temporaryDirectory(), {
      flows,
      settings: { adminAuth: { type: 'credentials', users } },
    });
    [reader, writer, stranger] = (await Promise.all(['reader', 'writer', 'stranger'].map(login))) as [
      string,
      string,
      string,
    ];
    await waitFor(async () => (await as(writer, 'GET', `${SESSIONS}/guarded`)) === 200, { what: 'the session' });
  });
  after(() => nodeRed?.kill());

  async function login(username: string): Promise<string> {
    const answer = await post(nodeRed.url, '/auth/token', {
      client_id: 'node-red-admin',
      grant_type: 'password',
      scope: '',
      username,
      password: PASSWORD,
    });
    return answer.json<{ access_token: string }>().access_token;
  }

  async function as(token: string | undefined, method: string, path: string): Promise<number> {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    if (method === 'POST') return (await post(nodeRed.url, path, {}, headers)).status;
    return (await call(nodeRed.url, { method, path, headers })).status;
  }

  const reading: [string, string][] = [
    ['GET', '/mqtt-sessions/permissions'],
    ['GET', '/mqtt-sessions/sessions'],
    ['GET', '/mqtt-sessions/stores'],
    ['GET', '/mqtt-sessions/brokers/broker'],
    ['GET', SESSIONS],
    ['GET', `${SESSIONS}/guarded`],
    ['GET', `${SESSIONS}/guarded/stats`],
  ];
  const writing: [string, string][] = [
    ['GET', `${SESSIONS}/guarded/messages`],
    ['GET', `${SESSIONS}/guarded/failed`],
    ['GET', `${SESSIONS}/guarded/failed?preview=true`],
    ['GET', `${SESSIONS}/guarded/export?format=jsonl`],
    ['POST', `${SESSIONS}/guarded/actions/pause`],
    ['POST', `${SESSIONS}/guarded/actions/resume`],
    ['POST', `${SESSIONS}/guarded/actions/purge`],
    ['POST', '/mqtt-sessions/store/actions/cleanup'],
    ['DELETE', `${SESSIONS}/guarded`],
  ];

  it('lets nobody in without a token', async () => {
    for (const [method, path] of [...reading, ...writing]) {
      assert.equal(await as(undefined, method, path), 401, `${method} ${path}`);
      assert.equal(await as('wrong', method, path), 401, `${method} ${path}`);
    }
  });

  it('lets readers read, but see no payloads and change nothing', async () => {
    for (const [method, path] of reading) assert.equal(await as(reader, method, path), 200, `${method} ${path}`);
    for (const [method, path] of writing) assert.equal(await as(reader, method, path), 401, `${method} ${path}`);
    assert.equal(await as(reader, 'POST', `${SESSIONS}/guarded/import`), 401);
  });

  it('tells who asks what is permitted', async () => {
    const permissions = async (token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      return (await call(nodeRed.url, { path: '/mqtt-sessions/permissions', headers })).json();
    };
    assert.deepEqual(await permissions(reader), { read: true, write: false });
    assert.deepEqual(await permissions(writer), { read: true, write: true });
  });

  it('gives no rights to those who have others', async () => {
    for (const [method, path] of [...reading, ...writing]) {
      assert.equal(await as(stranger, method, path), 401, `${method} ${path}`);
    }
  });

  it('lets only those try paths who could deploy them', async () => {
    const deployer = await login('deployer');
    const answers = await Promise.all([reader, stranger, writer, deployer].map((one) => as(one, 'POST', PATH_TEST)));
    assert.deepEqual(answers, [401, 401, 401, 200]);
  });

  it('lets writers do everything, from wherever their token is', async () => {
    for (const [method, path] of [...reading, ...writing]) {
      assert.equal(await as(writer, method, path), 200, `${method} ${path}`);
    }
    const headers = { authorization: `Bearer ${writer}`, origin: 'https://dashboard.example' };
    assert.equal((await call(nodeRed.url, { path: SESSIONS, headers })).status, 200);
  });

  describe('with a default user for those without a token', () => {
    let open: NodeRedProcess;
    before(async function () {
      this.timeout(60_000);
      const flows = [
        tab,
        ...session({ port: 1, directory: temporaryDirectory(), clientid: 'guarded', autoConnect: false }),
        outNode('out'),
      ];
      const settings = { adminAuth: { type: 'credentials', users: [], default: { permissions: '*' } } };
      open = await startNodeRed(temporaryDirectory(), { flows, settings });
    });
    after(() => open?.kill());

    it('refuses pages of other sites, whatever token they make up', async () => {
      assert.equal((await call(open.url, { path: SESSIONS })).status, 200);
      const foreign: Record<string, string>[] = [{}, { authorization: 'Bearer made-up' }];
      for (const headers of foreign) {
        const answer = await call(open.url, { path: SESSIONS, headers: { origin: 'http://evil.example', ...headers } });
        assert.equal(answer.status, 403);
      }
    });
  });
});
