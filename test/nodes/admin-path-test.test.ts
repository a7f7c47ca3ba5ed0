import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';
import { call, post } from './admin-http';
import { outNode, session, tab, temporaryDirectory } from './flow';

/** Uses the built package, as Node-RED loads it. */
describe('the test of a storage path', () => {
  const used = temporaryDirectory();
  const named = path.join(temporaryDirectory(), 'from-the-environment');
  let userDir: string;
  let nodeRed: NodeRedProcess;
  before(async function () {
    this.timeout(60_000);
    userDir = temporaryDirectory();
    const flows = [
      tab,
      { id: 'globals', type: 'global-config', env: [{ name: 'PLANT_QUEUE', value: 'plant', type: 'str' }] },
      ...session({ port: 1, directory: used, clientid: '', autoConnect: false }),
      outNode('out'),
    ];
    nodeRed = await startNodeRed(userDir, { flows, env: { QUEUE_FOLDER: named, EMPTY_FOLDER: '' } });
  });
  after(() => nodeRed?.kill());

  const test = async (entered: unknown) => {
    const answer = await post(nodeRed.url, '/mqtt-sessions/path-test', { path: entered });
    assert.equal(answer.status, 200, answer.text);
    return answer.json<{ path: string; exists: boolean; problem?: string; freeBytes: number; floorBytes: number }>();
  };

  it('tells what a store would find, and how many sessions are there', async () => {
    const sessionsThere = async () => Reflect.get(await test(used), 'sessions') === 1;
    await waitFor(sessionsThere, { what: 'the session of the flow', detail: nodeRed.logs });
    const { freeBytes, floorBytes, ...rest } = await test(used);
    const expected = { path: used, exists: true, isNetwork: false, syncsDirectories: true, sessions: 1 };
    assert.deepEqual(rest, expected);
    assert.ok(freeBytes > 0 && floorBytes > 0);
  });

  it('takes paths as a store node does: relative to the user directory, empty, from the environment', async () => {
    assert.equal((await test('queue')).path, path.join(userDir, 'queue'));
    assert.equal((await test(' ')).path, path.join(userDir, 'mqtt-sessions'));
    // biome-ignore-start lint/suspicious/noTemplateCurlyInString: the texts are what a user enters.
    assert.equal((await test('${QUEUE_FOLDER}')).path, named);
    assert.equal((await test('$(QUEUE_FOLDER)')).path, named);
    assert.equal((await test('${PLANT_QUEUE}')).path, path.join(userDir, 'plant'), 'set for all flows');
    assert.deepEqual(await test('${NO_SUCH_FOLDER}'), { variable: 'NO_SUCH_FOLDER' });
    assert.deepEqual(await test('${EMPTY_FOLDER}'), { variable: 'EMPTY_FOLDER' });
    // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the texts are what a user enters.
  });

  it('makes nothing, and leaves nothing', async () => {
    const before = await fs.readdir(userDir);
    assert.equal((await test('new/folder')).exists, false);
    assert.deepEqual(await fs.readdir(userDir), before);
    await assert.rejects(fs.stat(named), { code: 'ENOENT' });
  });

  it('says no more of what is no folder than that', async () => {
    const answer = await test(path.join(userDir, 'flows.json'));
    assert.deepEqual(answer, {
      path: path.join(userDir, 'flows.json'),
      exists: false,
      problem: 'ENOTDIR',
      sessions: 0,
    });
  });

  it('refuses what is no path, and other sites', async () => {
    for (const entered of [7, null, ['a'], 'a\0b']) {
      const { status, text } = await post(nodeRed.url, '/mqtt-sessions/path-test', { path: entered });
      assert.deepEqual([status, (JSON.parse(text) as { code: string }).code], [400, 'ERR_PROPERTY']);
    }
    const headers = { origin: 'http://evil.example' };
    assert.equal((await post(nodeRed.url, '/mqtt-sessions/path-test', { path: 'x' }, headers)).status, 403);
  });

  it('is beside what tells the client id of a broker node, also a generated one', async () => {
    const of = async (id: string) => (await call(nodeRed.url, { path: `/mqtt-sessions/brokers/${id}` })).json();
    const { clientId, ...rest } = await of('broker');
    assert.match(String(clientId), /^nr[0-9a-z]{20}$/);
    assert.deepEqual(rest, { isGenerated: true });
    assert.deepEqual(await of('new'), {});
  });
});
