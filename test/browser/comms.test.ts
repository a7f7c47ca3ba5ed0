import assert from 'node:assert/strict';
import { outNode, session, tab, temporaryDirectory } from '../nodes/flow';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';
import { type EditorPage, openEditor } from './editor-page';
import { Sidebar } from './sidebar-page';

/** What must not be found where everybody can read who may open the editor. */
const PAYLOAD = 'payload-meant-for-the-broker-alone';
const PASSWORD = 'password-of-the-plant';
const WRONG_PASSWORD = 'password-of-another-plant';
const SECRETS = [PAYLOAD, PASSWORD, WRONG_PASSWORD].flatMap((secret) => [
  secret,
  Buffer.from(secret).toString('hex'),
  // Without the end, which depends on what follows.
  Buffer.from(secret).toString('base64').slice(0, -4),
]);

const BURST = 500;
/** Each node may show so many statuses in a second. */
const STATUSES_PER_SECOND = 2;
/** And so many more, because the clocks of the nodes and of this test differ. */
const STATUSES_MORE = 10;
/** In bytes, of the broker's. */
const PACKET_MAX = 3_000;

/** What the editor is told without being asked: one entry of a frame. */
interface Told {
  topic: string;
  data: unknown;
}

describe('what the editor is told over its connection to Node-RED', function () {
  this.timeout(60_000);
  let broker: Mosquitto;
  let nodeRed: NodeRedProcess;
  let editor: EditorPage;
  let sidebar: Sidebar;
  const frames: string[] = [];
  const lists: Promise<string>[] = [];
  let startedAt = 0;

  before(async () => {
    broker = await Mosquitto.start({
      credentials: { username: 'gateway', password: PASSWORD },
      configuration: [`max_packet_size ${PACKET_MAX}`],
    });
    nodeRed = await startNodeRed(temporaryDirectory(), { flows: [tab] });
    editor = await openEditor(nodeRed.url);
    const { page } = editor;
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => frames.push(String(payload)));
      socket.on('framereceived', ({ payload }) => frames.push(String(payload)));
    });
    page.on('response', (response) => {
      if (/\/mqtt-sessions\/sessions\?/.test(response.url())) lists.push(response.text());
    });
    await page.reload();
    await page.waitForFunction(`typeof RED === 'object' && RED.workspaces && RED.workspaces.active()`);
    await page.locator('#red-ui-loading-progress').waitFor({ state: 'hidden' });
    sidebar = new Sidebar(editor);
    await sidebar.show();
    startedAt = performance.now();
    await nodeRed.deploy(flows());
  });

  after(async () => {
    await editor?.close();
    await nodeRed?.stop();
    await broker?.remove();
  });

  function flows(): object[] {
    const directory = temporaryDirectory();
    const [store = {}, gateway = {}] = session({
      port: broker.port,
      directory,
      clientid: 'gateway',
      protocolVersion: 5,
    });
    const sender = (id: string, func: string, to: string) => [
      { id, type: 'inject', z: 'tab', x: 0, y: 0, props: [], wires: [[`${id}-function`]] },
      { id: `${id}-function`, type: 'function', z: 'tab', x: 0, y: 0, func, outputs: 1, wires: [[to]] },
    ];
    const many = `for (let number = 0; number < ${BURST}; number++) node.send({ payload: '${PAYLOAD}' });`;
    return [
      tab,
      store,
      { ...gateway, credentials: { user: 'gateway', password: PASSWORD } },
      {
        ...gateway,
        id: 'refused',
        clientid: 'refused-gateway',
        credentials: { user: 'gateway', password: WRONG_PASSWORD },
      },
      outNode('out', { topic: 'line/1', qos: '1' }),
      outNode('out-anywhere', { qos: '1' }),
      outNode('out-refused', { topic: 'line/2', qos: '1', broker: 'refused' }),
      ...sender('burst', many, 'out'),
      ...sender('one-refused', `return { payload: '${PAYLOAD}' };`, 'out-refused'),
      ...sender('too-large', `return { payload: '${PAYLOAD}'.padEnd(${2 * PACKET_MAX}) };`, 'out'),
      ...sender('wrong-topic', `return { topic: 'a/#', payload: '${PAYLOAD}' };`, 'out-anywhere'),
      ...sender(
        'wrong-quality',
        `return { topic: 'a', qos: 7, retain: {}, payload: { a: '${PAYLOAD}' } };`,
        'out-anywhere',
      ),
      ...sender('shown', `return { payload: '${PAYLOAD}' };`, 'debug'),
      {
        id: 'debug',
        type: 'debug',
        z: 'tab',
        x: 0,
        y: 0,
        active: true,
        tosidebar: true,
        complete: 'payload',
        wires: [],
      },
    ];
  }

  const press = async (inject: string) => {
    const { ok } = await fetch(`${nodeRed.url}/inject/${inject}`, { method: 'POST' });
    assert.ok(ok, inject);
  };
  const told = (): Told[] =>
    frames.flatMap((frame) => {
      const content = JSON.parse(frame) as Told | Told[];
      return (Array.isArray(content) ? content : [content]).filter(({ topic }) => topic !== undefined);
    });
  const secretsIn = (text: string) => SECRETS.filter((secret) => text.includes(secret));
  const errorTold = (what: RegExp) =>
    waitFor(() => told().some(({ topic, data }) => topic === 'debug' && what.test(JSON.stringify(data))), {
      what: `an error that says ${what}`,
      detail: () => frames.join('\n').slice(-2_000),
    });

  it('has neither payloads nor credentials in it, and no flood, through an outage, errors and dead letters', async () => {
    await sidebar.says('gateway', /Connected/);
    await broker.stop();
    await sidebar.says('gateway', /Not connected/);
    for (const inject of ['burst', 'one-refused']) await press(inject);
    await sidebar.says('gateway', new RegExp(`${BURST} queued`));
    await broker.start();
    await sidebar.says('gateway', /Connected, Nothing waits/, 45_000);
    await press('burst');
    await press('too-large');
    await sidebar.says('gateway', /Dead letters: 1/);
    await press('wrong-topic');
    await errorTold(/a\/#/);
    await press('wrong-quality');
    // The wrong password is refused again and again.
    await sidebar.says('refused-gateway', /Not connected/);
    await sidebar.open('refused-gateway');
    await sidebar.openSection('errors');
    await sidebar.detailsSay(/0x8[67]|not authori[sz]ed|password/i);
    assert.deepEqual(secretsIn(await editor.page.locator('.mqtt-sessions-details').innerText()), []);
    await sidebar.back();

    const entries = told();
    const seconds = (performance.now() - startedAt) / 1_000;
    assert.deepEqual(secretsIn(frames.join('\n')), []);
    assert.deepEqual(secretsIn(nodeRed.logs()), [], 'in the log');
    const answers = await Promise.all(lists);
    assert.match(answers.join(), /refused-gateway/);
    assert.deepEqual(secretsIn(answers.join('\n')), [], 'in the list of sessions');
    // Where payloads could be: statuses and errors are told.
    const texts = JSON.stringify(entries);
    assert.match(texts, /"text":"disconnected: [^"]*queued/);
    assert.match(texts, /"topic":"debug"/);

    const topics = [...new Set(entries.map(({ topic }) => topic))];
    const ours = topics.filter((topic) => !/^(status\/|notification\/(runtime|node)|debug$|hb$|auth)/.test(topic));
    assert.deepEqual(ours, [], 'topics that are not those of Node-RED');
    assert.ok(topics.includes('status/out'));
    for (const topic of topics.filter((one) => one.startsWith('status/'))) {
      const count = entries.filter((entry) => entry.topic === topic).length;
      const most = STATUSES_PER_SECOND * seconds + STATUSES_MORE;
      assert.ok(count <= most, `${count} of ${topic} in ${seconds.toFixed(1)} s`);
    }
    assert.deepEqual(
      editor.takeErrors().filter((error) => !/502|status of 4/.test(error)),
      [],
      'errors in the browser',
    );
  });

  it('would be found: what a debug node shows is', async () => {
    await press('shown');
    await waitFor(() => secretsIn(frames.join('\n')).length > 0, { what: 'the payload of the debug node' });
  });
});
