// The editor's own settings, and its dark theme.
import * as path from 'node:path';
import type { EditorPage } from './editor-page';

declare const RED: { settings: { version: string } };

/** Main menu, Settings: chooses in a select of the page that is shown first. */
export async function chooseSetting({ page }: EditorPage, setting: string, value: string): Promise<void> {
  await page.click('#red-ui-header-button-sidemenu');
  await page.click('#menu-item-user-settings');
  await page.locator(`#user-settings-${setting}`).selectOption(value);
  await page.click('.red-ui-tray-toolbar button:visible');
  await page.locator('.red-ui-tray').waitFor({ state: 'detached' });
}

/** Makes the editor dark: Node-RED 5 by its own setting, 4.1 as a theme that people install does it. */
export async function makeDark(editor: EditorPage): Promise<void> {
  const version = await editor.page.evaluate(() => RED.settings.version);
  if (/^4\./.test(version)) {
    await editor.page.addStyleTag({ path: path.join(__dirname, 'dark-theme.css') });
  } else {
    await chooseSetting(editor, 'view-dark-theme', 'dark');
  }
}
