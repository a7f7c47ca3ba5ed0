import * as assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import type { NodeRedProcess } from '../support/node-red-process';
import { EchoBed, until, userDirectory } from './echo-bed';

const STORES = '/mqtt-sessions/stores';

interface Case {
  name: string;
  settings: Record<string, unknown>;
  /** What else is to be seen. */
  check?: (nodeRed: NodeRedProcess) => Promise<void>;
}

async function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  const response = await fetch(url, { headers });
  await response.arrayBuffer();
  return response.status;
}

/** Of the user `admin` with the password `password`. */
async function accessToken(url: string): Promise<string> {
  const body = new URLSearchParams({
    ...{ client_id: 'node-red-admin', grant_type: 'password', scope: '*' },
    ...{ username: 'admin', password: 'password' },
  });
  const response = await fetch(`${url}/auth/token`, { method: 'POST', body });
  return ((await response.json()) as { access_token: string }).access_token;
}

const cases: readonly Case[] = [
  {
    name: 'httpAdminRoot',
    settings: { httpAdminRoot: false },
    check: async ({ url }) => assert.equal(await statusOf(`${url}${STORES}`), 404),
  },
  {
    name: 'disableEditor',
    settings: { disableEditor: true, httpAdminRoot: '/admin', httpNodeRoot: '/nodes' },
    check: async ({ url }) => assert.equal(await statusOf(`${url}/admin${STORES}`), 200),
  },
  {
    name: 'adminAuth',
    settings: {
      adminAuth: {
        type: 'credentials',
        users: [
          {
            username: 'admin',
            password: '$2a$08$zZWtXTja0fB1pzD4sHCMyOCMYz2Z6dNbM6tl8sJogENOMcxWV9DN.',
            permissions: '*',
          },
        ],
      },
    },
    check: async ({ url }) => {
      assert.equal(await statusOf(`${url}${STORES}`), 401);
      const authorized = { Authorization: `Bearer ${await accessToken(url)}` };
      assert.equal(await statusOf(`${url}${STORES}`, authorized), 200);
    },
  },
  {
    name: 'nodesExcludes',
    settings: { nodesExcludes: ['10-mqtt.js', '05-tls.js'] },
    check: async ({ logs }) => assert.match(logs(), /\[mqtt-persistent-broker:broker\] Connected to broker: nodesExcl/),
  },
  {
    name: 'contextStorage',
    settings: { contextStorage: { default: { module: 'localfilesystem' } } },
    check: async ({ logs }) => assert.match(logs(), /module=localfilesystem/),
  },
];

describe('with the setting', function () {
  this.timeout(60_000);
  const bed = EchoBed.inSuite();

  for (const { name, settings, check } of cases) {
    it(`${Object.keys(settings).join(', ')} messages go through`, async () => {
      const nodeRed = await bed.start(userDirectory(), { flows: bed.flow(name), settings });
      await bed.roundTrip(name, 'one', nodeRed);
      await check?.(nodeRed);
      assert.doesNotMatch(nodeRed.logs(), /Uncaught|unhandled|\[(warn|error)\] \[mqtt/i);
    });
  }

  it('runtimeSyncDelivery messages go through in order, once each, past nodes that throw', async () => {
    const name = 'sync';
    const code = `if (msg.payload.startsWith('bad')) throw new Error('thrown on purpose');`;
    const payloads = Array.from({ length: 100 }, (_, index) => (index % 10 === 5 ? `bad ${index}` : `good ${index}`));
    const good = payloads.filter((payload) => payload.startsWith('good'));
    const settings = { runtimeSyncDelivery: true };
    const nodeRed = await bed.start(userDirectory(), { flows: bed.flow(name, { code }), settings });
    await bed.subscribed(name, nodeRed);
    await Promise.all(payloads.map((payload) => bed.publish(name, payload)));
    await until(() => bed.echoes(name).length >= good.length, 'all messages back', nodeRed);
    assert.deepEqual(bed.echoes(name), good);
    assert.equal(nodeRed.logs().match(/\[error\] \[function:back\] .*thrown on purpose/g)?.length, 10);
  });
});
