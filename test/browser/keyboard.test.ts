import assert from 'node:assert/strict';
import type { Locator } from 'playwright-core';
import { storeDeadLetters, storeQueue } from '../admin/storage-fixture';
import { outNode, session, tab, temporaryDirectory } from '../nodes/flow';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';
import { type EditorPage, openEditor } from './editor-page';
import { Sidebar } from './sidebar-page';

/** Contrast of what shows the focus (WCAG 2.1, 1.4.11). */
const LEAST_CONTRAST = 3;
/** More presses of Tab than there are places in the whole editor. */
const TABS_MAX = 150;

/** What has the focus. */
interface Focused {
  /** What people see or are told of it. */
  name: string;
  /** Where it is, in pixels, as if nothing were scrolled. */
  left: number;
  top: number;
  bottom: number;
  isSeen: boolean;
  place: 'list' | 'details' | 'question' | 'converter' | 'elsewhere';
}

const FOCUSED = `(() => {
  const element = document.activeElement;
  // As if nothing were scrolled: the focus scrolls what it comes to into view.
  let scrolled = 0;
  for (let around = element.parentElement; around; around = around.parentElement) scrolled += around.scrollTop;
  const box = element.getBoundingClientRect();
  const { left } = box;
  const [top, bottom] = [box.top + scrolled, box.bottom + scrolled];
  const places = {
    list: '.mqtt-sessions-view:not(.mqtt-sessions-details)',
    details: '.mqtt-sessions-details',
    question: '.ui-dialog:has(.mqtt-sessions-dialog)',
    converter: '.ui-dialog:has(.mqtt-sessions-convert)',
  };
  const [place = 'elsewhere'] = Object.entries(places).find(([, selector]) => element.closest(selector)) ?? [];
  const label = element.labels?.[0]?.textContent;
  const name = element.getAttribute('aria-label') ?? (label || element.textContent.trim()) ;
  return { name: name.slice(0, 60), left, top, bottom, isSeen: element.checkVisibility() && bottom > top, place };
})()`;

describe('by the keyboard alone', function () {
  this.timeout(60_000);
  let broker: Mosquitto;
  let nodeRed: NodeRedProcess;
  let editor: EditorPage;
  let sidebar: Sidebar;

  before(async () => {
    broker = await Mosquitto.start();
    const directory = temporaryDirectory();
    await storeQueue(directory, 'orphan', 4);
    await storeDeadLetters(directory, 'given-up', 2);
    const core = { id: 'core-broker', type: 'mqtt-broker', name: 'Plant', broker: '127.0.0.1', port: '1' };
    const flows = [
      tab,
      ...session({ port: broker.port, directory, clientid: 'gateway' }),
      outNode('out', { topic: 'line/1', qos: '1' }),
      { ...core, autoConnect: false },
      { id: 'core-in', type: 'mqtt in', z: 'tab', topic: 'a', broker: 'core-broker', x: 200, y: 80, wires: [[]] },
    ];
    nodeRed = await startNodeRed(temporaryDirectory(), { flows });
    editor = await openEditor(nodeRed.url);
    sidebar = new Sidebar(editor);
    await sidebar.show();
    await sidebar.says('gateway', /Connected/);
  });

  afterEach(async () => {
    await editor?.page.evaluate(`$('.mqtt-sessions-cancel').trigger('click')`);
    assert.deepEqual(editor?.takeErrors(), [], 'errors in the browser');
  });

  after(async () => {
    await editor?.close();
    await nodeRed?.stop();
    await broker?.remove();
  });

  const focused = (): Promise<Focused> => editor.page.evaluate(FOCUSED);
  const press = (key: string) => editor.page.keyboard.press(key);

  /** Presses Tab until `isThere`; answers with where it was on the way, the last included. */
  async function tabUntil(isThere: (at: Focused) => boolean, key = 'Tab'): Promise<Focused[]> {
    const way: Focused[] = [];
    for (let count = 0; count < TABS_MAX; count++) {
      await press(key);
      const at = await focused();
      way.push(at);
      if (isThere(at)) return way;
    }
    throw new Error(`not reached by ${key}: ${way.map(({ name, place }) => `${place} ${name}`).join('; ')}`);
  }

  /** Each is seen, to the right of the one before or below it. */
  function assertInOrder(way: readonly Focused[]): void {
    for (const [index, at] of way.entries()) {
      assert.ok(at.isSeen, `"${at.name}" is not seen`);
      const before = way[index - 1];
      if (before === undefined) continue;
      const isBeside = at.top < before.bottom && at.bottom > before.top && at.left > before.left;
      assert.ok(isBeside || at.top >= before.bottom - 1, `"${at.name}" comes after "${before.name}"`);
    }
  }

  /** How much what has the focus looks different without it: the contrast of the pixels that differ most. */
  async function focusContrast(): Promise<number> {
    const { page } = editor;
    const box = (await page.evaluate(
      `(() => { const { x, y, width, height } = document.activeElement.getBoundingClientRect(); return { x, y, width, height }; })()`,
    )) as { x: number; y: number; width: number; height: number };
    const clip = { x: box.x - 4, y: box.y - 4, width: box.width + 8, height: box.height + 8 };
    const picture = async () =>
      (await page.screenshot({ clip, animations: 'disabled', caret: 'hide' })).toString('base64');
    const withFocus = await picture();
    await page.evaluate('window.focusedBefore = document.activeElement; window.focusedBefore.blur()');
    const without = await picture();
    await page.evaluate('window.focusedBefore.focus({ focusVisible: true })');
    return page.evaluate(
      `Promise.all(${JSON.stringify([withFocus, without])}.map(async (picture) => {
        const image = await createImageBitmap(await (await fetch('data:image/png;base64,' + picture)).blob());
        const canvas = new OffscreenCanvas(image.width, image.height).getContext('2d');
        canvas.drawImage(image, 0, 0);
        return canvas.getImageData(0, 0, image.width, image.height).data;
      })).then(([one, other]) => {
        const luminance = (data, at) => [0.2126, 0.7152, 0.0722].reduce((sum, weight, part) => {
          const value = data[at + part] / 255;
          return sum + weight * (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
        }, 0);
        let strongest = 1;
        for (let at = 0; at < one.length; at += 4) {
          const [dark, light] = [luminance(one, at), luminance(other, at)].sort((left, right) => left - right);
          strongest = Math.max(strongest, (light + 0.05) / (dark + 0.05));
        }
        return strongest;
      })`,
    );
  }

  async function assertSeen(at: Focused): Promise<void> {
    const contrast = await focusContrast();
    assert.ok(contrast >= LEAST_CONTRAST, `the focus on "${at.name}" has a contrast of ${contrast.toFixed(2)}`);
  }

  /** Presses Tab through a place to its end; everything in it is in order, and its focus is seen. */
  async function tabThrough(place: Focused['place']): Promise<Focused[]> {
    const way: Focused[] = [];
    for (let at = await focused(); at.place === place; at = await focused()) {
      await assertSeen(at);
      way.push(at);
      assert.ok(way.length < TABS_MAX, `${place} is never left`);
      await press('Tab');
    }
    assertInOrder(way);
    return way;
  }

  const question = () => editor.page.locator('.mqtt-sessions-dialog');

  /** Tab goes round in a dialog; Escape closes it. */
  async function assertKept(place: Focused['place'], dialog: Locator): Promise<void> {
    await dialog.waitFor();
    const start = await focused();
    assert.equal(start.place, place, `the focus is at "${start.name}"`);
    for (const key of ['Tab', 'Shift+Tab']) {
      let hasMoved = false;
      const round = await tabUntil(({ name, left, top }) => {
        const isStart = name === start.name && left === start.left && top === start.top;
        hasMoved ||= !isStart;
        return hasMoved && isStart;
      }, key);
      const outside = round.filter((at) => at.place !== place);
      assert.deepEqual(outside, [], `${key} leaves it`);
      assert.deepEqual(
        round.filter(({ isSeen }) => !isSeen),
        [],
      );
    }
    await press('Escape');
    await dialog.waitFor({ state: 'detached' });
  }

  it('the list is reached, and Tab goes through it as it is seen', async () => {
    await tabUntil(({ place }) => place === 'list');
    const way = await tabThrough('list');
    const [search, , , , row, ...buttons] = way.map(({ name }) => name);
    assert.equal(search, 'Client id or broker');
    assert.match(String(row), /^(gateway|orphan|given-up)\b/, 'one stop for all rows');
    assert.deepEqual(buttons, ['Import', 'Clean up']);
    // And back.
    await tabUntil(({ place }) => place === 'list', 'Shift+Tab');
  });

  it('a row opens, and Tab goes through its details as they are seen; Escape leads back to it', async () => {
    await tabUntil(({ name }) => name.startsWith('orphan'), 'Shift+Tab');
    await press('ArrowDown');
    const row = await focused();
    assert.match(row.name, /^(gateway|given-up)\b/);
    await press('ArrowUp');
    await press('Enter');
    await sidebar.page.locator('.mqtt-sessions-heading:focus').waitFor();
    const actions = await sidebar.actions();
    const way = await tabThrough('details');
    const sections = await sidebar.page.locator('.mqtt-sessions-details > details:visible').count();
    assert.ok(actions.length >= 5 && sections >= 3);
    assert.equal(way.length, 1 + actions.length + sections, way.map(({ name }) => name).join('; '));
    await tabUntil(({ name }) => name === 'Back to all sessions', 'Shift+Tab');
    await press('Escape');
    const isBack = async () => (await focused()).name.startsWith('orphan');
    await waitFor(isBack, { what: 'the focus to be at the row again' });
  });

  it('a section opens and is read', async () => {
    await press('Enter');
    await sidebar.page.locator('.mqtt-sessions-heading:focus').waitFor();
    await tabUntil(({ name }) => name === 'Next messages');
    await press('Space');
    await sidebar.detailsSay(/message 0/);
    assert.equal((await focused()).name, 'Next messages');
  });

  for (const [action, key] of [
    ['delete', 'Enter'],
    ['export', 'Space'],
    ['import', 'Enter'],
    ['adopt', 'Enter'],
  ] as const) {
    it(`a question keeps the focus, and gives it back: ${action}`, async () => {
      const button = sidebar.page.locator(`[data-action="${action}"]`);
      const name = await button.innerText();
      await tabUntil((at) => at.name === name && at.place === 'details', 'Shift+Tab').catch(() =>
        tabUntil((at) => at.name === name && at.place === 'details'),
      );
      await press(key);
      await assertKept('question', question());
      await button.and(sidebar.page.locator(':focus')).waitFor();
      assert.equal((await sidebar.page.locator('.mqtt-sessions-row').count()) >= 3, true, 'nothing was deleted');
    });
  }

  it('what destroys does not happen by Enter alone', async () => {
    const button = sidebar.page.locator('[data-action="delete"]');
    await button.focus();
    await press('Enter');
    await question().waitFor();
    await press('Enter');
    await question().waitFor({ state: 'detached' });
    await press('Escape');
    await sidebar.row('orphan').waitFor();
  });

  it('the converter is opened by its action, and keeps the focus', async () => {
    const { page } = sidebar;
    await page.locator('#red-ui-workspace-chart').focus();
    await press('ControlOrMeta+Shift+P');
    await page.keyboard.type('Convert MQTT nodes to persistent');
    await press('Enter');
    await assertKept('converter', page.locator('.mqtt-sessions-convert'));
  });
});
