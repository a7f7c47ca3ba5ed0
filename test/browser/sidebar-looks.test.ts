import assert from 'node:assert/strict';
import type { Locator, Page } from 'playwright-core';
import { waitFor } from '../support/wait';
import { type AllStates, CLIENT_IDS, openAllStates, paletteRed } from './all-states';
import type { EditorPage } from './editor-page';
import { misplaced } from './layout';
import { faint, unreadable } from './readable';
import type { Sidebar } from './sidebar-page';

const SIDEBAR = '.mqtt-sessions-sidebar';
const DIALOG = '.ui-dialog:has(.mqtt-sessions-dialog)';
/** From the narrowest that the editor allows to half of the page. */
const [NARROWEST, USUAL, WIDEST] = [180, 310, 800] as const;

// In German, whose words are long: the English texts are shown in all other tests.
for (const theme of ['light', 'dark'] as const) {
  describe(`the looks of the sidebar in German, ${theme}`, function () {
    this.timeout(60_000);
    let states: AllStates;
    let editor: EditorPage;
    let sidebar: Sidebar;
    let page: Page;

    before(async () => {
      states = await openAllStates({ isDark: theme === 'dark', locale: 'de' });
      ({ editor, sidebar } = states);
      page = editor.page;
      const red = await paletteRed(page);
      assert.equal(red < 128, theme === 'dark', `the palette's background has ${red} of red`);
      // A progress bar below its row.
      await waitFor(() => page.locator('.mqtt-sessions-progress').evaluateAll(isAnyWide), {
        what: 'a session that drains',
        timeoutMs: 20_000,
      });
    });

    afterEach(async () => {
      // A test that failed does not make the next one fail.
      await page.evaluate(`$('.mqtt-sessions-cancel, .mqtt-sessions-title:visible button').trigger('click')`);
      assert.deepEqual(editor.takeErrors(), [], 'errors in the browser');
    });

    after(() => states?.close());

    const isAnyWide = (elements: unknown[]) =>
      elements.some((element) => (element as { clientWidth: number }).clientWidth > 0);
    const row = (clientId: string) => page.locator('.mqtt-sessions-row-button', { hasText: clientId });
    const open = async (clientId: string) => {
      await row(clientId).click();
      await page.locator('.mqtt-sessions-details').waitFor();
    };
    const back = () => page.locator('.mqtt-sessions-title button').click();

    /** All sections that the session has, with what is in them. */
    async function openSections(): Promise<void> {
      const sections = page.locator('.mqtt-sessions-details > details:visible');
      for (const section of await sections.all()) {
        await section.locator('summary').click();
        await section.locator('summary + div > *').first().waitFor();
      }
    }

    /** At all widths, and back to the usual one. */
    async function atAllWidths(check: (width: number) => Promise<void>): Promise<void> {
      for (const width of [NARROWEST, WIDEST, USUAL]) {
        await sidebar.resize(width);
        await check(width);
      }
    }

    const fits = (what: string) =>
      atAllWidths(async (width) => assert.deepEqual(await misplaced(page, SIDEBAR), [], `${what} at ${width} px`));

    const fitsNarrowly = async (what: string) => {
      await sidebar.resize(NARROWEST);
      assert.deepEqual(await misplaced(page, SIDEBAR), [], what);
      await sidebar.resize(USUAL);
    };

    it('can be read and fits: the list with sessions in every state', async () => {
      const levels = await page
        .locator('.mqtt-sessions-row')
        .evaluateAll((rows) => rows.map((one) => one.getAttribute('data-level')));
      assert.deepEqual(levels.sort(), ['bad', 'bad', 'bad', 'bad', 'good']);
      assert.deepEqual(await unreadable(page, SIDEBAR), []);
      const drawn = {
        '.mqtt-sessions-dot': 'backgroundColor',
        '.mqtt-sessions-graph polyline': 'stroke',
        '.mqtt-sessions-progress': 'backgroundColor',
        'i.fa': 'color',
      };
      assert.deepEqual(await faint(page, SIDEBAR, drawn), []);
      await fits('the list');
    });

    it('can be read and fits: a notice, and a list with nothing in it', async () => {
      const addresses = '**/mqtt-sessions/sessions?*';
      const notices = page.locator('.mqtt-sessions-notices:visible');
      await page.route(addresses, (route) => route.fulfill({ status: 503 }));
      try {
        await notices.waitFor();
        assert.deepEqual(await unreadable(page, SIDEBAR), []);
        await fitsNarrowly('the list with a notice');
      } finally {
        await page.unroute(addresses);
        await notices.waitFor({ state: 'hidden' });
        assert.ok(editor.takeErrors().every((error) => /503/.test(error)));
      }
      const search = page.locator('.mqtt-sessions-bar input[type=search]');
      await search.fill('gibt es nicht');
      await page.locator('.mqtt-sessions-empty:visible').waitFor();
      assert.deepEqual(await unreadable(page, SIDEBAR), []);
      await fitsNarrowly('the empty list');
      await search.fill('');
      await row(CLIENT_IDS.orphaned).waitFor();
    });

    for (const [state, clientId] of Object.entries(CLIENT_IDS)) {
      it(`can be read and fits: details of a session that is ${state}`, async () => {
        await open(clientId);
        await openSections();
        assert.deepEqual(await unreadable(page, SIDEBAR), []);
        if (state === 'draining') {
          const drawn = {
            '.mqtt-sessions-figure polyline': 'stroke',
            '.mqtt-sessions-bar-of > span': 'backgroundColor',
            '.mqtt-sessions-title i.fa': 'color',
          };
          await page.locator('.mqtt-sessions-bar-of').waitFor();
          assert.deepEqual(await faint(page, SIDEBAR, drawn), []);
          await fits('the details');
        } else {
          await fitsNarrowly('the details');
        }
        await back();
      });
    }

    it('can be read and fits: the questions, with all their fields', async () => {
      const ask = async (button: Locator, prepare = async () => {}) => {
        await button.click();
        await page.locator(DIALOG).waitFor();
        await prepare();
        assert.deepEqual(await unreadable(page, '.ui-dialog'), [], String(await button.textContent()));
        assert.deepEqual(await misplaced(page, DIALOG), [], String(await button.textContent()));
        await page.locator('.mqtt-sessions-cancel').click();
        await page.locator(DIALOG).waitFor({ state: 'detached' });
      };
      for (const button of await page.locator('.mqtt-sessions-bar:visible button:not([aria-label])').all()) {
        await ask(button);
      }
      await open(CLIENT_IDS.draining);
      for (const action of ['purge', 'delete', 'import', 'adopt']) {
        await ask(page.locator(`[data-action="${action}"]`));
      }
      await ask(page.locator('[data-action="export"]'), async () => {
        await page.locator('.mqtt-sessions-dialog select').selectOption('mcps1');
        await page.locator('.mqtt-sessions-check input').waitFor();
      });
      await back();
      await open(CLIENT_IDS.deadLetters);
      await ask(page.locator('[data-action="discard"]'));
      await back();
    });
  });
}
