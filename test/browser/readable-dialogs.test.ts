import assert from 'node:assert/strict';
import { unreadable } from './readable';
import { configTypes, nodeTypes, renamedFlow, withEditor } from './with-editor';

const FORM = '.mqtt-sessions-form';
const CONVERTER = '.mqtt-sessions-convert';

const flow = [
  ...renamedFlow,
  { id: 'store', type: 'mqtt-session-store', name: '' },
  { id: 'admin', type: 'mqtt-session-admin', z: 'tab', x: 500, y: 600, broker: 'renamed-broker', wires: [[]] },
  { id: 'core-broker', type: 'mqtt-broker', name: 'Plant broker', broker: '127.0.0.1', port: '1', autoConnect: false },
  { id: 'core-in', type: 'mqtt in', z: 'tab', topic: 'a', broker: 'core-broker', x: 200, y: 80, wires: [[]] },
];

for (const theme of ['light', 'dark'] as const) {
  describe(`dialogs in a ${theme} theme`, function () {
    this.timeout(60_000);
    const editor = withEditor(flow, { isDark: theme === 'dark' });

    before(async () => {
      // The theme is there: what can be read in the light one alone does not count.
      const [red = 255] = await editor.page.evaluate<number[]>(
        `getComputedStyle(document.querySelector('#red-ui-palette')).backgroundColor.match(/\\d+/g).map(Number)`,
      );
      assert.equal(red < 128, theme === 'dark', `the palette's background has ${red} of red`);
    });

    for (const type of nodeTypes) {
      it(`can be read, hints included: ${type}`, async () => {
        const { page } = editor;
        const [id] = await editor.idsOf(type);
        await (configTypes.includes(type) ? editor.openConfig(type, String(id)) : editor.open(String(id)));
        const tabs = await page.evaluate<string[]>(
          `$('${FORM} .mqtt-sessions-tabs:visible a').get().map((link) => link.getAttribute('href'))`,
        );
        for (const tab of tabs.length === 0 ? [undefined] : tabs) {
          if (tab !== undefined) await editor.selectTab(tab.slice(1), tab);
          // What is folded in is to be read as well.
          await page.evaluate(`$('${FORM} details').prop('open', true)`);
          assert.deepEqual(await unreadable(page, FORM), [], `${tab ?? type}`);
          const hints = page.locator(`${FORM} .mqtt-sessions-hint:visible`);
          assert.ok((await hints.count()) > 0, `no hints in ${tab ?? type}`);
        }
      });
    }

    it('can be read, hints included: the converter', async () => {
      const { page } = editor;
      await page.click('#red-ui-header-button-sidemenu');
      await page.hover('#menu-item-mqtt-sessions');
      await page.click('#menu-item-mqtt-sessions-to-persistent');
      await page.locator('.mqtt-sessions-convert-hint').waitFor();
      assert.deepEqual(await unreadable(page, CONVERTER), []);
      await page.click('#mqtt-sessions-convert-cancel');
    });
  });
}
