import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { freePort } from '../support/ports';
import { waitFor } from '../support/wait';
import { type DemoProcess, processesOf, runDemo, startDemo } from './demo-process';

const BURST = 1_000;
const REDELIVERY_TIMEOUT_MS = 60_000;

describe('npm run demo', function () {
  this.timeout(150_000);
  let folder: string;
  let data: string;
  let demo: DemoProcess | undefined;

  beforeEach(async () => {
    folder = await fs.mkdtemp(path.join(os.tmpdir(), 'mqtt-sessions-demo-'));
    data = path.join(folder, 'data');
  });

  afterEach(async () => {
    await demo?.end('SIGINT');
    demo = undefined;
    assert.deepEqual(await processesOf(folder), [], 'processes are left');
    await fs.rm(folder, { recursive: true, force: true });
  });

  const sent = (expected: number) =>
    waitFor(async () => (await demo!.totals()).sent === expected, {
      what: `${expected} messages to be reported done`,
      timeoutMs: REDELIVERY_TIMEOUT_MS,
      detail: demo!.output,
    });

  const allArrived = (expected: number) =>
    waitFor(async () => (await demo!.totals()).received === expected, {
      what: `${expected} messages to arrive`,
      timeoutMs: REDELIVERY_TIMEOUT_MS,
      detail: demo!.output,
    });

  const exactly = (count: number) => ({ sent: count, received: count, missing: 0, doubled: 0 });

  it('loses and doubles nothing when Node-RED is killed while the broker is off', async () => {
    demo = await startDemo(data);
    await demo.press('demo-off');
    await waitFor(async () => !(await accepts(demo!.brokerPort)), { what: 'the broker to be off' });
    await demo.press('demo-burst');
    await sent(BURST);
    assert.deepEqual(await demo.totals(), { sent: BURST, received: 0, missing: BURST, doubled: 0 });

    await killAndWait(demo);
    await demo.press('demo-on');
    await allArrived(BURST);
    assert.deepEqual(await demo.totals(), exactly(BURST));
  });

  it('loses and doubles nothing when the broker goes and Node-RED is killed while messages are on their way', async () => {
    demo = await startDemo(data);
    await demo.press('demo-burst');
    await waitFor(async () => (await demo!.totals()).received > 0, { what: 'the first message to arrive' });
    await demo.press('demo-off');
    await sent(BURST);
    await demo.press('demo-on');
    await waitFor(() => accepts(demo!.brokerPort), { what: 'the broker to be on' });
    await killAndWait(demo);
    await allArrived(BURST);
    assert.deepEqual(await demo.totals(), exactly(BURST));
  });

  it('ends with Ctrl-C, and goes on where it was at the next start', async () => {
    demo = await startDemo(data);
    await demo.press('demo-off');
    await waitFor(async () => !(await accepts(demo!.brokerPort)), { what: 'the broker to be off' });
    await demo.press('demo-burst');
    await sent(BURST);
    const first = await demo.end('SIGINT');
    assert.deepEqual(first, { exitCode: 0, signal: null });
    assert.deepEqual(await processesOf(folder), []);

    demo = await startDemo(data);
    assert.doesNotMatch(demo.output(), /installing|building|dist:/i, 'nothing had changed');
    await allArrived(BURST);
    assert.deepEqual(await demo.totals(), exactly(BURST));
  });

  it('takes Node-RED with it when the launcher is killed', async () => {
    demo = await startDemo(data);
    assert.equal((await processesOf(folder)).length, 2, 'launcher and Node-RED');
    await demo.end('SIGKILL');
    demo = undefined;
    await waitFor(async () => (await processesOf(folder)).length === 0, {
      what: 'Node-RED to end',
      timeoutMs: 30_000,
    });
  });

  it('takes the next free ports when its own are taken', async () => {
    const [editor, broker] = await Promise.all([occupy(), occupy()]);
    try {
      demo = await startDemo(data, ['--port', String(editor.port), '--broker-port', String(broker.port)]);
      assert.ok(Number(new URL(demo.url).port) > editor.port);
      assert.ok(demo.brokerPort > broker.port);
    } finally {
      editor.server.close();
      broker.server.close();
    }
  });

  it('refuses a second demo on the same data', async () => {
    demo = await startDemo(data);
    const { exitCode, output } = await runDemo(['--data', data, '--reset']);
    assert.equal(exitCode, 2);
    assert.match(output, new RegExp(`runs already: ${demo.url}`));
  });

  it('starts from nothing with --reset, and touches no folder that is not its own', async () => {
    demo = await startDemo(data);
    await demo.press('demo-burst');
    await allArrived(BURST);
    await demo.end('SIGINT');
    const flows = path.join(data, 'flows.json');
    await fs.writeFile(flows, '[]');

    demo = await startDemo(data, ['--reset']);
    assert.deepEqual(await demo.totals(), exactly(0));
    assert.notEqual(await fs.readFile(flows, 'utf8'), '[]');
    assert.ok(
      (await fs.stat(path.resolve(__dirname, '..', '..', 'package.json'))).isFile(),
      'the link was not followed',
    );

    const precious = path.join(folder, 'precious', 'settings.js');
    await fs.mkdir(path.dirname(precious));
    await fs.writeFile(precious, 'mine');
    for (const option of [[], ['--reset']]) {
      const { exitCode, output } = await runDemo(['--data', path.dirname(precious), ...option]);
      assert.equal(exitCode, 2);
      assert.match(output, /was not made by the demo/);
    }
    assert.equal(await fs.readFile(precious, 'utf8'), 'mine');
  });

  it('keeps a flow that a person changed', async () => {
    demo = await startDemo(data);
    await demo.end('SIGINT');
    const flows = path.join(data, 'flows.json');
    const changed = (await fs.readFile(flows, 'utf8')).replace('1. broker off', '1. away with the broker');
    await fs.writeFile(flows, changed);
    demo = await startDemo(data);
    assert.equal(await fs.readFile(flows, 'utf8'), changed);
  });
});

/** Presses the button, and waits until the next Node-RED answers. */
async function killAndWait(demo: DemoProcess): Promise<void> {
  const restarts = () => demo.output().split('Node-RED runs again').length;
  const before = restarts();
  await demo.press('demo-kill');
  await waitFor(() => restarts() > before, {
    what: 'Node-RED to be killed and to run again',
    timeoutMs: 60_000,
    detail: demo.output,
  });
  assert.match(demo.output(), /Node-RED ended \(SIGKILL\)/);
}

async function occupy(): Promise<{ server: net.Server; port: number }> {
  const server = net.createServer();
  const port = await freePort();
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return { server, port };
}

/** Whether something listens at that port of 127.0.0.1. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
