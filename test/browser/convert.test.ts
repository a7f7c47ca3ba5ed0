import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { promisify } from 'node:util';
import * as mqtt from 'mqtt';
import type { FlowNode } from '../../src/convert';
import { BROKER, CREDENTIALS, everyField } from '../convert/every-field';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';
import { type EditorPage, openEditor } from './editor-page';

const commandLine = path.resolve(__dirname, '..', '..', 'src', 'cli', 'main.ts');
const READINGS = 'i000000000000001';
const login = { username: CREDENTIALS.user, password: CREDENTIALS.password };

/** What the tests use of the editor. */
declare const RED: {
  nodes: {
    createCompleteNodeSet(options: { credentials: boolean }): FlowNode[];
    node(id: string): { d?: boolean; users: unknown[] };
    dirty(): boolean;
  };
  history: { depth(): number };
  view: { select(selection: { nodes: unknown[] }): void };
  actions: { invoke(action: string): void };
};
declare const $: (selector: string) => { getAttributeNS(namespace: string, name: string): string }[];

describe('converting in the editor', function () {
  this.timeout(60_000);
  let userDir: string;
  let broker: Mosquitto;
  let nodeRed: NodeRedProcess;
  let editor: EditorPage;
  let client: mqtt.MqttClient;
  let received: object[] = [];
  let original: FlowNode[];

  before(async () => {
    userDir = await fs.mkdtemp(path.join(os.tmpdir(), 'editor-'));
    broker = await Mosquitto.start({ credentials: login });
    const flows = everyField(String(broker.port));
    nodeRed = await startNodeRed(userDir, { flows: [] });
    await nodeRed.deploy(flows.map((node) => (node.id === BROKER ? { ...node, credentials: CREDENTIALS } : node)));
    editor = await openEditor(nodeRed.url);
    original = await currentFlows();
    client = await mqtt.connectAsync(broker.url, { ...login, protocolVersion: 5 });
    client.on('message', (topic, payload, { qos, retain, properties }) => {
      const { subscriptionIdentifier: _own, messageExpiryInterval: _running, ...others } = properties ?? {};
      received.push(
        JSON.parse(JSON.stringify({ topic, payload: payload.toString(), qos, retain, properties: others })),
      );
    });
    await client.subscribeAsync(['plant/state', 'plant/seen'], { qos: 2, rap: true, rh: 2 });
  });

  afterEach(() => assert.deepEqual(editor?.takeErrors(), [], 'errors in the browser'));

  after(async () => {
    await client?.endAsync(true);
    await editor?.close();
    await nodeRed?.stop();
    await broker?.remove();
    await fs.rm(userDir, { recursive: true, force: true });
  });

  /** As they would be deployed: what is undefined is not there. */
  const currentFlows = async (): Promise<FlowNode[]> =>
    JSON.parse(
      await editor.page.evaluate(() => JSON.stringify(RED.nodes.createCompleteNodeSet({ credentials: false }))),
    );
  const isDirty = () => editor.page.evaluate(() => RED.nodes.dirty());
  const invoke = (action: string) => editor.page.evaluate((name) => RED.actions.invoke(name), action);
  const typesIn = (flows: readonly FlowNode[]) =>
    [...new Set(flows.map(({ type }) => type))].filter((type) => /^mqtt/.test(type)).sort();
  const coreTypes = ['mqtt in', 'mqtt out', 'mqtt-broker'];
  const persistentTypes = ['mqtt-persistent-broker', 'mqtt-persistent-in', 'mqtt-persistent-out'];

  async function openDialog(direction: 'to-persistent' | 'to-core'): Promise<void> {
    const { page } = editor;
    await page.click('#red-ui-header-button-sidemenu');
    await page.hover('#menu-item-mqtt-sessions');
    await page.click(`#menu-item-mqtt-sessions-${direction}`);
    await page.locator('#mqtt-sessions-convert').waitFor();
  }

  async function agree(): Promise<void> {
    await editor.page.click('#mqtt-sessions-convert-ok');
    await editor.page.locator('#mqtt-sessions-convert').waitFor({ state: 'detached' });
  }

  /** The file of the icon that is shown on a node. */
  const iconOf = (id: string): Promise<string> =>
    editor.page.evaluate(
      (wanted) =>
        $(`[id="${wanted}"] .red-ui-flow-node-icon`)[0]?.getAttributeNS('http://www.w3.org/1999/xlink', 'href') ?? '',
      id,
    );

  async function deploy(): Promise<void> {
    await editor.page.click('#red-ui-header-button-deploy');
    await waitFor(async () => !(await isDirty()), { what: 'the deploy to end' });
  }

  /** What comes out of the flow for a reading. Published again until the flow is connected and subscribed. */
  async function answersToAReading(): Promise<object[]> {
    const answered = async () => {
      received = [];
      await client.publishAsync('plant/1/power', '{"kW":5}', { qos: 1 });
      const hasBoth = () => received.length >= 2;
      return waitFor(hasBoth, { what: 'two answers', timeoutMs: 1_000 }).catch(() => false);
    };
    await waitFor(answered, { what: 'the flow to answer', timeoutMs: 20_000, detail: nodeRed.logs });
    return received.sort((left, right) => JSON.stringify(left).localeCompare(JSON.stringify(right)));
  }

  it('turns a flow into one that answers the same, with the same credentials, and one undo takes it back', async () => {
    const { page } = editor;
    const answers = await answersToAReading();
    assert.match(JSON.stringify(answers), /"responseTopic":"answers\/state".*"unit":"kW"/, 'MQTT 5 properties');
    const depth = await page.evaluate(() => RED.history.depth());

    await openDialog('to-persistent');
    const dialog = (await page.locator('#mqtt-sessions-convert').textContent()) ?? '';
    for (const label of [
      'Plant broker',
      'readings (Plant)',
      'on demand (Plant)',
      'state (Plant)',
      'on a disabled flow (Spare)',
    ]) {
      assert.ok(dialog.includes(label), `${label} in: ${dialog}`);
    }
    assert.equal(await page.isChecked('#mqtt-sessions-convert-persist'), true);
    await agree();

    assert.deepEqual(
      await currentFlows(),
      original.map((node) => ({
        ...node,
        type: node.type.replace(/^mqtt( |-)(in|out|broker)$/, 'mqtt-persistent-$2'),
        ...(node.id === BROKER && { cleansession: false }),
      })),
    );
    assert.equal(await isDirty(), true);
    assert.equal(await page.evaluate(() => RED.history.depth()), depth + 1);
    assert.deepEqual(await editor.problems(READINGS), []);
    assert.equal(await page.evaluate((id) => RED.nodes.node(id).users.length, BROKER), 5);
    assert.match(await iconOf(READINGS), /mqtt-sessions-message/);

    await deploy();
    assert.deepEqual(await answersToAReading(), answers);
    assert.match(nodeRed.logs(), /\[mqtt-persistent-broker:Plant broker\] Connected/);

    await invoke('core:undo');
    assert.deepEqual(await currentFlows(), original);
    assert.equal(await isDirty(), true, 'what is deployed is something else');
    assert.match(await iconOf(READINGS), /bridge/);
  });

  it('goes there and back by the menu, exactly, with the offer unticked; credentials included', async () => {
    const { page } = editor;
    await openDialog('to-persistent');
    await page.uncheck('#mqtt-sessions-convert-persist');
    await agree();
    const there = await currentFlows();
    assert.deepEqual(typesIn(there), persistentTypes);
    assert.equal(there.find(({ id }) => id === BROKER)?.cleansession, true);
    await deploy();
    await openDialog('to-core');
    await agree();
    assert.deepEqual(await currentFlows(), original);
    await deploy();
    assert.equal((await answersToAReading()).length, 2);
  });

  it('keeps earlier steps of the undo history, and can be done again', async () => {
    const { page } = editor;
    const isDisabled = () => page.evaluate((id) => RED.nodes.node(id).d === true, READINGS);
    await page.evaluate((id) => RED.view.select({ nodes: [RED.nodes.node(id)] }), READINGS);
    await invoke('core:disable-selected-nodes');
    assert.equal(await isDisabled(), true);

    await openDialog('to-persistent');
    await agree();
    for (const [action, types] of [
      ['core:undo', coreTypes],
      ['core:redo', persistentTypes],
      ['core:undo', coreTypes],
    ] as const) {
      await invoke(action);
      assert.deepEqual(typesIn(await currentFlows()), types);
      assert.equal(await isDisabled(), true);
      assert.equal(await isDirty(), true, action);
    }
    await invoke('core:undo');
    assert.equal(await isDisabled(), false);
    assert.deepEqual(await currentFlows(), original);
    assert.equal(await isDirty(), false);
  });

  it('converts only what is chosen', async () => {
    const { page } = editor;
    await openDialog('to-persistent');
    await page.uncheck(`#mqtt-sessions-convert [data-group="${BROKER}"]`);
    await agree();
    assert.deepEqual(await currentFlows(), original);
    assert.equal(await isDirty(), false);
  });

  it('happens to a flow file as well, whose credentials Node-RED finds again', async () => {
    const answers = await answersToAReading();
    await editor.close();
    await nodeRed.stop();
    await promisify(execFile)(process.execPath, [
      '--require',
      'tsx/cjs',
      commandLine,
      'convert',
      `${userDir}/flows.json`,
    ]);
    nodeRed = await startNodeRed(userDir);
    assert.deepEqual(await answersToAReading(), answers);
    assert.match(nodeRed.logs(), /\[mqtt-persistent-broker:Plant broker\] Connected/);
  });
});
