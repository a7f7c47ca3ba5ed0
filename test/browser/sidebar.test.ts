import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { overviewPage } from '../../nodes/mqtt-session-admin/overview-query';
import { ACTIONS } from '../../plugins/mqtt-sessions/sidebar/action-rules';
import { storeDeadLetters, storeQueue } from '../admin/storage-fixture';
import { post } from '../nodes/admin-http';
import { inNode, outNode, session, tab, temporaryDirectory } from '../nodes/flow';
import { NOW, sessionWith } from '../sidebar/sessions';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { type EditorPage, openEditor } from './editor-page';
import { Sidebar } from './sidebar-page';

const HOSTILE = '<img src=x onerror="window.hacked=true">';
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
    await sidebar.says('gateway', /Connected · mqtt:.*, Nothing waits/);
    await sidebar.says('orphan', /Orphaned, Not in use, expires in .*, 4 queued/);
    await sidebar.says('given-up', /Nothing waits/);
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
    await sidebar.says('gateway', /Not connected, next attempt in/);
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
    await sidebar.says('gateway', /Connected · mqtt:.*, Nothing waits/);
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
    const overflowing = (width: number) =>
      sidebar.page.evaluate(
        `(() => {
          const sidebar = document.querySelector('.mqtt-sessions-sidebar');
          sidebar.style.width = '${width}px';
          const parts = [...sidebar.querySelectorAll('.mqtt-sessions-view, .mqtt-sessions-bar, dl, li, p, summary')];
          return parts.filter((part) => part.scrollWidth > part.clientWidth + 1).map((part) => part.outerHTML.slice(0, 200));
        })()`,
      );
    for (const width of [180, 300, 800]) assert.deepEqual(await overflowing(width), [], `the list at ${width} px`);
    await sidebar.open(HOSTILE);
    await sidebar.openSection('messages');
    await sidebar.detailsSay(/message 0/);
    for (const width of [180, 300, 800]) assert.deepEqual(await overflowing(width), [], `details at ${width} px`);
    await sidebar.page.evaluate(`document.querySelector('.mqtt-sessions-sidebar').style.width = ''`);
    await sidebar.back();
  });

  it('filters and sorts', async () => {
    const { page } = sidebar;
    const names = () => page.locator('.mqtt-sessions-row .mqtt-sessions-name').allInnerTexts();
    await page.getByRole('searchbox').fill('or');
    await page.getByText('Sessions: 2 · messages: 7 ').waitFor();
    await page.getByRole('searchbox').fill('no such thing');
    await page.getByText('No session matches').waitFor();
    await page.getByRole('searchbox').fill('');
    await page.getByRole('combobox', { name: 'Show' }).selectOption('orphaned');
    await page.getByText('Sessions: 2 · messages: 7 ').waitFor();
    assert.deepEqual((await names()).sort(), [HOSTILE, 'orphan']);
    await page.getByRole('combobox', { name: 'Show' }).selectOption('all');
    await page.getByRole('combobox', { name: 'Sort by' }).selectOption('clientId');
    await page.getByRole('button', { name: 'Reverse order' }).click();
    await page.locator('[aria-posinset="1"] [title="orphan"]').waitFor();
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
    assert.match(await sidebar.question(), /"gateway" that have not been sent: 5\..*cannot be undone/s);
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
    await sidebar.detailsSay(/refused\nrefused by the broker · reason code 0x87/);
    await sidebar.press('discard');
    assert.match(await sidebar.question(), /dead letters of "given-up": 2/);
    await sidebar.refuse();
    await sidebar.press('replay');
    await sidebar.notified(/Put back into the queue of given-up: 2/);
    await sidebar.detailsSay(/Queued\n2\n/);
    await sidebar.press('discard');
    await sidebar.agree();
    await sidebar.notified(/Dead letters deleted: 0/);
    await sidebar.press('export');
    const file = await downloaded();
    await sidebar.press('delete');
    assert.match(await sidebar.question(), /messages: 2 \(.*, dead letters: 0/);
    await sidebar.agree();
    await sidebar.notified(/Session deleted: given-up/);
    await sidebar.page.locator('.mqtt-sessions-details').waitFor({ state: 'hidden' });
    await sidebar.page.getByRole('button', { name: 'Import' }).click();
    await sidebar.page.locator('.mqtt-sessions-dialog input[type=file]').setInputFiles(file);
    await sidebar.agree();
    await sidebar.notified(/Imported into given-up/);
    await sidebar.says('given-up', /2 queued/);
    assert.deepEqual([...sidebar.pressed].sort(), [...ACTIONS].sort(), 'every button was pressed');
    await sidebar.page.getByRole('button', { name: 'Clean up' }).click();
    assert.match(await sidebar.question(), /expired sessions: 0, messages: 0/);
    await sidebar.agree();
    await sidebar.notified(/Deleted: expired sessions: 0/);
  });

  it('stays quick with 1,000 sessions and a million messages', async () => {
    const { page } = sidebar;
    const sessions = Array.from({ length: 1_000 }, (_value, index) =>
      sessionWith({
        clientId: `client-${index}`,
        key: `key-${index}`,
        messages: 1_000,
        queued: 1_000,
        messageBytes: 1e6,
      }),
    );
    await page.route('**/mqtt-sessions/sessions?*', async (route) => {
      const asked = Object.fromEntries(new URL(route.request().url()).searchParams);
      const { text = '', offset = '0', limit = '50' } = asked;
      const query = { store: '', key: '', text, state: 'all', sort: 'clientId', reverse: false } as const;
      const json = overviewPage(sessions, { ...query, offset: Number(offset), limit: Number(limit) }, NOW);
      await route.fulfill({ json: { ...json, stores: [{ id: 'default', name: '', path: 'x' }] } });
    });
    await page.getByText('Sessions: 1,000 · messages: 1,000,000').waitFor();
    await page.evaluate(`window.longest = 0;
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
      }).observe({ type: 'longtask' });`);
    const rows = page.locator('.mqtt-sessions-row');
    await rows.first().locator('button').focus();
    await page.keyboard.press('End');
    await page.locator('[aria-posinset="1000"]').waitFor();
    await page.locator('[aria-posinset="1000"] button:focus').waitFor();
    await page.keyboard.press('PageUp');
    await page.getByRole('searchbox').fill('client-77');
    await page.getByText('Sessions: 11 · messages: 11,000').waitFor();
    await page.getByRole('searchbox').fill('');
    await page.getByText('Sessions: 1,000').waitFor();
    assert.ok((await rows.count()) < 60, `${await rows.count()} rows are in the document`);
    assert.ok(Number(await page.evaluate('window.longest')) < 500, `${await page.evaluate('window.longest')} ms`);
    await page.unroute('**/mqtt-sessions/sessions?*');
  });

  it('says that Node-RED does not answer, and goes on when it does', async () => {
    const { page } = sidebar;
    await page.route('**/mqtt-sessions/sessions?*', (route) => route.fulfill({ status: 503 }));
    await page.getByText('Node-RED refused the request (503)').waitFor();
    await page.unroute('**/mqtt-sessions/sessions?*');
    await page.getByText('Node-RED refused the request (503)').waitFor({ state: 'detached' });
    assert.ok(editor.takeErrors().every((error) => /503/.test(error)));
  });

  describe('of a user who may only read', () => {
    let restricted: NodeRedProcess;
    let theirs: EditorPage;

    before(async () => {
      const store = temporaryDirectory();
      await storeQueue(store, 'orphan', 2);
      restricted = await startNodeRed(temporaryDirectory(), {
        flows: [tab, ...session({ port: broker.port, directory: store, clientid: 'guarded' }), outNode('out')],
        settings: { adminAuth: { type: 'credentials', users: [], default: { permissions: 'read' } } },
      });
      theirs = await openEditor(restricted.url);
    });
    after(async () => {
      await theirs?.close();
      await restricted?.stop();
    });

    it('has no buttons that fail, and shows no payloads', async () => {
      const reading = new Sidebar(theirs);
      await reading.show();
      await reading.says('orphan', /2 queued/);
      await reading.says('guarded', /Connected/);
      assert.equal(await theirs.page.getByRole('button', { name: 'Import' }).count(), 0);
      await reading.open('orphan');
      await reading.detailsSay(/Queued\n2\n/);
      assert.deepEqual(await reading.actions(), []);
      assert.equal(await reading.section('messages').isVisible(), false);
      assert.equal(await reading.section('failed').isVisible(), false);
      await reading.openSection('subscriptions');
      await reading.detailsSay(/No subscriptions/);
      assert.deepEqual(theirs.takeErrors(), []);
    });
  });
});
