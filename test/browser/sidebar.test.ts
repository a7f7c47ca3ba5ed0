import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ACTIONS } from '../../plugins/mqtt-sessions/sidebar/action-rules';
import { storeDeadLetters, storeKilled, storeQueue } from '../admin/storage-fixture';
import { post } from '../nodes/admin-http';
import { inNode, outNode, session, tab, temporaryDirectory } from '../nodes/flow';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { type EditorPage, openEditor } from './editor-page';
import { Sidebar } from './sidebar-page';

const HOSTILE = '<img src=x onerror="window.hacked=true">';
/** From the narrowest that the editor allows to half of the page. */
const WIDTHS = [180, 310, 800];
/** Three rounds of polling: a sidebar that goes on would ask more than once. */
const QUIET_MS = 3_500;

describe('the sidebar of sessions', function () {
  this.timeout(60_000);
  // Each goes on where the one before has ended.
  this.bail(true);
  const directory = temporaryDirectory();
  let broker: Mosquitto;
  let nodeRed: NodeRedProcess;
  let editor: EditorPage;
  let sidebar: Sidebar;

  before(async () => {
    broker = await Mosquitto.start();
    await storeQueue(directory, HOSTILE, 3);
    await storeQueue(directory, 'orphan', 4);
    await storeDeadLetters(directory, 'given-up', 2);
    const inject = {
      id: 'inject',
      type: 'inject',
      z: 'tab',
      x: 100,
      y: 100,
      props: [{ p: 'payload' }],
      payload: '<b>hello</b>',
      payloadType: 'str',
      wires: [['out']],
    };
    const flows = [
      tab,
      ...session({ port: broker.port, directory, clientid: 'gateway' }),
      inNode('in', 'plant/#', 'unused'),
      outNode('out', { topic: 'line/1', qos: '1' }),
      inject,
    ];
    nodeRed = await startNodeRed(temporaryDirectory(), { flows });
    editor = await openEditor(nodeRed.url);
    sidebar = new Sidebar(editor);
  });

  afterEach(() => assert.deepEqual(editor?.takeErrors(), [], 'errors in the browser'));

  after(async () => {
    await editor?.close();
    await nodeRed?.stop();
    await broker?.remove();
  });

  const publish = async (count: number) => {
    for (let number = 0; number < count; number++) await post(nodeRed.url, '/inject/inject');
  };

  it('asks for nothing until it is shown, and lists all sessions then', async () => {
    assert.deepEqual(sidebar.requests, []);
    await sidebar.show();
    await sidebar.says('gateway', /Connected, Nothing waits, mqtt:/);
    await sidebar.says('orphan', /Orphaned, .*Not in use, expires in .*, 4 queued/);
    await sidebar.says('given-up', /Orphaned, Dead letters: 2, .*Only dead letters/);
    assert.equal(await sidebar.page.locator('.mqtt-sessions-summary').innerText(), 'Sessions: 4 · messages: 7 (161 B)');
  });

  it('shows client ids as text', async () => {
    await sidebar.says(HOSTILE, /3 queued/);
    await sidebar.open(HOSTILE);
    assert.equal(await sidebar.page.locator('.mqtt-sessions-heading').innerText(), HOSTILE);
    await sidebar.press('delete');
    assert.match(await sidebar.question(), /Deletes the session "<img src=x .*>" with all that it holds: messages: 3 /);
    await sidebar.refuse();
    await sidebar.back();
    assert.equal(await sidebar.page.locator('.mqtt-sessions-sidebar img').count(), 0);
    assert.equal(await sidebar.page.evaluate('window.hacked'), undefined);
  });

  it('shows a queue that grows while the broker is away, and drains when it is back', async () => {
    await broker.stop();
    await sidebar.says('gateway', /Not connected, next attempt in .* · .*ECONNREFUSED/);
    await publish(30);
    await sidebar.says('gateway', /30 queued/);
    await sidebar.open('gateway');
    await sidebar.openSection('errors');
    await sidebar.detailsSay(/ECONNREFUSED/);
    await sidebar.openSection('messages');
    await sidebar.detailsSay(/line\/1\nQoS 1 · 12 B · \d+ sec ago\n<b>hello<\/b>/);
    assert.equal(await sidebar.section('messages').locator('li').count(), 10);
    await broker.start();
    await sidebar.press('connect');
    await sidebar.notified(/Connected: gateway/);
    await sidebar.detailsSay(/Queued\n0\n/);
    await sidebar.detailsSay(/Nothing waits to be sent/);
    await sidebar.back();
    await sidebar.says('gateway', /Connected, Nothing waits, mqtt:/);
  });

  it('opens by the keyboard, tells what it shows, and comes back to the same row', async () => {
    const { page } = sidebar;
    await page.getByRole('searchbox', { name: 'Client id or broker' }).focus();
    const rows = page.getByRole('list', { name: 'Sessions' }).getByRole('listitem');
    await rows.first().getByRole('button').focus();
    await page.keyboard.press('End');
    const last = rows.nth(3).getByRole('button');
    await last.and(page.locator(':focus')).waitFor();
    assert.equal(await rows.nth(3).getAttribute('aria-posinset'), '4');
    assert.equal(await rows.nth(3).getAttribute('aria-setsize'), '4');
    await page.keyboard.press('Enter');
    await page.locator('.mqtt-sessions-heading:focus').waitFor();
    await page.keyboard.press('Escape');
    await last.and(page.locator(':focus')).waitFor();
  });

  it('fits a sidebar of 180 to 800 pixels', async () => {
    for (const width of WIDTHS) {
      await sidebar.resize(width);
      assert.deepEqual(await sidebar.overflowing(), [], `the list at ${width} px`);
      assert.deepEqual(await sidebar.cutOff(), [], `the rows at ${width} px`);
    }
    await sidebar.open(HOSTILE);
    await sidebar.openSection('messages');
    await sidebar.detailsSay(/message 0/);
    for (const width of WIDTHS) {
      await sidebar.resize(width);
      assert.deepEqual(await sidebar.overflowing(), [], `details at ${width} px`);
    }
    await sidebar.back();
    await sidebar.resize(310);
  });

  it('filters and sorts', async () => {
    const { page } = sidebar;
    const names = () => page.locator('.mqtt-sessions-row .mqtt-sessions-name').allInnerTexts();
    await page.getByRole('searchbox').fill('or');
    await page.getByText('Sessions: 2 · messages: 7 ').waitFor();
    await page.getByRole('searchbox').fill('no such thing');
    await page.locator('.mqtt-sessions-empty', { hasText: 'No session matches' }).waitFor();
    await page.getByRole('searchbox').fill('');
    await page.getByRole('combobox', { name: 'Show' }).selectOption('orphaned');
    await page.getByText('Sessions: 3 · messages: 7 ').waitFor();
    assert.deepEqual((await names()).sort(), [HOSTILE, 'given-up', 'orphan']);
    await page.getByRole('combobox', { name: 'Show' }).selectOption('failed');
    await page.getByText('Sessions: 1 · nothing stored').waitFor();
    assert.deepEqual(await names(), ['given-up']);
    await page.getByRole('combobox', { name: 'Show' }).selectOption('all');
    await page.getByRole('combobox', { name: 'Sort by' }).selectOption('clientId');
    await page.getByRole('button', { name: 'Reverse order' }).click();
    await page.locator('[aria-posinset="1"] [title="orphan"]').waitFor();
    await page.getByRole('button', { name: 'Reverse order' }).click();
    await page.getByRole('combobox', { name: 'Sort by' }).selectOption('deadLetters');
    await page.locator('[aria-posinset="1"] [title="given-up"]').waitFor();
  });

  it('asks for nothing while it is hidden', async () => {
    await sidebar.showOther();
    const { length } = sidebar.requests;
    await sleep(QUIET_MS);
    assert.ok(sidebar.requests.length <= length + 1, 'behind another tab: at most the one on its way');
    await sidebar.show();
    await sidebar.page.waitForRequest(/mqtt-sessions\/sessions/);
    await setVisibility('hidden');
    const before = sidebar.requests.length;
    await sleep(QUIET_MS);
    assert.ok(sidebar.requests.length <= before + 1, 'while the page is hidden: at most the one on its way');
    await setVisibility('visible');
    await sidebar.page.waitForRequest(/mqtt-sessions\/sessions/);
  });

  async function setVisibility(state: 'hidden' | 'visible'): Promise<void> {
    await sidebar.page.evaluate(
      `Object.defineProperty(document, 'visibilityState', { value: '${state}', configurable: true });
       document.dispatchEvent(new Event('visibilitychange'));`,
    );
  }

  /** Agrees to a download and answers with the file. */
  async function downloaded(): Promise<string> {
    const [download] = await Promise.all([sidebar.page.waitForEvent('download'), sidebar.agree()]);
    return download.path();
  }

  it('does what the buttons of an open session say, and says how much would be lost before it is', async () => {
    await sidebar.open('gateway');
    await sidebar.press('pause');
    await sidebar.notified(/Sending is paused: gateway/);
    await publish(5);
    await sidebar.detailsSay(/Queued\n5\n/);
    await sidebar.press('purge');
    assert.match(await sidebar.question(), /"gateway" that have not been sent: 5 \(\d+ B\)\..*cannot be undone/s);
    await sidebar.refuse();
    await sidebar.press('export');
    assert.match(await sidebar.question(), /Downloads "gateway"/);
    const file = await downloaded();
    assert.equal((await fs.readFile(file, 'utf8')).match(/line\/1/g)?.length, 5);
    await sidebar.notified(/Exported/);
    await sidebar.press('purge');
    await sidebar.agree();
    await sidebar.notified(/Messages deleted: 5/);
    await sidebar.press('import');
    assert.match(await sidebar.question(), /into this session/);
    await sidebar.page.locator('.mqtt-sessions-dialog input[type=file]').setInputFiles(file);
    await sidebar.agree();
    await sidebar.notified(/Imported into gateway/);
    await sidebar.press('adopt');
    assert.match(await sidebar.question(), /orphan \(messages: 4\)/);
    await sidebar.page.getByRole('searchbox', { name: 'Filter' }).fill('ORPH');
    await sidebar.page.locator('.mqtt-sessions-dialog', { hasText: 'Sessions found: 1' }).waitFor();
    await sidebar.page.locator('.mqtt-sessions-dialog select').selectOption('orphan');
    await sidebar.agree();
    await sidebar.notified(/Adopted: orphan/);
    await sidebar.press('resume');
    await sidebar.notified(/Sending goes on/);
    await sidebar.press('flush');
    await sidebar.notified(/Everything is sent/);
    for (const [action, said] of [
      ['save', /Snapshot saved/],
      ['load', /All files are in order/],
      ['reset-stats', /Statistics start anew/],
      ['disconnect', /Disconnected: gateway/],
    ] as const) {
      await sidebar.press(action);
      await sidebar.notified(said);
    }
    for (const section of ['subscriptions', 'statistics', 'failed']) await sidebar.openSection(section);
    await sidebar.detailsSay(/plant\/#/);
    await sidebar.detailsSay(/Messages sent\n/);
    await sidebar.detailsSay(/No message was given up/);
    assert.doesNotMatch(
      await sidebar.page.locator('.mqtt-sessions-details').innerText(),
      /sidebar\./,
      'a missing text',
    );
    await sidebar.press('delete');
    assert.match(
      await sidebar.question(),
      /"gateway" .* messages: 0 .* subscriptions: 1\..*end the session at the broker/s,
    );
    await sidebar.agree();
    await sidebar.notified(/Session deleted: gateway/);
    await sidebar.back();
  });

  it('does what the buttons of a stored session say', async () => {
    await sidebar.open('given-up');
    await sidebar.openSection('failed');
    await sidebar.detailsSay(/refused\nrefused by the broker · reason code 0x87 .*\ndead letter 1\n/);
    await sidebar.press('discard');
    assert.match(await sidebar.question(), /dead letters of "given-up": 2/);
    await sidebar.refuse();
    await sidebar.press('export');
    const file = await downloaded();
    await sidebar.press('replay');
    await sidebar.notified(/Put back into the queue of given-up: 2/);
    await sidebar.detailsSay(/Queued\n2\n/);
    assert.equal(await sidebar.obstacle('replay'), 'There are no dead letters.');
    assert.equal(await sidebar.obstacle('discard'), 'There are no dead letters.');
    await sidebar.press('delete');
    assert.match(await sidebar.question(), /messages: 2 \(.*, dead letters: 0/);
    await sidebar.agree();
    await sidebar.notified(/Session deleted: given-up/);
    await sidebar.page.locator('.mqtt-sessions-details').waitFor({ state: 'hidden' });
    await sidebar.page.getByRole('button', { name: 'Import' }).click();
    await sidebar.page.locator('.mqtt-sessions-dialog input[type=file]').setInputFiles(file);
    await sidebar.agree();
    await sidebar.notified(/Imported into given-up/);
    await sidebar.says('given-up', /Only dead letters/);
    await sidebar.open('given-up');
    await sidebar.press('discard');
    await sidebar.agree();
    await sidebar.notified(/Dead letters deleted: 2/);
    assert.equal(await sidebar.obstacle('discard'), 'There are no dead letters.');
    await sidebar.back();
    await sidebar.says('given-up', /Nothing waits/);
    assert.deepEqual([...sidebar.pressed].sort(), [...ACTIONS].sort(), 'every button was pressed');
    await storeKilled(directory, 'killed', 3);
    await sidebar.page.getByRole('button', { name: 'Clean up' }).click();
    assert.match(await sidebar.question(), /expired sessions: 0, .*dead letters: 0; damaged files, .*: 0\./);
    await sidebar.agree();
    await sidebar.notified(/Deleted: expired sessions: 0/);
  });

  it('counts a session whose process was killed, before it is replaced too', async () => {
    await sidebar.says('killed', /Orphaned, .*Not counted since .*, may hold messages/);
    await sidebar.open('killed');
    await sidebar.detailsSay(/Queued\n3\n/);
    await sidebar.press('export');
    const file = await downloaded();
    await storeKilled(directory, 'killed', 4);
    await sidebar.back();
    await sidebar.page.getByRole('button', { name: 'Import' }).click();
    await sidebar.page.locator('.mqtt-sessions-dialog input[type=file]').setInputFiles(file);
    await sidebar.page.getByRole('checkbox', { name: 'Replace' }).check();
    await sidebar.agree();
    const question = sidebar.page.locator('.mqtt-sessions-dialog', { hasText: 'Deletes what "killed" holds now' });
    assert.match(await question.innerText(), /messages: 4 \(.*cannot be undone/s);
    assert.equal(await sidebar.page.locator('.mqtt-sessions-confirm.mqtt-sessions-destroys').count(), 1);
    await sidebar.refuse();
    await sidebar.open('killed');
    await sidebar.press('delete');
    assert.match(await sidebar.question(), /messages: 4 \(/);
    await sidebar.refuse();
    await sidebar.back();
  });

  it('says that Node-RED does not answer, and goes on when it does', async () => {
    const { page } = sidebar;
    await page.route('**/mqtt-sessions/sessions?*', (route) => route.fulfill({ status: 503 }));
    await page.getByText('Node-RED refused the request (503)').waitFor();
    await page.unroute('**/mqtt-sessions/sessions?*');
    await page.getByText('Node-RED refused the request (503)').waitFor({ state: 'detached' });
    assert.ok(editor.takeErrors().every((error) => /503/.test(error)));
  });
});
