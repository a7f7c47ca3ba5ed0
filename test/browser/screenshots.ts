// Takes the pictures of README and docs: the demo, its broker switched off, and the dialogs.
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { parseArgs } from 'node:util';
import type { Locator, Page } from 'playwright-core';
import { startDemo } from '../demo/demo-process';
import { startNodeRed } from '../support/node-red-process';
import { type EditorPage, openEditor } from './editor-page';
import { Sidebar } from './sidebar-page';
import { makeDark } from './themes';

declare const RED: {
  actions: { invoke(action: string): void };
  nodes: { node(id: string): { maxSendRate: string; changed: boolean }; dirty(isDirty?: boolean): boolean };
};

const root = path.resolve(__dirname, '..', '..');
/** So that a picture does not slow down a page that shows it. */
const MAX_BYTES = 150 * 1024;
/** Messages a second, so that the demo's burst takes long enough for a picture of it. */
const SLOW = '100';

/** A core flow, for the picture of its conversion. */
const coreFlow = [
  { id: 'plant', type: 'tab', label: 'Plant' },
  { id: 'broker', type: 'mqtt-broker', name: 'Plant broker', broker: 'localhost', port: '1883', autoConnect: false },
  { id: 'in', type: 'mqtt in', z: 'plant', name: 'readings', topic: 'plant/+/power', broker: 'broker', x: 200, y: 80 },
  { id: 'out', type: 'mqtt out', z: 'plant', name: 'state', topic: 'plant/state', broker: 'broker', x: 200, y: 160 },
];

class Album {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Takes a picture of all that is shown, or of a part of it. @throws Error when it became too large. */
  async take(name: string, of: Page | Locator): Promise<void> {
    const file = path.join(this.#folder, `${name}.png`);
    const { length } = await of.screenshot({ path: file, animations: 'disabled', caret: 'hide' });
    console.log(`${path.relative(process.cwd(), file)}: ${Math.ceil(length / 1024)} KiB`);
    if (length > MAX_BYTES)
      throw new Error(`${file} has ${length} bytes, more than ${MAX_BYTES}: take less of the page`);
  }
}

interface Stage {
  /** Presses a button of the demo's flow. */
  press(id: string): Promise<void>;
  /** How long a queue is watched before its picture is taken. */
  graphMs: number;
  /** Where the demo keeps everything. */
  folder: string;
  brokerPort: number;
}

/** The flow and the sidebar, while 1,000 messages wait for a broker that is off. */
async function takeDemo(
  album: Album,
  editor: EditorPage,
  { press, graphMs, folder, brokerPort }: Stage,
): Promise<void> {
  const { page } = editor;
  const sidebar = new Sidebar(editor);
  const waiting = () =>
    page.locator('[id="demo-in"] .red-ui-flow-node-status-label', { hasText: '1000 queued' }).waitFor();
  await page.setViewportSize({ width: 1290, height: 815 });
  await page.evaluate(() => RED.actions.invoke('core:toggle-palette'));
  // Places as they are called where people have them, not where this program runs.
  await page.route('**/mqtt-sessions/sessions**', async (route) => {
    const response = await route.fetch();
    const text = (await response.text()).replaceAll(folder, '/data').replaceAll(`:${brokerPort}`, ':1883');
    await route.fulfill({ response, body: text });
  });
  await sidebar.show();
  await press('demo-off');
  await page.getByText('Not connected').first().waitFor();
  // The graph of the queue gets a point every two seconds: some before the burst, and some behind it.
  await page.waitForTimeout(graphMs);
  await press('demo-burst');
  await page.getByText('messages: 1,000').waitFor({ timeout: 30_000 });
  await page.waitForTimeout(graphMs);
  await waiting();
  await album.take('sidebar', page);
  await page.evaluate(() => RED.actions.invoke('core:toggle-sidebar'));
  await page.setViewportSize({ width: 980, height: 815 });
  await waiting();
  await album.take('demo-flow', page.locator('#red-ui-workspace-chart'));
  await page.evaluate(() => RED.actions.invoke('core:toggle-sidebar'));
  await page.setViewportSize({ width: 1180, height: 690 });
  await takeDialogs(album, editor);
  await sidebar.show();
  await takeDetails(album, sidebar);
  await makeDark(editor);
  await page.setViewportSize({ width: 1180, height: 420 });
  await album.take('sidebar-dark', page.locator('#red-ui-sidebar'));
  await takeDraining(album, editor, press);
}

/** What waits, message by message. */
async function takeDetails(album: Album, sidebar: Sidebar): Promise<void> {
  const { page } = sidebar;
  await page.locator('.mqtt-sessions-row button').click();
  await page.locator('.mqtt-sessions-details').waitFor();
  await sidebar.openSection('messages');
  await sidebar.detailsSay(/demo\/burst/);
  await page.setViewportSize({ width: 1180, height: 1_000 });
  await page.evaluate(`$('.mqtt-sessions-details').parents().addBack().scrollTop(0)`);
  await album.take('sidebar-details', page.locator('#red-ui-sidebar'));
  await page.setViewportSize({ width: 1180, height: 690 });
  await sidebar.back();
}

/** The queue on its way, held back by the broker node's own limit. */
async function takeDraining(album: Album, { page }: EditorPage, press: Stage['press']): Promise<void> {
  await page.evaluate((rate) => {
    const broker = RED.nodes.node('demo-broker');
    broker.maxSendRate = rate;
    broker.changed = true;
    RED.nodes.dirty(true);
  }, SLOW);
  await page.click('#red-ui-header-button-deploy');
  await page.waitForFunction(() => !RED.nodes.dirty());
  await press('demo-on');
  await page
    .getByText(/[3-9]\d ?% sent, .* left/)
    .first()
    .waitFor({ timeout: 20_000 });
  await album.take('sidebar-draining', page.locator('#red-ui-sidebar'));
}

async function takeDialogs(album: Album, editor: EditorPage): Promise<void> {
  const { page } = editor;
  const tray = page.locator('.red-ui-tray').last();
  await editor.open('demo-out');
  await album.take('dialog-out', tray);
  await editor.cancelAll();
  await editor.openConfig('mqtt-session-store', '');
  // The folder as it is called where people have it, not where this program runs.
  await page.route('**/mqtt-sessions/path-test', async (route) => {
    const response = await route.fetch();
    const found = (await response.json()) as object;
    await route.fulfill({ response, json: { ...found, path: '/data/mqtt-sessions' } });
  });
  await page.click('#mqtt-session-store-test');
  await page.locator('#mqtt-session-store-test-result', { hasText: 'can be' }).waitFor();
  await album.take('dialog-store', tray);
  await editor.cancelAll();
}

async function takeConverter(album: Album, folder: string): Promise<void> {
  const nodeRed = await startNodeRed(path.join(folder, 'converter'), { flows: coreFlow });
  try {
    const editor = await openEditor(nodeRed.url);
    try {
      const { page } = editor;
      await page.click('#red-ui-header-button-sidemenu');
      await page.hover('#menu-item-mqtt-sessions');
      await page.click('#menu-item-mqtt-sessions-to-persistent');
      await page.locator('#mqtt-sessions-convert').waitFor();
      await album.take('converter', page.locator('.ui-dialog').filter({ has: page.locator('#mqtt-sessions-convert') }));
    } finally {
      await editor.close();
    }
  } finally {
    await nodeRed.stop();
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      folder: { type: 'string', default: path.join(root, 'docs', 'images') },
      'graph-seconds': { type: 'string', default: '10' },
    },
  });
  const album = new Album(path.resolve(values.folder));
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'mqtt-sessions-screenshots-'));
  try {
    const demoFolder = path.join(folder, 'demo');
    const demo = await startDemo(demoFolder);
    try {
      const editor = await openEditor(demo.url);
      try {
        const { press, brokerPort } = demo;
        const graphMs = Number(values['graph-seconds']) * 1_000;
        await takeDemo(album, editor, { press, brokerPort, graphMs, folder: demoFolder });
      } finally {
        await editor.close();
      }
    } finally {
      await demo.end('SIGTERM');
    }
    await takeConverter(album, folder);
  } finally {
    await fs.rm(folder, { recursive: true, force: true });
  }
}

void main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
