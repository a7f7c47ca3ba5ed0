import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { post } from '../nodes/admin-http';
import { outNode, session, tab, temporaryDirectory } from '../nodes/flow';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { MqttProxy } from '../support/proxy';
import { waitFor } from '../support/wait';
import { type EditorPage, openEditor } from './editor-page';
import { Sidebar } from './sidebar-page';

const BURST = 4_000;
/** Of a slow line, in bytes a second: so many messages take some seconds. */
const SLOW = 30_000;
/** How long the sidebar is watched. */
const WATCHED_MS = 2_500;
/** Of the clock of the page. */
const SECOND_MS = 1_000;
/** A browser under load starts one request some time after it was asked for, and the next one at once. */
const JITTER_MS = 100;
/** Height of the drawing: where a depth of 0 is. */
const BOTTOM = 18;

describe('the sidebar while messages flow', function () {
  this.timeout(60_000);
  // Each goes on where the one before has ended.
  this.bail(true);
  let broker: Mosquitto;
  let proxy: MqttProxy;
  let nodeRed: NodeRedProcess;
  let editor: EditorPage;
  let sidebar: Sidebar;
  let flows: object[];

  before(async () => {
    broker = await Mosquitto.start();
    proxy = await new MqttProxy({ brokerPort: broker.port, maxEvents: 100 }).start();
    const burst = { id: 'burst', type: 'inject', z: 'tab', x: 0, y: 0, props: [], wires: [['many']] };
    const one = { id: 'one', type: 'inject', z: 'tab', x: 0, y: 0, props: [{ p: 'payload' }], wires: [['out']] };
    const many = {
      id: 'many',
      type: 'function',
      z: 'tab',
      x: 0,
      y: 0,
      func: `for (let number = 0; number < ${BURST}; number++) node.send({ payload: 'x'.repeat(200) });`,
      outputs: 1,
      wires: [['out']],
    };
    const directory = temporaryDirectory();
    flows = [
      tab,
      ...session({ port: proxy.port, directory, clientid: 'gateway' }),
      outNode('out', { topic: 'line/1', qos: '1' }),
      one,
      burst,
      many,
    ];
    nodeRed = await startNodeRed(temporaryDirectory(), { flows: [tab] });
    editor = await openEditor(nodeRed.url);
    sidebar = new Sidebar(editor);
  });

  afterEach(() => assert.deepEqual(editor?.takeErrors(), [], 'errors in the browser'));

  after(async () => {
    await editor?.close();
    await nodeRed?.stop();
    await proxy?.stop();
    await broker?.remove();
  });

  const empty = (text: RegExp) => editor.page.locator('.mqtt-sessions-empty', { hasText: text }).waitFor();

  async function outage(isOn: boolean): Promise<void> {
    await proxy.refuse(isOn);
    if (isOn) proxy.cut();
  }

  it('says what to do where there is no session, and where none is found', async () => {
    await sidebar.show();
    await empty(/There are no sessions yet\..*Drag an "mqtt out \(persistent\)"/s);
    await nodeRed.deploy(flows.filter((node) => ['tab', 'store'].includes((node as { id: string }).id)));
    await empty(/No session is stored yet\..*Deploy a flow/s);
    await nodeRed.deploy(flows);
    await sidebar.says('gateway', /Connected, Nothing waits/);
    await editor.page.getByRole('searchbox').fill('no such thing');
    await empty(/No session matches\. Clear the filter/);
    await editor.page.getByRole('searchbox').fill('');
    await sidebar.says('gateway', /Connected/);
    assert.equal(await editor.page.locator('.mqtt-sessions-empty').isVisible(), false);
  });

  it('draws how many messages wait over time', async () => {
    await outage(true);
    await sidebar.says('gateway', /Not connected/);
    await post(nodeRed.url, '/inject/burst');
    await sidebar.says('gateway', /4,000 queued/);
    const heights = async () => {
      const points = (await sidebar.row('gateway').locator('polyline').getAttribute('points')) ?? '';
      return points.split(' ').map((point) => Number(point.split(',')[1]));
    };
    await waitFor(async () => (await heights()).at(0) === BOTTOM && (await heights()).at(-1) === 0, {
      what: 'a line from nothing to all of it',
      timeoutMs: 15_000,
      detail: () => 'the points end elsewhere',
    });
    await sidebar.open('gateway');
    const figure = editor.page.locator('.mqtt-sessions-figure polyline');
    await waitFor(async () => (await figure.getAttribute('points'))?.endsWith(' 60,0'), { what: 'the same, larger' });
    const { width = 0, height = 0 } = (await figure.boundingBox()) ?? {};
    assert.ok(width > 0 && height > 40, `${width} x ${height} pixels are drawn`);
  });

  it('says nothing to screen readers while nothing but times and numbers change', async () => {
    await sidebar.back();
    await sidebar.says('gateway', /next attempt in/);
    const { page } = editor;
    await page.evaluate(`{
      window.said = [];
      window.seen = 0;
      const list = document.querySelector('.mqtt-sessions-view');
      new MutationObserver((changes) => {
        for (const { type, target, attributeName } of changes) {
          const element = target.nodeType === 1 ? target : target.parentElement;
          if (attributeName === 'aria-label') window.said.push(element.getAttribute('aria-label'));
          else if (element.closest('[role=status], [role=alert]')) window.said.push(element.textContent);
          else if (type !== 'attributes') window.seen += 1;
        }
      }).observe(list, { subtree: true, childList: true, characterData: true, attributeFilter: ['aria-label'] });
    }`);
    await post(nodeRed.url, '/inject/one');
    await sidebar.says('gateway', /4,001 queued/);
    await waitFor(async () => Number(await page.evaluate('window.seen')) >= 3, { what: 'times to change' });
    assert.deepEqual(await page.evaluate('window.said'), []);
    assert.equal(await page.getByRole('status').innerText(), 'Sessions: 1 · in trouble: 1');
  });

  it('shows progress, rate and time left of a queue that drains over a slow line', async () => {
    proxy.throttle(SLOW, 'toBroker');
    await outage(false);
    await sidebar.open('gateway');
    await sidebar.press('connect');
    const bar = editor.page.getByRole('progressbar');
    const percent = async () => Number(await bar.getAttribute('aria-valuenow'));
    await bar.waitFor({ timeout: 15_000 });
    await sidebar.detailsSay(/[1-9]\d?% sent, [1-9]\d*\/s, \d+ (sec|min) left/);
    const before = await percent();
    await waitFor(async () => (await percent()) > before, { what: 'the bar to grow', detail: () => `${before}%` });
    const isDrawn = async () => {
      const [whole, part] = await Promise.all([bar.boundingBox(), bar.locator('span').boundingBox()]);
      const share = (part?.width ?? 0) / (whole?.width ?? 1);
      return Math.abs(share * 100 - (await percent())) < 10;
    };
    await waitFor(isDrawn, { what: 'the bar to be as long as it says' });
    await sidebar.back();
    await sidebar.says('gateway', /Connected · [1-9]\d?% sent, [1-9]\d*\/s, .* left, [\d,]+ queued/);
    proxy.throttle(undefined);
    await sidebar.says('gateway', /Connected, Nothing waits/, 20_000);
    await sidebar.open('gateway');
    await bar.waitFor({ state: 'hidden' });
  });

  it('remembers what went wrong, also when all is well again', async () => {
    await sidebar.openSection('errors');
    await sidebar.detailsSay(/ECONNREFUSED.*\nERR_BROKER_UNREACHABLE · \d+ (sec|min) ago/);
    await sidebar.detailsSay(/\nERR_BROKER_CLOSED · \d+ (sec|min) ago/);
  });

  it('updates once a second at most, with what is open, whatever is typed and clicked', async () => {
    const { page } = editor;
    await page.evaluate('performance.clearResourceTimings()');
    for (const section of ['messages', 'failed', 'subscriptions', 'statistics']) await sidebar.openSection(section);
    await sleep(WATCHED_MS);
    await sidebar.back();
    const search = page.getByRole('searchbox');
    for (const text of 'typed letter by letter') {
      await search.press(text === ' ' ? 'Space' : text);
      await sleep(50);
    }
    await search.fill('');
    await sidebar.showOther();
    await sidebar.show();
    await sleep(WATCHED_MS);
    const asked = (await page.evaluate(
      `performance.getEntriesByType('resource').filter(({ name }) => name.includes('/mqtt-sessions/')).map(({ name, startTime }) => [name, startTime])`,
    )) as [string, number][];
    const updates = asked.filter(([name]) => /mqtt-sessions\/sessions\?/.test(name)).map(([, at]) => at);
    const gaps = updates.slice(1).map((at, index) => at - (updates[index] ?? 0));
    assert.ok(updates.length >= 5, `${updates.length} updates`);
    assert.ok(Math.min(...gaps) >= SECOND_MS - JITTER_MS, `updates after ${gaps.map(Math.round).join(', ')} ms`);
    // What a click opens is asked for at once, and then again with the updates, when it may be old.
    const statistics = asked.filter(([name]) => name.endsWith('/stats')).map(([, at]) => at);
    assert.equal(statistics.length, 1);
  });
});
