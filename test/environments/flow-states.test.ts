import * as assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { describe, it } from 'mocha';
import type { NodeRedProcess } from '../support/node-red-process';
import { EchoBed, logged, storedSessions, until, userDirectory } from './echo-bed';

const SET = '/nodes/@mqtt-sessions/node-red/mqtt-persistent';

async function request(nodeRed: NodeRedProcess, method: string, location: string, body: object): Promise<number> {
  const headers = { 'Content-Type': 'application/json', 'Node-RED-API-Version': 'v2' };
  const response = await fetch(`${nodeRed.url}${location}`, { method, headers, body: JSON.stringify(body) });
  await response.arrayBuffer();
  return response.status;
}

describe('a session waits, and goes on where it was,', function () {
  this.timeout(60_000);
  const bed = EchoBed.inSuite();

  it('in safe mode, until the flows are deployed', async () => {
    const userDir = userDirectory();
    const flows = bed.flow('safe');
    let nodeRed = await bed.start(userDir, { flows });
    await bed.roundTrip('safe', 'one', nodeRed);
    await nodeRed.stop();
    await bed.publish('safe', 'two');
    const connections = bed.connections('safe');
    const [folder] = fs.readdirSync(path.join(userDir, 'mqtt-sessions')).filter((name) => name.startsWith('safe~'));
    const files = () => fs.readdirSync(path.join(userDir, 'mqtt-sessions', folder as string)).sort();
    const before = files();

    nodeRed = await bed.start(userDir, { args: ['--safe'] });
    assert.match(nodeRed.logs(), /Flows stopped in safe mode/);
    assert.deepEqual(files(), before);
    await nodeRed.deploy(flows);
    await bed.echoed('safe', 'two', nodeRed);
    assert.equal(bed.connections('safe'), connections + 1);
  });

  it('while the flows are stopped', async () => {
    const settings = { runtimeState: { enabled: true, ui: true } };
    const nodeRed = await bed.start(userDirectory(), { flows: bed.flow('stopped'), settings });
    await bed.roundTrip('stopped', 'one', nodeRed);
    assert.equal(await request(nodeRed, 'POST', '/flows/state', { state: 'stop' }), 200);
    await bed.disconnected('stopped', nodeRed);
    await bed.publish('stopped', 'two');
    assert.equal(await request(nodeRed, 'POST', '/flows/state', { state: 'start' }), 200);
    await bed.echoed('stopped', 'two', nodeRed);
  });

  it('while another flow file is used', async () => {
    const userDir = userDirectory();
    let nodeRed = await bed.start(userDir, { flows: bed.flow('file') });
    await bed.roundTrip('file', 'one', nodeRed);
    await nodeRed.stop();
    await bed.publish('file', 'two');
    nodeRed = await bed.start(userDir, { settings: { flowFile: 'other.json' } });
    await nodeRed.deploy(bed.flow('other'));
    await bed.roundTrip('other', 'one', nodeRed);
    await nodeRed.stop();
    nodeRed = await bed.start(userDir);
    await bed.echoed('file', 'two', nodeRed);
    assert.deepEqual(storedSessions(path.join(userDir, 'mqtt-sessions'))?.sort(), ['file', 'other']);
  });

  it('while its tab, or its broker node, is disabled', async () => {
    const nodeRed = await bed.start(userDirectory(), { flows: bed.flow('disabled') });
    await bed.roundTrip('disabled', 'one', nodeRed);
    for (const [payload, disabled] of [
      ['two', { tab: { disabled: true } }],
      ['three', { broker: { d: true } }],
    ] as const) {
      const connections = bed.connections('disabled');
      const ended = bed.disconnections('disabled');
      await nodeRed.deploy(bed.flow('disabled', disabled));
      await until(() => bed.disconnections('disabled') > ended, 'DISCONNECT', nodeRed);
      await bed.publish('disabled', payload);
      await nodeRed.deploy(bed.flow('disabled'));
      await bed.echoed('disabled', payload, nodeRed);
      assert.equal(bed.connections('disabled'), connections + 1);
    }
    assert.deepEqual(bed.echoes('disabled'), ['one', 'two', 'three']);
  });

  it('while its nodes are disabled in the palette', async () => {
    const userDir = userDirectory();
    const flows = bed.flow('palette');
    let nodeRed = await bed.start(userDir, { flows });
    await bed.roundTrip('palette', 'one', nodeRed);
    assert.equal(await request(nodeRed, 'PUT', SET, { enabled: false }), 400, 'they are in use');
    await bed.publish('palette', 'two');
    await bed.echoed('palette', 'two', nodeRed);

    // Without them in the flow the set can be disabled, and a flow that uses it waits. Node-RED starts it at the next
    // deploy when it has loaded the set before, and else at once.
    await nodeRed.deploy([]);
    await bed.disconnected('palette', nodeRed);
    assert.equal(await request(nodeRed, 'PUT', SET, { enabled: false }), 200);
    await bed.publish('palette', 'three');
    await nodeRed.deploy(flows);
    await logged(nodeRed, /Waiting for missing types/);
    assert.equal(await request(nodeRed, 'PUT', SET, { enabled: true }), 200);
    await nodeRed.deploy(flows);
    await bed.echoed('palette', 'three', nodeRed);

    await nodeRed.deploy([]);
    assert.equal(await request(nodeRed, 'PUT', SET, { enabled: false }), 200);
    await nodeRed.deploy(flows);
    await nodeRed.stop();
    await bed.publish('palette', 'four');
    nodeRed = await bed.start(userDir);
    await logged(nodeRed, /Server now running/);
    assert.equal(await request(nodeRed, 'PUT', SET, { enabled: true }), 200);
    await bed.echoed('palette', 'four', nodeRed);
    assert.deepEqual(bed.echoes('palette'), ['one', 'two', 'three', 'four']);
    assert.doesNotMatch(nodeRed.logs(), /Uncaught|unhandled|\[error\] \[mqtt/i);
  });

  it('while nothing but its broker node is there, which connects to nothing', async () => {
    const userDir = userDirectory();
    const unused = bed.flow('unused').filter(({ z }) => z === undefined);
    const nodeRed = await bed.start(userDir, { flows: unused });
    await nodeRed.deploy([...unused, { id: 'other', type: 'tab', label: 'other' }], 'flows');
    await nodeRed.deploy(bed.flow('unused'));
    await bed.roundTrip('unused', 'one', nodeRed);
    assert.equal(bed.connections('unused'), 1, 'since there are nodes that use it, and not before');
  });

  it('when a project holds the flows; nothing of it gets into the repository of the project', async () => {
    const userDir = userDirectory();
    const project = path.join(userDir, 'projects', 'plant');
    fs.mkdirSync(project, { recursive: true });
    const settings = { editorTheme: { projects: { enabled: true } } };
    const write = (folder: string, file: string, content: object) =>
      fs.writeFileSync(path.join(folder, file), JSON.stringify(content));
    write(project, 'flow.json', bed.flow('project'));
    write(project, 'flow_cred.json', {});
    write(project, 'package.json', {
      name: 'plant',
      version: '1.0.0',
      'node-red': { settings: { flowFile: 'flow.json', credentialsFile: 'flow_cred.json' } },
    });
    write(userDir, '.config.projects.json', {
      projects: { plant: { credentialSecret: false } },
      activeProject: 'plant',
    });
    const git = (...args: string[]) => execFileSync('git', args, { cwd: project, encoding: 'utf8' });
    git('init', '--quiet');
    let nodeRed = await bed.start(userDir, { settings });
    assert.match(nodeRed.logs(), /Active project *: plant/);
    await bed.roundTrip('project', 'one', nodeRed);
    await nodeRed.kill();
    await bed.publish('project', 'two');
    nodeRed = await bed.start(userDir, { settings });
    await bed.echoed('project', 'two', nodeRed);
    assert.deepEqual(storedSessions(path.join(userDir, 'mqtt-sessions')), ['project']);
    assert.deepEqual(fs.readdirSync(project).sort(), ['.git', 'flow.json', 'flow_cred.json', 'package.json']);
  });
});
