import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { ACTION_NAMES } from '../../nodes/mqtt-session-admin/actions';
import { parseBrokerUrl } from '../../src/connection/broker-address';
import { call } from '../nodes/admin-http';
import { inNode, outNode, session, tab, temporaryDirectory } from '../nodes/flow';
import { Mosquitto } from '../support/mosquitto';
import { type NodeRedProcess, startNodeRed } from '../support/node-red-process';
import { waitFor } from '../support/wait';

/** Words that stand nowhere else. */
const SECRETS = {
  password: 'canary-password-x7Kq',
  'password of a refused login': 'canary-wrong-x7Kq',
  'password in a URL': 'canary-url-x7Kq',
  'password of msg.broker': 'canary-message-x7Kq',
  'will payload': 'canary-will-x7Kq',
  'TLS key': 'canary-key-x7Kq',
  'TLS passphrase': 'canary-passphrase-x7Kq',
} as const;

/** The word itself, and as it would look in binary or encoded text. */
function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  // In base64 wherever it begins.
  const inner = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  return [secret, encodeURIComponent(secret), bytes.toString('hex'), bytes.toString('utf16le'), ...inner];
}

function assertNoSecret(what: string, text: string): void {
  for (const [name, secret] of Object.entries(SECRETS)) {
    for (const form of formsOf(secret)) assert.ok(!text.includes(form), `${what} contains the ${name}: ${form}`);
  }
}

describe('secrets', () => {
  const directories = Object.fromEntries(['good', 'refused', 'url', 'tls'].map((name) => [name, temporaryDirectory()]));
  let mosquitto: Mosquitto;
  let nodeRed: NodeRedProcess;
  const answers: string[] = [];

  /** A broker node with an in node, an out node and an admin node that is told what to do by HTTP. */
  function flowOf(name: string, broker: Record<string, unknown>, port: number): object[] {
    const nodes: Record<string, unknown>[] = [
      ...session({ port, directory: directories[name] ?? '', clientid: `secret-${name}`, ...broker }),
      inNode('in', 'in/#', 'debug'),
      outNode('out', { topic: 'out', qos: '1' }),
      { id: 'publish', type: 'http in', z: 'tab', url: `/${name}/publish`, method: 'post', wires: [['out', 'done']] },
      { id: 'ask', type: 'http in', z: 'tab', url: `/${name}/ask`, method: 'post', wires: [['fields']] },
      {
        id: 'fields',
        type: 'function',
        z: 'tab',
        func: 'Object.assign(msg, msg.payload); return msg;',
        wires: [['admin']],
      },
      {
        id: 'admin',
        type: 'mqtt-session-admin',
        z: 'tab',
        broker: 'broker',
        action: '',
        clientId: '',
        wires: [['done']],
      },
      { id: 'done', type: 'http response', z: 'tab', wires: [] },
      { id: 'status', type: 'status', z: 'tab', scope: null, wires: [['shown']] },
      { id: 'catch', type: 'catch', z: 'tab', scope: null, wires: [['told']] },
      // Not the whole message: a message that brings a password has it.
      ...[
        ['debug', 'payload'],
        ['shown', 'status'],
        ['told', 'error'],
      ].map(([id, complete]) => ({
        ...{ id, complete, type: 'debug', z: 'tab', active: true, tosidebar: false, console: true, wires: [] },
      })),
    ];
    const own = (value: unknown): unknown =>
      typeof value === 'string' && nodes.some(({ id }) => id === value) ? `${value}-${name}` : value;
    return nodes.map((node) => {
      const copy: Record<string, unknown> = { ...node };
      for (const field of ['id', 'broker', 'store']) copy[field] = own(copy[field]);
      if ('wires' in node) copy.wires = (node.wires as string[][]).map((list) => list.map(own));
      return copy;
    });
  }

  before(async function () {
    this.timeout(120_000);
    mosquitto = new Mosquitto({ credentials: { username: 'user', password: SECRETS.password } });
    await mosquitto.start();
    const { port } = mosquitto;
    const will = { willTopic: 'will', willPayload: SECRETS['will payload'], willQos: '1', protocolVersion: 5 };
    const flows = [
      tab,
      ...flowOf('good', will, port),
      ...flowOf('refused', will, port),
      ...flowOf('url', { broker: `mqtt://user:${SECRETS['password in a URL']}@127.0.0.1:1` }, 1),
      ...flowOf('tls', { usetls: true, tls: 'tls', verifyservercert: true }, port),
      { id: 'tls', type: 'tls-config', verifyservercert: true },
    ];
    const userDir = temporaryDirectory();
    const credentials = {
      'broker-good': { user: 'user', password: SECRETS.password },
      'broker-refused': { user: 'user', password: SECRETS['password of a refused login'] },
      tls: {
        keydata: `-----BEGIN PRIVATE KEY-----\n${SECRETS['TLS key']}\n-----END PRIVATE KEY-----`,
        certdata: '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----',
        passphrase: SECRETS['TLS passphrase'],
      },
    };
    nodeRed = await startNodeRed(userDir, {
      flows,
      settings: { credentialSecret: false, logging: { console: { level: 'trace', metrics: true, audit: true } } },
      beforeLaunch: () => fs.writeFileSync(path.join(userDir, 'flows_cred.json'), JSON.stringify(credentials)),
    });
  });
  after(async () => {
    await nodeRed?.kill();
    await mosquitto?.remove();
  });

  const searched = new Set<string>();

  /** Everything below a storage path but the room for a full disk, which is random. */
  function searchFiles(name: string): void {
    const directory = directories[name] ?? '';
    for (const file of fs.readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      if (path.basename(file) === 'reserve') continue;
      let content: string;
      try {
        content = fs.readFileSync(path.join(directory, file), 'latin1');
      } catch (error) {
        // Gone since, or a directory.
        if (['ENOENT', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) continue;
        throw error;
      }
      searched.add(`${name}/${file}`);
      assertNoSecret(file, content);
    }
  }

  async function post(name: string, path: string, body: object): Promise<string> {
    const headers = { 'content-type': 'application/json' };
    const answer = await call(nodeRed.url, {
      method: 'POST',
      path: `/${name}/${path}`,
      headers,
      body: JSON.stringify(body),
    });
    answers.push(answer.text);
    return answer.text;
  }

  it('are in no file, log, status, error, answer or export, after every action and with every kind of failure', async function () {
    this.timeout(120_000);
    await waitFor(() => nodeRed.logs().includes('Connected') || /connected/i.test(nodeRed.logs()), {
      what: 'a connection',
    });
    await waitFor(() => /not authori[sz]ed|bad user name|0x8[67]/i.test(nodeRed.logs()), {
      what: 'the refused login',
      timeoutMs: 20_000,
      detail: () => nodeRed.logs().slice(-3_000),
    });
    let done = 0;
    for (const name of Object.keys(directories)) {
      await post(name, 'publish', { text: 'a message' });
      for (const action of ACTION_NAMES) {
        const more = { timeout: 1, ids: [1], from: 'nobody', mqttAck: 5, format: 'jsonl', file: '/does/not/exist' };
        const text = await post(name, 'ask', { action, ...(action === 'connect' ? {} : more) });
        assert.match(text, /"code":(0|-1)/, `${action}: ${text}`);
        if (text.includes('"code":0')) done++;
        searchFiles(name);
      }
      const login = { username: 'other', password: SECRETS['password of msg.broker'], force: true };
      await post(name, 'ask', { action: 'connect', broker: login });
    }
    assert.ok(done > 30, `${done} actions were done`);
    const store = '/mqtt-sessions/store-good/sessions';
    for (const one of [
      ...['/mqtt-sessions/sessions', '/mqtt-sessions/stores', '/mqtt-sessions/permissions', store],
      ...['', '/stats', '/messages', '/failed', '/export'].map((end) => `${store}/secret-good${end}`),
      ...['good', 'refused', 'url', 'tls'].map((name) => `/mqtt-sessions/brokers/broker-${name}`),
    ]) {
      const { text } = await call(nodeRed.url, { path: one });
      answers.push(text);
    }
    await nodeRed.stop();
    for (const text of answers) assertNoSecret('an answer', text);
    assertNoSecret('the log', nodeRed.logs());
    for (const name of Object.keys(directories)) searchFiles(name);
    assert.ok(searched.size > 15, `${[...searched]}`);
  });

  it('are found by this test, wherever they stand', () => {
    for (const shift of ['', 'a', 'ab']) {
      const encoded = Buffer.from(`${shift}${SECRETS.password} and more`).toString('base64');
      assert.throws(() => assertNoSecret('a text', encoded), /contains the password/);
    }
    assert.throws(() => assertNoSecret('a text', Buffer.from(SECRETS['TLS key']).toString('hex')));
  });

  it('are not shown of an address that cannot be read', () => {
    const secret = SECRETS['password in a URL'];
    for (const address of [
      `mqtt:user:${secret}@host`,
      `mqtt:/user:${secret}@host`,
      `user:${secret}@host:1883`,
      `mqtt://user:${secret}@host:99999`,
      `http://user:${secret}@host`,
      `mqtt://user:${secret}/@x@[host`,
      `mqtt://user:${secret}@`,
    ]) {
      assert.throws(
        () => parseBrokerUrl(address),
        (error: Error & { code: string; details: object }) => {
          assert.equal(error.code, 'ERR_BROKER_URL');
          assertNoSecret(address, `${error.message} ${JSON.stringify(error.details)} ${error.stack}`);
          return true;
        },
      );
    }
  });
});
