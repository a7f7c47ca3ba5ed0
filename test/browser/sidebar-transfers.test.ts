import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as mqtt from 'mqtt';
import { openSessionStore } from '../../src';
import { decodeMcpsV1 } from '../../src/mcps/v1';
import { sessionCodec } from '../../src/session/session-codec';
import { filesOf, sessionPath, storeQueue } from '../admin/storage-fixture';
import { inNode, outNode, session, tab, temporaryDirectory } from '../nodes/flow';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';
import { type EditorPage, openEditor } from './editor-page';
import { Sidebar } from './sidebar-page';

const DAY_MS = 86_400_000;
const STORES = ['first store', 'second store'] as const;

describe('buttons of the sidebar that move and end sessions', function () {
  this.timeout(60_000);
  // Each goes on where the one before has ended.
  this.bail(true);
  const [first, second] = [temporaryDirectory(), temporaryDirectory()];
  let broker: Mosquitto;
  let nodeRed: NodeRedProcess;
  let editor: EditorPage;
  let sidebar: Sidebar;
  /** A file of version 1 with the three messages of the session `moved`. */
  let original: string;

  before(async () => {
    broker = await Mosquitto.start();
    await storeQueue(first, 'moved', 3);
    await storeExpired(first, 'expired in the first');
    await storeExpired(second, 'expired in the second');
    const [store, gateway] = session({ port: broker.port, directory: first, clientid: 'gateway', protocolVersion: 5 });
    const stores = [
      { ...store, name: STORES[0], cleanupInterval: '0' },
      { ...store, id: 'second', name: STORES[1], path: second, cleanupInterval: '0' },
    ];
    const brokers = ['ended', 'kept'].map((clientid) => ({
      ...gateway,
      id: `broker-${clientid}`,
      clientid,
      protocolVersion: 4,
    }));
    const inject = {
      id: 'inject',
      type: 'inject',
      z: 'tab',
      x: 100,
      y: 100,
      props: [{ p: 'payload' }, { p: 'userProperties', v: '{"unit":"kW"}', vt: 'json' }],
      payload: 'with a property',
      payloadType: 'str',
      wires: [['out']],
    };
    const flows = [
      tab,
      ...stores,
      gateway,
      ...brokers,
      outNode('out', { topic: 'line/1', qos: '1' }),
      inject,
      ...brokers.map(({ id }) => inNode(`in-${id}`, 'plant/#', 'unused', { broker: id })),
    ] as object[];
    nodeRed = await startNodeRed(temporaryDirectory(), { flows });
    editor = await openEditor(nodeRed.url);
    sidebar = new Sidebar(editor);
    await sidebar.show();
    await sidebar.says('gateway', /Connected/);
  });

  afterEach(() => assert.deepEqual(editor?.takeErrors(), [], 'errors in the browser'));

  after(async () => {
    await editor?.close();
    await nodeRed?.stop();
    await broker?.remove();
  });

  /** Last used two days ago, for an hour. */
  async function storeExpired(directory: string, clientId: string): Promise<void> {
    const scheduler = { now: () => Date.now() - 2 * DAY_MS, after: () => () => undefined };
    const store = await openSessionStore({ path: directory, scheduler });
    await (await store.open(clientId, sessionCodec, 3600)).close();
    await store.close();
  }

  const isStored = (directory: string, clientId: string) =>
    fs.stat(sessionPath(directory, clientId)).then(
      () => true,
      (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? false : Promise.reject(error)),
    );
  const snapshotOf = (directory: string, clientId: string) =>
    fs.readFile(String(filesOf(sessionPath(directory, clientId), '.mcps')[0]));
  const dialog = (selector: string) => sidebar.page.locator(`.mqtt-sessions-dialog ${selector}`);
  const ofList = (name: string) => sidebar.page.getByRole('button', { name, exact: true });

  /** Chooses a store in the dialog, by the name that its label begins with. */
  async function chooseStore(name: string): Promise<void> {
    const options = await dialog('select').first().locator('option').allInnerTexts();
    const label = options.find((option) => option.startsWith(name));
    assert.ok(label !== undefined, `${name} is not among ${options.join(', ')}`);
    await dialog('select').first().selectOption({ label });
  }

  async function downloaded(): Promise<string> {
    const [download] = await Promise.all([sidebar.page.waitForEvent('download'), sidebar.agree()]);
    return download.path();
  }

  it('exports as version 1 of MCPS what such a file can hold', async () => {
    await sidebar.open('moved');
    await sidebar.press('export');
    await sidebar.question();
    const isOffered = () => dialog('.mqtt-sessions-check').isVisible();
    assert.equal(await isOffered(), false, 'JSON lines hold everything');
    await dialog('select').selectOption('mcps1');
    assert.equal(await isOffered(), true);
    original = await downloaded();
    const { clientId, inflight } = decodeMcpsV1(await fs.readFile(original));
    const payloads = inflight.map(({ payload }) => payload.toString());
    assert.deepEqual([clientId, ...payloads], ['moved', 'message 0', 'message 1', 'message 2']);
    await sidebar.back();
  });

  it('exports what such a file cannot hold only when that is allowed', async () => {
    await sidebar.open('gateway');
    await sidebar.press('pause');
    await sidebar.notified(/Sending is paused: gateway/);
    for (let number = 0; number < 2; number++) await fetch(`${nodeRed.url}/inject/inject`, { method: 'POST' });
    await sidebar.detailsSay(/Queued\n2\n/);
    const asked = async (allowsLoss: boolean) => {
      await sidebar.press('export');
      await sidebar.question();
      await dialog('select').selectOption('mcps1');
      if (allowsLoss) await dialog('.mqtt-sessions-check input').check();
    };
    await asked(false);
    await sidebar.agree();
    await sidebar.page.locator('.red-ui-notification-error').first().waitFor();
    const refused = await sidebar.page.locator('.red-ui-notification-error').first().innerText();
    assert.match(refused, /gateway/);
    assert.match(editor.takeErrors().join(), /^[^,]*status of 4\d\d[^,]*$/);
    await asked(true);
    const { clientId, inflight } = decodeMcpsV1(await fs.readFile(await downloaded()));
    assert.deepEqual([clientId, inflight.length], ['gateway', 2]);
  });

  it('replaces what a session holds by what is in a file, and says how much goes', async () => {
    // Before: the session, made anew, may send at once.
    const received: string[] = [];
    const client = await mqtt.connectAsync(broker.url);
    try {
      client.on('message', (topic, payload) => received.push(`${topic}: ${payload}`));
      await client.subscribeAsync(['queue', 'line/1'], { qos: 1 });
      await sidebar.press('import');
      await sidebar.question();
      await dialog('input[type=file]').setInputFiles(original);
      await dialog('.mqtt-sessions-check input').check();
      await sidebar.page.locator('.mqtt-sessions-confirm').click();
      // Asked again, with what would be lost.
      await sidebar.page.locator('.mqtt-sessions-dialog', { hasText: /messages: 2\b/ }).waitFor();
      await sidebar.page.locator('.mqtt-sessions-confirm.mqtt-sessions-destroys').click();
      await sidebar.notified(/Imported into gateway: messages: 3/);
      const resume = sidebar.page.locator('.mqtt-sessions-details [data-action="resume"]');
      if (await resume.isVisible()) await sidebar.press('resume');
      await waitFor(() => received.length >= 3, { what: 'three messages', detail: () => received.join() });
      await sidebar.detailsSay(/Queued\n0\n/);
      await sidebar.detailsSay(/In flight\n0\n/);
      assert.deepEqual(received, ['queue: message 0', 'queue: message 1', 'queue: message 2']);
    } finally {
      await client.endAsync(true);
    }
    await sidebar.back();
  });

  it('imports into the store that is chosen', async () => {
    const untouched = await snapshotOf(first, 'moved');
    await ofList('Import').click();
    await sidebar.question();
    await chooseStore(STORES[1]);
    await dialog('input[type=file]').setInputFiles(original);
    await sidebar.agree();
    await sidebar.notified(/Imported into moved: messages: 3/);
    assert.equal(await isStored(second, 'moved'), true);
    assert.deepEqual(await snapshotOf(first, 'moved'), untouched);
    const rows = sidebar.row('moved').locator('.mqtt-sessions-where');
    await rows.nth(1).waitFor();
    assert.deepEqual((await rows.allInnerTexts()).map((text) => text.split(' · ').at(-1)).sort(), [...STORES]);
  });

  it('cleans up the store that is chosen, and no other', async () => {
    await ofList('Clean up').click();
    await sidebar.question();
    await chooseStore(STORES[1]);
    await sidebar.agree();
    await sidebar.notified(/Deleted: expired sessions: 1,/);
    assert.equal(await isStored(second, 'expired in the second'), false);
    assert.equal(await isStored(first, 'expired in the first'), true);
    await sidebar.row('expired in the second').waitFor({ state: 'detached' });
    await sidebar.row('expired in the first').waitFor();
  });

  it('ends the session at the broker, too, when that is ticked', async () => {
    for (const clientId of ['ended', 'kept']) {
      await sidebar.open(clientId);
      await sidebar.press('disconnect');
      await sidebar.notified(new RegExp(`Disconnected: ${clientId}`));
      await sidebar.press('delete');
      await sidebar.question();
      if (clientId === 'ended') await dialog('.mqtt-sessions-check input').check();
      await sidebar.agree();
      await sidebar.notified(new RegExp(`Session deleted: ${clientId}`));
      await sidebar.back();
    }
    assert.deepEqual([await isPresent('kept'), await isPresent('ended')], [true, false]);
  });

  /** Whether the broker has a session of this client id. */
  function isPresent(clientId: string): Promise<boolean> {
    const client = mqtt.connect(broker.url, { clientId, clean: false, reconnectPeriod: 0 });
    return new Promise((resolve, reject) => {
      client.once('error', reject);
      client.once('connect', ({ sessionPresent }) => {
        void client.endAsync().then(() => resolve(sessionPresent), reject);
      });
    });
  }
});
