// What the tests in the browser start with: a real Node-RED with this package, and its editor.
import assert from 'node:assert/strict';
import * as fs from 'node:fs/promises';
import * as os from 'node:os';
import * as path from 'node:path';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { type EditorPage, openEditor } from './editor-page';
import { installDarkTheme, makeDark } from './themes';

export const configTypes = ['mqtt-persistent-broker', 'mqtt-session-store'];

export const nodeTypes = [
  'mqtt-persistent-in',
  'mqtt-persistent-out',
  'mqtt-persistent-broker',
  'mqtt-session-store',
  'mqtt-session-admin',
];

/** Nodes of core's types as flows hold them, with nothing changed but the type. */
export const renamedFlow = [
  { id: 'tab', type: 'tab', label: 'Flow' },
  {
    id: 'renamed-broker',
    type: 'mqtt-persistent-broker',
    name: '',
    broker: '127.0.0.1',
    port: '1',
    clientid: '',
    autoConnect: false,
    usetls: false,
    protocolVersion: '4',
    keepalive: '60',
    cleansession: true,
    birthTopic: '',
    birthQos: '0',
    birthPayload: '',
    birthMsg: {},
    closeTopic: '',
    closePayload: '',
    closeMsg: {},
    willTopic: '',
    willQos: '0',
    willPayload: '',
    willMsg: {},
    sessionExpiry: 0,
  },
  {
    id: 'renamed-in',
    type: 'mqtt-persistent-in',
    z: 'tab',
    name: '',
    topic: 'plant/+/power',
    qos: '2',
    broker: 'renamed-broker',
    x: 500,
    y: 400,
    wires: [[]],
  },
  {
    id: 'renamed-out',
    type: 'mqtt-persistent-out',
    z: 'tab',
    name: '',
    topic: 'plant/state',
    qos: '',
    retain: '',
    broker: 'renamed-broker',
    x: 500,
    y: 500,
    wires: [],
  },
];

/**
 * Starts Node-RED with `flows` before the tests of the suite that calls it, and opens the editor; closes both after
 * them. A test that causes an error in the browser fails, and dialogs that it leaves open are closed.
 */
export function withEditor(
  flows: readonly object[],
  {
    settings = {},
    locale,
    isDark = false,
  }: { settings?: Record<string, unknown>; locale?: string; isDark?: boolean } = {},
): EditorPage {
  let userDir: string;
  let nodeRed: NodeRedProcess | undefined;
  let editor: EditorPage | undefined;

  before(async () => {
    userDir = await fs.mkdtemp(path.join(os.tmpdir(), 'editor-'));
    const theme = isDark ? await installDarkTheme(userDir) : {};
    nodeRed = await startNodeRed(userDir, { flows, settings: { ...settings, ...theme } });
    editor = await openEditor(nodeRed.url, locale);
    if (isDark && Object.keys(theme).length === 0) await makeDark(editor);
  });

  afterEach(async () => {
    await editor?.cancelAll();
    assert.deepEqual(editor?.takeErrors(), [], 'errors in the browser');
  });

  after(async () => {
    await editor?.close();
    await nodeRed?.stop();
    await fs.rm(userDir, { recursive: true, force: true });
  });

  // The page exists only when the tests run, but they are declared before.
  return new Proxy({} as EditorPage, {
    get(_target, name) {
      assert.ok(editor, 'the editor is open only while tests run');
      return Reflect.get(editor, name);
    },
  });
}
