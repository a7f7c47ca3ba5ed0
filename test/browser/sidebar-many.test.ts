import assert from 'node:assert/strict';
import { storeBacklog, storeSessions } from '../admin/many-sessions';
import { outNode, session, tab, temporaryDirectory } from '../nodes/flow';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { type EditorPage, openEditor } from './editor-page';
import { Sidebar } from './sidebar-page';

const SESSIONS = 1_000;
const BACKLOG = 1_000_000;
/** Nobody has that name. */
const HOST = 'mqtt.line-7.plant.invalid';
/** Of the whole way through the list, with six views of it: less than a single view with a row for each session. */
const ROWS_MADE_MAX = 500;

/** All of them are on the disk; the one with the backlog is in use, by a broker node whose broker is not there. */
describe('the sidebar with 1,000 sessions and a million messages', function () {
  this.timeout(60_000);
  let nodeRed: NodeRedProcess;
  let editor: EditorPage;
  let sidebar: Sidebar;

  before(async () => {
    const directory = temporaryDirectory();
    await storeSessions(directory, 'client-', SESSIONS - 1, 1);
    await storeBacklog(directory, 'gateway', BACKLOG);
    const flows = [tab, ...session({ broker: HOST, port: 1883, directory, clientid: 'gateway' }), outNode('out')];
    nodeRed = await startNodeRed(temporaryDirectory(), { flows });
    editor = await openEditor(nodeRed.url);
    sidebar = new Sidebar(editor);
  });

  afterEach(() => assert.deepEqual(editor?.takeErrors(), [], 'errors in the browser'));

  after(async () => {
    await editor?.close();
    await nodeRed?.stop();
  });

  it('lists them, goes to any place, and finds any, with rows for no more than is in sight', async () => {
    const { page } = editor;
    await page.evaluate(`window.rowsMade = 0;
      new MutationObserver((changes) => {
        for (const { addedNodes } of changes)
          for (const node of addedNodes) if (node.classList?.contains('mqtt-sessions-row')) window.rowsMade++;
      }).observe(document.body, { childList: true, subtree: true });`);
    await sidebar.show();
    await page.getByText('Sessions: 1,000 · messages: 1,000,999').waitFor({ timeout: 30_000 });
    await sidebar.says('gateway', /Not connected, .*1,000,000 queued/, 30_000);
    const rows = page.locator('.mqtt-sessions-row');
    await rows.first().locator('button').focus();
    await page.keyboard.press('End');
    await page.locator('[aria-posinset="1000"] button:focus').waitFor();
    await page.keyboard.press('PageUp');
    await page.getByRole('searchbox').fill('client-77');
    await page.getByText('Sessions: 11 · messages: 11 ').waitFor();
    await sidebar.says('client-770', /Orphaned, .*1 queued/);
    await page.getByRole('searchbox').fill('');
    await page.getByRole('combobox', { name: 'Show' }).selectOption('orphaned');
    await page.getByText('Sessions: 999 · messages: 999 ').waitFor();
    await page.getByRole('combobox', { name: 'Show' }).selectOption('all');
    await page.getByText('Sessions: 1,000 · messages: 1,000,999').waitFor();
    assert.ok((await rows.count()) < 80, `${await rows.count()} rows are in the document`);
    const rowsMade = Number(await page.evaluate('window.rowsMade'));
    assert.ok(rowsMade >= 20 && rowsMade < ROWS_MADE_MAX, `${rowsMade} rows were made on the way`);
  });

  it('shows the backlog, and the messages at its front', async () => {
    await sidebar.open('gateway');
    await sidebar.openSection('messages');
    await sidebar.detailsSay(/Queued\n1,000,000\n/);
    await sidebar.detailsSay(/plant\/line\/1\nQoS 1 · 4 B · \d+ (sec|min) ago\n21\.5/);
    assert.equal(await sidebar.section('messages').locator('li').count(), 10);
    await sidebar.press('purge');
    assert.match(await sidebar.question(), /have not been sent: 1,000,000 \(24 MiB\)\./);
    await sidebar.refuse();
    await sidebar.back();
  });

  it('shows where the broker is at any width, and is of use at half the height', async () => {
    const { page } = editor;
    const address = `mqtt://${HOST}:1883`;
    const where = sidebar.row('gateway').locator('.mqtt-sessions-where');
    const isWhole = () =>
      where.evaluate((part) => {
        const { scrollWidth, clientWidth } = part as unknown as Record<'scrollWidth' | 'clientWidth', number>;
        return scrollWidth <= clientWidth;
      });
    for (const [width, height] of [
      [180, 900],
      [310, 450],
      [800, 450],
    ] as const) {
      await page.setViewportSize({ width: 1280, height });
      await sidebar.resize(width);
      assert.equal(await where.getAttribute('title'), address);
      assert.ok(width < 310 || (await isWhole()), `it is cut off at ${width} px`);
      assert.deepEqual([await sidebar.overflowing(), await sidebar.cutOff()], [[], []], `${width} x ${height}`);
      const rows = await page.locator('.mqtt-sessions-row').count();
      const { height: shown = 0 } = (await page.locator('.mqtt-sessions-scroller').boundingBox()) ?? {};
      assert.ok(rows > 2 && shown >= 130, `${shown} px of ${rows} rows at ${width} x ${height}`);
      await sidebar.open('gateway');
      await sidebar.detailsSay(new RegExp(`Broker\n${address}\n`));
      assert.deepEqual(await sidebar.overflowing(), [], `details at ${width} x ${height}`);
      await sidebar.back();
    }
  });
});
