import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, it } from 'mocha';
import { Mosquitto } from '../support/mosquitto';
import type { NodeRedProcess } from '../support/node-red-process';
import { Observer } from '../support/observer';
import { waitFor } from '../support/wait';
import { AdminApi } from './admin-api';
import { type FlowNode, Probes, withProbes } from './example-flow';
import { npm, runProgram, withInstallation } from './installation';
import { complaints } from './node-red-log';
import { nodeBinary, runtimes, startRuntime } from './runtimes';

const TYPES = [
  'mqtt-persistent-broker',
  'mqtt-persistent-in',
  'mqtt-persistent-out',
  'mqtt-session-admin',
  'mqtt-session-store',
];

for (const runtime of runtimes) {
  describe(`the packed package in ${runtime.title}`, function () {
    this.timeout(90_000);
    const installation = withInstallation();
    let broker: Mosquitto;
    let nodeRed: NodeRedProcess;
    let api: AdminApi;

    const start = async (options: { flows?: FlowNode[] } = {}): Promise<void> => {
      nodeRed = await startRuntime(runtime, installation.userDir, options);
      api = new AdminApi(nodeRed.url);
    };

    before(async () => {
      broker = await Mosquitto.start();
      await start({ flows: [] });
    });

    after(async () => {
      await nodeRed?.kill();
      await broker?.remove();
    });

    it('is loaded without a warning, with all five node types', async () => {
      for (const version of runtime.versions) assert.match(nodeRed.logs(), version);
      assert.deepEqual(complaints(nodeRed.logs()), []);
      const [set, ...others] = await api.nodeSets();
      assert.ok(set !== undefined && others.length === 0);
      assert.equal(set.err, undefined);
      assert.equal(set.enabled, true);
      assert.deepEqual([...set.types].sort(), TYPES);
    });

    it('gives the editor its dialogs, help, texts and icons', async () => {
      const html = await api.editorParts();
      const texts = (await api.texts())['@mqtt-sessions/node-red/mqtt-persistent'];
      for (const type of TYPES) {
        assert.ok(html.includes(`data-template-name="${type}"`), `no dialog of ${type}`);
        assert.ok(html.includes(`data-help-name="${type}"`), `no help of ${type}`);
        assert.ok(texts?.[type], `no texts of ${type}`);
      }
      const icons = fs.readdirSync(path.join(installation.packageDir, 'dist', 'nodes', 'icons')).sort();
      assert.deepEqual((await api.icons()).sort(), icons);
      for (const icon of icons) {
        const file = path.join(installation.packageDir, 'dist', 'nodes', 'icons', icon);
        assert.equal(await api.icon(icon), fs.readFileSync(file, 'utf8'));
      }
    });

    it('offers its examples for import', async () => {
      const files = fs.readdirSync(path.join(installation.packageDir, 'examples'));
      assert.deepEqual((await api.examples()).sort(), files.map((file) => path.basename(file, '.json')).sort());
    });

    it('runs its first example: sent, received, and kept on disk while broker and Node-RED are away', async () => {
      const example = (await api.example('first-persistent-flow')) as FlowNode[];
      const observer = await Observer.start({ port: broker.port, filter: 'first/flow' });
      const payloads = () => observer.messages.map(({ payload }) => payload);
      try {
        await nodeRed.deploy(withProbes(example, broker.port));
        let probes = new Probes(nodeRed.logs);
        for (const id of ['first-out', 'first-in']) {
          await probes.status(id, { fill: 'green', shape: 'dot', text: 'node-red:common.status.connected' });
        }
        await api.inject('first-send');
        await api.inject('first-json');
        const [time, object] = await probes.payloads('received', 2);
        assert.equal(typeof time, 'number');
        assert.deepEqual(object, { temperature: 21.5 });
        assert.equal((await probes.payloads('stored', 2)).length, 2);
        await observer.waitForAll([String(time), '{"temperature":21.5}']);
        for (const action of ['first-info', 'first-list', 'first-stats']) await api.inject(action);
        assert.equal((await probes.payloads('answer', 3)).length, 3);

        await broker.stop();
        await probes.status('first-out', { fill: 'red', queued: 0 });
        for (let count = 1; count <= 3; count++) {
          await api.inject('first-send');
          await probes.payloads('stored', 2 + count);
        }
        await probes.status('first-out', { fill: 'red', queued: 3 });
        const waiting = probes
          .seen('stored')
          .slice(2)
          .map(({ payload }) => String(payload));
        assert.deepEqual(probes.errors(), []);
        await nodeRed.stop();
        assert.deepEqual(complaints(nodeRed.logs()), []);

        await start();
        probes = new Probes(nodeRed.logs);
        await probes.status('first-out', { fill: 'red', queued: 3 });
        await probes.unreachable();
        await broker.start();
        await observer.waitForAll(waiting);
        assert.deepEqual((await probes.payloads('received', 3)).map(String), waiting);
        await probes.status('first-out', { fill: 'green', text: 'node-red:common.status.connected', queued: 0 });
        assert.deepEqual(payloads(), [String(time), '{"temperature":21.5}', ...waiting]);
        assert.deepEqual(probes.errors(), []);
      } finally {
        await observer.stop();
      }
    });

    it('ends without an error, and leaves its session unlocked', async () => {
      await nodeRed.stop();
      assert.deepEqual(complaints(nodeRed.logs()), []);
      assert.match(nodeRed.logs(), /Stopped flows/);
      const clientId = JSON.parse(await npm(installation.userDir, ...commandLine('--json')))[0].clientId;
      await waitFor(() => broker.log.includes(`Client ${clientId} disconnected.`), {
        what: 'DISCONNECT at the broker',
        detail: () => broker.log,
      });
    });

    it('has a command that lists the session', async () => {
      const listed = await npm(installation.userDir, ...commandLine());
      assert.match(listed, /^client id "[^"]+", 0 messages .*, 0 in flight, 1 subscriptions, /);
      assert.doesNotMatch(listed, /lock of process/);
      const [bin, ...args] = commandLine().slice(3);
      const env = { ...process.env, PATH: `${path.dirname(nodeBinary(runtime))}${path.delimiter}${process.env.PATH}` };
      const file = path.join(installation.userDir, 'node_modules', '.bin', bin!);
      assert.deepEqual(await runProgram(file, args, { cwd: installation.userDir, env }), {
        exitCode: 0,
        stdout: listed,
        stderr: '',
      });
    });
  });
}

/** What `npx mqtt-sessions list` is to npm; it must not look for the command in a registry. */
function commandLine(...options: string[]): string[] {
  return ['exec', '--no', '--', 'mqtt-sessions', 'list', 'mqtt-sessions', ...options];
}
