import assert from 'node:assert/strict';
import * as mqtt from 'mqtt';
import { tab, temporaryDirectory } from '../nodes/flow';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';
import { type EditorPage, openEditor } from './editor-page';
import { unreadable } from './readable';
import { Sidebar } from './sidebar-page';
import { chooseSetting, makeDark } from './themes';

/** What the tests use of the editor. */
declare const RED: { nodes: { dirty(): boolean } };

const SIDEBAR = '.mqtt-sessions-sidebar';

describe('a first flow, made in the editor alone', function () {
  this.timeout(60_000);
  // Each goes on where the one before has ended.
  this.bail(true);
  let broker: Mosquitto;
  let nodeRed: NodeRedProcess;
  let editor: EditorPage;
  let sidebar: Sidebar;
  let client: mqtt.MqttClient;
  const received: string[] = [];
  const ids = { inject: '', out: '', in: '', admin: '' };

  before(async () => {
    broker = await Mosquitto.start();
    // Its subscription outlives the restart of the broker.
    client = await mqtt.connectAsync(broker.url, { clientId: 'watcher', clean: false });
    client.on('message', (topic) => received.push(topic));
    await client.subscribeAsync('plant/#', { qos: 1 });
    nodeRed = await startNodeRed(temporaryDirectory(), { flows: [tab], settings: { mqttReconnectTime: 1_000 } });
    editor = await openEditor(nodeRed.url);
    sidebar = new Sidebar(editor);
  });

  afterEach(() => assert.deepEqual(editor?.takeErrors(), [], 'errors in the browser'));

  after(async () => {
    await client?.endAsync(true);
    await editor?.close();
    await nodeRed?.stop();
    await broker?.remove();
  });

  /** Draws a wire from the output of a node to the input of another. */
  async function wire(from: string, to: string): Promise<void> {
    const { page } = editor;
    const portOf = async (id: string, kind: string) => {
      const box = await page.locator(`[id="${id}"] .red-ui-flow-port-${kind} .red-ui-flow-port`).boundingBox();
      assert.ok(box, `${id} has an ${kind}`);
      return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
    };
    const [start, end] = [await portOf(from, 'output'), await portOf(to, 'input')];
    await page.mouse.move(start.x, start.y);
    await page.mouse.down();
    await page.mouse.move(end.x, end.y, { steps: 10 });
    await page.mouse.up();
    const isWired = async () => JSON.stringify((await editor.exported(from)).wires) === JSON.stringify([[to]]);
    await waitFor(isWired, { what: 'the wire' });
  }

  async function deploy(): Promise<void> {
    await editor.page.click('#red-ui-header-button-deploy');
    await waitFor(async () => !(await editor.page.evaluate(() => RED.nodes.dirty())), { what: 'the deploy to end' });
  }

  /** Waits until the status below a node says something. */
  const status = (id: string, what: RegExp) =>
    editor.page.locator(`[id="${id}"] .red-ui-flow-node-status-label`).filter({ hasText: what }).waitFor();

  const pressInject = () => editor.page.locator(`[id="${ids.inject}"] .red-ui-flow-node-button-button`).click();

  const arrived = (count: number) =>
    waitFor(() => received.length >= count, { what: `${count} messages at the broker`, detail: () => `${received}` });

  it('is dragged from the palette, filled in, wired and deployed', async () => {
    const { page } = editor;
    ids.inject = await editor.add('inject');
    ids.out = await editor.add('mqtt-persistent-out');
    ids.in = await editor.add('mqtt-persistent-in');
    ids.admin = await editor.add('mqtt-session-admin');

    await editor.open(ids.out);
    await page.click('#node-input-btn-broker-add');
    await editor.enter('#node-config-input-broker', '127.0.0.1');
    await editor.enter('#node-config-input-port', String(broker.port));
    await editor.selectTab('mqtt-persistent-broker-tab-session', '#node-config-input-clientid');
    await editor.enter('#node-config-input-clientid', 'gateway');
    await editor.doneConfig();
    const made = () => page.inputValue('#node-input-broker');
    await waitFor(async () => !['', '_ADD_'].includes(await made()), { what: 'the broker to be chosen' });
    const config = await made();
    await editor.enter('#node-input-topic', 'plant/power');
    await editor.done();

    await editor.open(ids.in);
    await page.selectOption('#node-input-broker', config);
    await editor.enter('#node-input-topic', 'plant/#');
    await editor.done();

    await editor.open(ids.admin);
    await page.selectOption('#node-input-broker', config);
    await page.selectOption('#node-input-action', 'info');
    await editor.done();

    await wire(ids.inject, ids.out);
    await wire(ids.in, ids.admin);
    await deploy();
    await status(ids.out, /^connected/);
    await status(ids.in, /^connected/);
  });

  it('sends, stores while the broker is away, and sends what waits when it is back: the sidebar shows it', async () => {
    await pressInject();
    await arrived(1);
    await sidebar.show();
    await sidebar.says('gateway', /Connected, Nothing waits, mqtt:/);
    await broker.stop();
    await sidebar.says('gateway', /Not connected, next attempt in/);
    await pressInject();
    await status(ids.out, /1 queued/);
    await pressInject();
    await status(ids.out, /2 queued/);
    await sidebar.says('gateway', /2 queued/);
    await broker.start();
    await arrived(3);
    await sidebar.says('gateway', /Connected, Nothing waits, mqtt:/, 20_000);
    await status(ids.out, /^connected/);
    assert.deepEqual(received, ['plant/power', 'plant/power', 'plant/power']);
  });

  async function assertReadable(theme: string): Promise<void> {
    assert.deepEqual(await unreadable(editor.page, SIDEBAR), [], `the list in the ${theme} theme`);
    await sidebar.open('gateway');
    for (const section of ['subscriptions', 'statistics', 'messages']) await sidebar.openSection(section);
    await sidebar.detailsSay(/plant\/#/);
    assert.deepEqual(await unreadable(editor.page, SIDEBAR), [], `details in the ${theme} theme`);
    await sidebar.press('delete');
    await sidebar.question();
    assert.deepEqual(await unreadable(editor.page, '.mqtt-sessions-dialog'), [], `the question in the ${theme} theme`);
    await sidebar.refuse();
    await sidebar.back();
  }

  it('can be read in the sidebar, light and dark', async () => {
    const { page } = editor;
    const background = () =>
      page.evaluate<string>(`getComputedStyle(document.querySelector('${SIDEBAR}')).backgroundColor`);
    await assertReadable('light');
    const light = await background();
    await makeDark(editor);
    assert.notEqual(await background(), light);
    await assertReadable('dark');
  });

  it('speaks the language that is chosen in the settings of the editor', async () => {
    const { page } = editor;
    await chooseSetting(editor, 'editor-language', 'de');
    await page.reload();
    await page.locator('#red-ui-loading-progress').waitFor({ state: 'hidden' });
    await page.locator(`[id="${ids.out}"]`).waitFor();
    await sidebar.show();
    await page.getByText('Sessions: 1 · nichts gespeichert').waitFor();
    const form = await editor.open(ids.out);
    assert.match(String(await form.textContent()), /Erledigt, wenn.*auf der Platte gespeichert/s);
    await editor.cancelAll();
  });
});
