import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as net from 'node:net';
import { generate, parser } from 'mqtt-packet';
import { prepareMessage, publishSettings } from '../../nodes/shared/publish-message';
import { inboundMsg } from '../../nodes/shared/received-message';
import { requestedSubscriptions } from '../../nodes/shared/subscribe-action';
import type { ReceivedMessage } from '../../src/client/router';
import { openSessionStore } from '../../src/store/session-store';
import { exportJsonl } from '../../src/transfer/jsonl-export';
import { importJsonl } from '../../src/transfer/jsonl-import';
import { temporaryDirectory } from '../store/support';
import { within } from '../support/wait';
import { entriesOf, messagesIn, withClient } from '../transfer/support';

const NAMES = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__'];
/** As JSON.parse gives it: all names are properties of its own. */
const PROPERTIES = JSON.parse(`{${NAMES.map((name) => `"${name}":"of ${name}"`).join()}}`) as Record<string, string>;

function namesOf(value: unknown): string[] {
  return Object.entries((value ?? {}) as object).map(([name, text]) => `${name}=${String(text)}`);
}

describe('names that mean something to JavaScript', () => {
  const directory = temporaryDirectory();
  const before = JSON.stringify(
    [Object.prototype, Array.prototype, Function.prototype].map(Object.getOwnPropertyNames),
  );
  afterEach(() => {
    const now = JSON.stringify([Object.prototype, Array.prototype, Function.prototype].map(Object.getOwnPropertyNames));
    assert.equal(now, before);
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
  });

  it('are user properties like any other: from msg to the disk, an export, an import, the wire and back', async function () {
    this.timeout(30_000);
    const msg = JSON.parse(
      `{"topic":"__proto__/x","payload":{"__proto__":{"polluted":1}},"qos":1,"__proto__":{"polluted":1,"qos":2}}`,
    ) as Record<string, unknown>;
    msg.userProperties = PROPERTIES;
    const prepared = prepareMessage(msg, publishSettings({}), 5);
    assert.ok(prepared);
    assert.equal(prepared.message.payload.toString(), '{"__proto__":{"polluted":1}}');
    assert.deepEqual(namesOf(prepared.message.properties?.userProperties), namesOf(PROPERTIES));

    const store = await openSessionStore({ path: directory() });
    const lines: string[] = [];
    for (const clientId of NAMES) {
      await withClient(clientId, store, (client) => client.publish(prepared.message));
      const entries = await withClient(clientId, store, (client) => entriesOf(client.copy()));
      const [stored] = messagesIn(entries);
      assert.equal(stored?.message.topic, '__proto__/x');
      assert.deepEqual(namesOf(stored?.message.properties?.userProperties), namesOf(PROPERTIES), clientId);
    }
    assert.deepEqual((await store.list()).map(({ metadata }) => metadata?.clientId).sort(), [...NAMES].sort());
    for (const name of NAMES) await store.generateClientId(name);
    assert.deepEqual([...(await store.generatedClientIds()).keys()].sort(), [...NAMES].sort());

    await withClient('__proto__', store, async (client) => {
      for await (const line of exportJsonl(client.copy(), 1)) lines.push(line);
    });
    // With more of them in every line.
    const spiked = lines.map((line) =>
      line.replace('{', '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},'),
    );
    await withClient('imported', store, async (client) => {
      assert.equal((await importJsonl(spiked, client)).messages, 1);
      const [stored] = messagesIn(await entriesOf(client.copy()));
      assert.deepEqual(namesOf(stored?.message.properties?.userProperties), namesOf(PROPERTIES));
    });
    await store.close();
  });

  it('come from a broker as names, too, and go into msg', async function () {
    this.timeout(30_000);
    const sent: Record<string, unknown>[] = [];
    const server = net.createServer((socket) => {
      const reader = parser({ protocolVersion: 5 });
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => reader.parse(chunk));
      reader.on('packet', (packet) => {
        if (packet.cmd === 'connect') {
          socket.write(generate({ cmd: 'connack', sessionPresent: false, reasonCode: 0 }, { protocolVersion: 5 }));
        } else if (packet.cmd === 'subscribe' && packet.messageId !== undefined) {
          socket.write(generate({ cmd: 'suback', messageId: packet.messageId, granted: [0] }, { protocolVersion: 5 }));
          socket.write(inboundPublish());
        } else if (packet.cmd === 'publish') {
          sent.push(packet.properties?.userProperties as Record<string, unknown>);
          socket.write(generate({ cmd: 'puback', messageId: packet.messageId ?? 0 }, { protocolVersion: 5 }));
        }
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `mqtt://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
    const store = await openSessionStore({ path: directory() });
    const connection = { url, protocolVersion: 5, clean: false, keepalive: 60 } as const;
    await withClient(
      'constructor',
      store,
      async (client) => {
        const received = new Promise<ReceivedMessage>((resolve) => {
          const [request] = requestedSubscriptions(JSON.parse('{"topic":"#","qos":0,"__proto__":{"polluted":1}}'), 5);
          const options = {
            qos: request?.qos ?? 0,
            noLocal: false,
            retainAsPublished: false,
            retainHandling: 0,
          } as const;
          client.subscribe('__proto__', { filter: request?.topic ?? '', ...options }, resolve);
        });
        client.connect();
        const message = await within(received, 10_000, 'the message');
        assert.equal(message.topic, '__proto__');
        const result = inboundMsg(message, 'auto-detect', false);
        assert.deepEqual(namesOf(result.msg.userProperties), namesOf(PROPERTIES));
        assert.equal(Object.getPrototypeOf(result.msg), Object.prototype);
        const properties = { userProperties: PROPERTIES };
        const out = { topic: 'out', payload: Buffer.from('x'), qos: 1, retain: false, properties } as const;
        await client.publish(out, { until: 'acknowledged' });
        // What mqtt-packet makes of `__proto__` is its own affair.
        assert.ok(namesOf(sent[0]).includes('constructor=of constructor'));
      },
      { connection },
    );
    await store.close();
    server.close();
  });
});

/** By hand: mqtt-packet writes the names of an object, of which `__proto__` is none. */
function inboundPublish(): Buffer {
  const text = (value: string) => {
    const bytes = Buffer.from(value);
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 0xff]), bytes]);
  };
  const properties = Buffer.concat(
    NAMES.map((name) => Buffer.concat([Buffer.from([0x26]), text(name), text(`of ${name}`)])),
  );
  const length = Buffer.from([(properties.length & 0x7f) | 0x80, properties.length >> 7]);
  const body = Buffer.concat([text('__proto__'), length, properties, Buffer.from('{"__proto__":{"polluted":1}}')]);
  return Buffer.concat([Buffer.from([0x30, (body.length & 0x7f) | 0x80, body.length >> 7]), body]);
}
