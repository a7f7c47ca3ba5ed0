import assert from 'node:assert/strict';
import type { RequestHandler } from 'express';
import type { NodeAPI } from 'node-red';
import { registerAdminEndpoints } from '../../nodes/mqtt-session-admin/http-endpoints';
import { call, type HttpAnswer } from '../nodes/admin-http';
import { outNode, session, tab, temporaryDirectory } from '../nodes/flow';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';

interface Row {
  method: 'GET' | 'POST' | 'DELETE';
  /** As it is registered. */
  route: string;
  /** All of them are needed. */
  permissions: string[];
  /** What is asked for in its place; default: the route with the names of what there is. */
  path?: string;
}

const READ = ['mqtt-sessions.read'];
const WRITE = ['mqtt-sessions.write'];
const SESSION = '/mqtt-sessions/:store/sessions/:session';

/** Every endpoint, with the permissions that it needs. One that is not here fails the first test. */
const ENDPOINTS: readonly Row[] = [
  { method: 'GET', route: '/mqtt-sessions/permissions', permissions: READ },
  { method: 'GET', route: '/mqtt-sessions/sessions', permissions: READ },
  { method: 'GET', route: '/mqtt-sessions/stores', permissions: READ },
  { method: 'GET', route: '/mqtt-sessions/brokers/:broker', permissions: READ },
  { method: 'POST', route: '/mqtt-sessions/path-test', permissions: [...WRITE, 'flows.write'] },
  { method: 'GET', route: '/mqtt-sessions/:store/sessions', permissions: READ },
  { method: 'POST', route: '/mqtt-sessions/:store/actions/:action', permissions: WRITE },
  { method: 'GET', route: '/mqtt-sessions/:store/cleanup', permissions: WRITE },
  { method: 'POST', route: '/mqtt-sessions/:store/import', permissions: WRITE },
  { method: 'GET', route: SESSION, permissions: READ },
  { method: 'GET', route: `${SESSION}/stats`, permissions: READ },
  { method: 'GET', route: `${SESSION}/messages`, permissions: WRITE },
  { method: 'GET', route: `${SESSION}/failed`, permissions: WRITE },
  { method: 'GET', route: `${SESSION}/export`, permissions: WRITE },
  { method: 'POST', route: `${SESSION}/import`, permissions: WRITE },
  { method: 'POST', route: `${SESSION}/actions/:action`, permissions: WRITE },
  // Last: it does what it says.
  { method: 'DELETE', route: SESSION, permissions: WRITE },
];

const PARAMETERS: Record<string, string> = { broker: 'broker', store: 'store', session: 'guarded', action: 'cleanup' };
const PASSWORD = 'correct horse';
const PASSWORD_HASH = '$2b$04$8xiDkdi6FC8FYJaI60cSIeM3EV454/HesZh3F0Cip0pauP2/WB8i.';

/** Users by name, with what they may do. */
const USERS: Record<string, string[]> = {
  reader: ['*.read'],
  writer: ['flows.read', 'flows.write', 'mqtt-sessions.read', 'mqtt-sessions.write'],
  'session writer': ['mqtt-sessions.read', 'mqtt-sessions.write'],
  'blind writer': ['mqtt-sessions.write'],
  stranger: ['flows.read', 'flows.write', 'nodes.write', 'settings.read'],
};

function mayCall(user: string, { permissions }: Row): boolean {
  const granted = USERS[user] ?? [];
  return permissions.every((one) => granted.includes(one) || (one.endsWith('.read') && granted.includes('*.read')));
}

function registered(): Row[] {
  const rows: Row[] = [];
  const add =
    (method: Row['method']) =>
    (route: string, ...handlers: (RequestHandler & { permission?: string })[]) => {
      rows.push({ method, route, permissions: handlers.flatMap(({ permission }) => permission ?? []) });
    };
  const needsPermission = (permission: string) => Object.assign(() => undefined, { permission });
  const httpAdmin = { get: add('GET'), post: add('POST'), delete: add('DELETE'), use: () => undefined };
  const events = { once: () => undefined };
  registerAdminEndpoints({ httpAdmin, events, auth: { needsPermission } } as unknown as NodeAPI);
  return rows;
}

function requestOf({ method, route, path }: Row, headers: Record<string, string>) {
  const filled = path ?? route.replace(/:(\w+)/g, (_whole, name: string) => PARAMETERS[name] ?? name);
  const isFile = route.endsWith('/import');
  const type = isFile ? 'application/octet-stream' : 'application/json';
  const body = method === 'POST' ? (isFile ? 'no file' : '{}') : undefined;
  return {
    method,
    path: filled,
    headers: { 'content-type': type, ...headers },
    ...(body === undefined ? {} : { body }),
  };
}

describe('every admin endpoint', () => {
  const nodeRed = new Map<string, NodeRedProcess>();
  const tokens = new Map<string, string>();

  async function start(name: string, adminAuth: object | undefined): Promise<NodeRedProcess> {
    const broker = { port: 1, directory: temporaryDirectory(), clientid: 'guarded', autoConnect: false };
    const flows = [tab, ...session(broker), outNode('out')];
    const started = await startNodeRed(temporaryDirectory(), { flows, settings: adminAuth ? { adminAuth } : {} });
    nodeRed.set(name, started);
    return started;
  }

  before(async function () {
    this.timeout(120_000);
    const users = Object.entries(USERS).map(([username, permissions]) => ({
      username,
      password: PASSWORD_HASH,
      permissions,
    }));
    const [guarded] = await Promise.all([
      start('guarded', { type: 'credentials', users }),
      start('default user', { type: 'credentials', users: [], default: { permissions: '*' } }),
      start('open', undefined),
    ]);
    for (const username of Object.keys(USERS)) {
      const login = { client_id: 'node-red-admin', grant_type: 'password', scope: '', username, password: PASSWORD };
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify(login);
      const answer = await call(guarded.url, { method: 'POST', path: '/auth/token', headers, body });
      tokens.set(username, answer.json<{ access_token: string }>().access_token);
    }
    for (const [name, { url }] of nodeRed) {
      const headers: Record<string, string> =
        name === 'guarded' ? { authorization: `Bearer ${tokens.get('writer')}` } : {};
      const path = '/mqtt-sessions/store/sessions/guarded';
      await waitFor(async () => (await call(url, { path, headers })).status === 200, {
        what: `the session of ${name}`,
      });
    }
  });
  after(() => Promise.all([...nodeRed.values()].map((one) => one.kill())));

  const ask = (name: string, row: Row, headers: Record<string, string>): Promise<HttpAnswer> =>
    call(nodeRed.get(name)?.url ?? '', requestOf(row, headers));

  it('is in the table, with the permissions that it needs', () => {
    const plain = (rows: readonly Row[]) =>
      rows.map(({ method, route, permissions }) => `${method} ${route} ${permissions.join(' ')}`).sort();
    assert.deepEqual(plain(registered()), plain(ENDPOINTS));
  });

  it('answers nobody without a token, or with a wrong one', async () => {
    for (const row of ENDPOINTS) {
      const wrong: Record<string, string>[] = [{}, { authorization: 'Bearer wrong' }, { authorization: 'Basic eDp5' }];
      for (const headers of wrong) {
        assert.equal((await ask('guarded', row, headers)).status, 401, `${row.method} ${row.route}`);
      }
    }
  });

  it('answers those who have its permissions, and no others', async () => {
    let refused = 0;
    let allowed = 0;
    for (const user of Object.keys(USERS).sort((one) => (one === 'writer' ? 1 : -1))) {
      for (const row of ENDPOINTS) {
        const may = mayCall(user, row);
        if (may && row.method === 'DELETE' && user !== 'writer') continue;
        const { status } = await ask('guarded', row, { authorization: `Bearer ${tokens.get(user)}` });
        const where = `${user}: ${row.method} ${row.route} answers ${status}`;
        if (may) {
          allowed++;
          // The import has no valid file.
          assert.ok(status === 200 || (status === 422 && row.route.endsWith('/import')) || status === 404, where);
        } else {
          refused++;
          assert.equal(status, 401, where);
        }
      }
    }
    assert.ok(refused > 30 && allowed > 30, `${refused} refused, ${allowed} allowed`);
  });

  const FOREIGN: Record<string, string>[] = [
    { origin: 'http://evil.example' },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site', origin: 'http://localhost:1' },
    { origin: 'http://evil.example', referer: 'http://127.0.0.1/', 'x-forwarded-host': 'evil.example' },
    { origin: 'http://evil.example', authorization: 'Bearer made-up' },
    { origin: 'http://evil.example', 'content-type': 'text/plain' },
  ];

  for (const name of ['open', 'default user']) {
    it(`refuses pages of other sites, without adminAuth or with a default user (${name})`, async () => {
      for (const row of ENDPOINTS) {
        for (const headers of FOREIGN) {
          const answer = await ask(name, row, headers);
          const where = `${row.method} ${row.route} ${JSON.stringify(headers)}: ${answer.status}`;
          assert.equal(answer.status, 403, where);
          assert.equal(answer.json().code, 'ERR_CROSS_SITE', where);
        }
      }
    });
  }

  it('takes no body that a form of another site could send', async () => {
    for (const row of ENDPOINTS.filter(({ method }) => method === 'POST')) {
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x']) {
        const { status } = await ask('open', row, { 'content-type': type });
        const isUnused = row.route === '/mqtt-sessions/:store/actions/:action';
        assert.ok(status === 400 || (isUnused && status === 404), `${row.route} ${type}: ${status}`);
      }
    }
  });

  it('is never kept by a cache, nor taken for another type', async () => {
    for (const row of ENDPOINTS.filter(({ method }) => method === 'GET')) {
      const { headers } = await ask('open', row, {});
      assert.equal(headers['cache-control'], 'no-store', row.route);
      assert.equal(headers['x-content-type-options'], 'nosniff', row.route);
    }
  });
});
