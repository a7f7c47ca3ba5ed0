// A Node-RED with sessions in every state that the sidebar shows, and its editor.
import type { Page } from 'playwright-core';
import { makeNewer, sessionPath, storeDeadLetters, storeQueue } from '../admin/storage-fixture';
import { inNode, outNode, session, tab, temporaryDirectory } from '../nodes/flow';
import { Mosquitto } from '../support/mosquitto';
import { startNodeRed } from '../support/node-red-process';
import { type EditorPage, openEditor } from './editor-page';
import { Sidebar } from './sidebar-page';
import { installDarkTheme, makeDark } from './themes';

/** So slowly that the queue drains as long as it is looked at. */
const PER_SECOND = 3;
const QUEUED = 600;

export const CLIENT_IDS = {
  draining: 'anlage-nord/energiezaehler-verteilung-0001',
  unreachable: 'anlage-sued/energiezaehler-verteilung-0002',
  orphaned: 'aufgegebene-verdichterstation',
  damaged: 'beschaedigt',
  deadLetters: 'nur-unzustellbares',
};

export interface AllStates {
  editor: EditorPage;
  sidebar: Sidebar;
  close(): Promise<void>;
}

/** Everything is open when it resolves, and the sidebar is shown with all sessions in it. */
export async function openAllStates({ isDark, locale }: { isDark: boolean; locale: string }): Promise<AllStates> {
  const broker = await Mosquitto.start();
  const directory = temporaryDirectory();
  await storeQueue(directory, CLIENT_IDS.draining, QUEUED);
  await storeQueue(directory, CLIENT_IDS.unreachable, 30);
  await storeQueue(directory, CLIENT_IDS.orphaned, 4);
  await storeQueue(directory, CLIENT_IDS.damaged, 1);
  makeNewer(sessionPath(directory, CLIENT_IDS.damaged));
  await storeDeadLetters(directory, CLIENT_IDS.deadLetters, 2);
  const [store, draining] = session({
    port: broker.port,
    directory,
    clientid: CLIENT_IDS.draining,
    maxSendRate: String(PER_SECOND),
  });
  const unreachable = { ...draining, id: 'unreachable', port: 1, clientid: CLIENT_IDS.unreachable };
  const coreBroker = { id: 'core-broker', type: 'mqtt-broker', name: 'Plant broker', broker: '127.0.0.1', port: '1' };
  const flows = [
    tab,
    store,
    draining,
    unreachable,
    inNode('in', 'anlage/+/energiezaehler/wirkleistung/#', 'unused'),
    outNode('out'),
    outNode('out-unreachable', { broker: 'unreachable' }),
    { ...coreBroker, autoConnect: false },
    { id: 'core-in', type: 'mqtt in', z: 'tab', topic: 'a', broker: 'core-broker', x: 200, y: 80, wires: [[]] },
  ] as object[];
  const userDir = temporaryDirectory();
  const theme = isDark ? await installDarkTheme(userDir) : {};
  const nodeRed = await startNodeRed(userDir, { flows, settings: { ...theme, lang: locale } });
  const editor = await openEditor(nodeRed.url, locale);
  if (isDark && Object.keys(theme).length === 0) await makeDark(editor);
  const sidebar = new Sidebar(editor);
  await sidebar.show();
  await editor.page
    .locator('.mqtt-sessions-row')
    .nth(Object.keys(CLIENT_IDS).length - 1)
    .waitFor();
  return {
    editor,
    sidebar,
    async close() {
      await editor.close();
      await nodeRed.stop();
      await broker.remove();
    },
  };
}

/** Of red, 0 to 255: whether the theme is there. */
export async function paletteRed(page: Page): Promise<number> {
  const [red = 255] = await page.evaluate<number[]>(
    `getComputedStyle(document.querySelector('#red-ui-palette')).backgroundColor.match(/\\d+/g).map(Number)`,
  );
  return red;
}
