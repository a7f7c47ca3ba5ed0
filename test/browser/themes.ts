// The editor's own settings, and its dark theme.
import * as fs from 'node:fs';
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

/**
 * Gives Node-RED 4.1, which has no dark theme of its own, the most used one of those that people install. Done before it
 * starts; answers with the settings that choose it. Does nothing for Node-RED 5: see `makeDark`.
 */
export async function installDarkTheme(userDir: string): Promise<Record<string, unknown>> {
  if (!(await isVersion4())) return {};
  const link = path.join(userDir, 'node_modules', '@node-red-contrib-themes', 'theme-collection');
  fs.mkdirSync(path.dirname(link), { recursive: true });
  fs.symlinkSync(await themeCollection(), link, 'junction');
  return { editorTheme: { theme: 'dark' } };
}

/** The folder of the themes that people install. */
async function themeCollection(): Promise<string> {
  const cache = (await import('../../scripts/lib/cache.mjs' as string)) as { themeCollection(): Promise<string> };
  return cache.themeCollection();
}

async function isVersion4(): Promise<boolean> {
  const folder = process.env.NODE_RED_DIR ?? path.dirname(require.resolve('node-red/package.json'));
  const { version } = JSON.parse(await fs.promises.readFile(path.join(folder, 'package.json'), 'utf8')) as {
    version: string;
  };
  return version.startsWith('4.');
}

/**
 * Makes an open editor dark: that of Node-RED 5 by its own setting, that of 4.1 with the style sheets of the theme that
 * `installDarkTheme` installs.
 */
export async function makeDark(editor: EditorPage): Promise<void> {
  const version = await editor.page.evaluate(() => RED.settings.version);
  if (!/^4\./.test(version)) return chooseSetting(editor, 'view-dark-theme', 'dark');
  const folder = path.join(await themeCollection(), 'themes', 'dark');
  for (const sheet of ['dark.min.css', 'dark-custom.min.css'])
    await editor.page.addStyleTag({ path: path.join(folder, sheet) });
}
