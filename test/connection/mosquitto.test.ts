import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import type { ConnectionOptions } from '../../src/connection/types';
import type { PublishPacket } from '../../src/session/packets';
import { Mosquitto } from '../support/mosquitto';
import { freePort } from '../support/ports';
import { waitFor } from '../support/wait';
import { Recorder } from './recorder';

const versions = [3, 4, 5] as const;

describe('connection to Mosquitto', function () {
  this.timeout(20_000);
  let broker: Mosquitto;
  let recorder: Recorder | undefined;

  before(async () => {
    broker = await Mosquitto.start({
      websockets: true,
      tls: true,
      credentials: { username: 'plant', password: 's3cret:/@' },
    });
  });
  after(() => broker.remove());
  afterEach(async () => {
    await recorder?.close();
    recorder = undefined;
  });

  function open(options: Partial<ConnectionOptions> = {}): Recorder {
    recorder = new Recorder({ url: broker.url, username: 'plant', password: 's3cret:/@', ...options });
    return recorder;
  }

  const transports: Record<string, () => Partial<ConnectionOptions> & { url: string }> = {
    tcp: () => ({ url: broker.url }),
    ws: () => ({ url: broker.websocketUrl }),
    tls: () => ({ url: broker.tlsUrl, transport: { ca: fs.readFileSync(broker.caFile) } }),
  };
  for (const [name, transport] of Object.entries(transports)) {
    for (const protocolVersion of versions) {
      it(`subscribes, publishes at QoS 2 and disconnects over ${name} in version ${protocolVersion}`, async () => {
        const client = open({ ...transport(), protocolVersion });
        const limits = await client.waitUp();
        assert.equal(limits.protocolVersion, protocolVersion);
        assert.equal(limits.sessionPresent, protocolVersion === 3 ? undefined : false);
        client.connection.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a/#', qos: 0 }] });
        client.connection.send({
          cmd: 'publish',
          topic: 'a/ü',
          payload: Buffer.from('hello'),
          qos: 2,
          retain: false,
          dup: false,
          messageId: 7,
        });
        client.connection.flush();
        await waitFor(() => client.received.find(({ cmd }) => cmd === 'pubrec'), { what: 'PUBREC' });
        client.connection.send({ cmd: 'pubrel', messageId: 7 });
        client.connection.flush();
        await client.waitPackets(4);
        assert.deepEqual(client.received.map(({ cmd }) => cmd).sort(), ['pubcomp', 'publish', 'pubrec', 'suback']);
        const publish = client.received.find(({ cmd }) => cmd === 'publish') as PublishPacket;
        assert.equal(publish.topic, 'a/ü');
        assert.equal(publish.payload.toString(), 'hello');
        client.connection.end();
        assert.equal((await client.waitDown()).kind, 'ended');
        assert.ok(client.connection.bytes.sent > 40);
        assert.ok(client.connection.bytes.received > 20);
      });
    }
  }

  // Mosquitto 2.0 does not get a message of this size out over a WebSocket, to whatever client.
  for (const [from, to] of [
    ['ws', 'tcp'],
    ['tls', 'tls'],
  ] as const) {
    it(`carries 3 MB in over ${from} and out over ${to}`, async () => {
      const payload = Buffer.alloc(3 * 1024 * 1024, 'x');
      const subscriber = open({ ...transports[to]?.(), clientId: 'subscriber' });
      await subscriber.waitUp();
      subscriber.connection.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'large', qos: 0 }] });
      subscriber.connection.flush();
      await subscriber.waitPackets(1);
      const publisher = open({ ...transports[from]?.(), clientId: 'publisher' });
      await publisher.waitUp();
      publisher.connection.send({ cmd: 'publish', topic: 'large', payload, qos: 0, retain: false, dup: false });
      publisher.connection.flush();
      await subscriber.waitPackets(2);
      assert.ok(payload.equals((subscriber.received[1] as PublishPacket).payload));
      await subscriber.close();
    });
  }

  it('reports Session Present and what an MQTT 5 broker announces', async () => {
    const options = { clientId: 'resumed', protocolVersion: 5, clean: false } as const;
    const first = open({ ...options, properties: { sessionExpiryInterval: 60 } });
    assert.equal((await first.waitUp()).sessionPresent, false);
    first.connection.end();
    await first.waitDown();
    const second = open({ ...options, properties: { sessionExpiryInterval: 60 } });
    const limits = await second.waitUp();
    assert.equal(limits.sessionPresent, true);
    assert.equal(limits.receiveMaximum, 65_535);
    assert.equal(limits.topicAliasMaximum, 10);
    assert.equal(second.details?.properties?.topicAliasMaximum, 10);
  });

  it('gives up the session on the broker with a session expiry of 0 in DISCONNECT', async () => {
    const options = { clientId: 'given-up', protocolVersion: 5, clean: false } as const;
    const first = open({ ...options, properties: { sessionExpiryInterval: 60 } });
    await first.waitUp();
    first.connection.end({ sessionExpiryInterval: 0 });
    await first.waitDown();
    assert.equal((await open(options).waitUp()).sessionPresent, false);
  });

  it('takes user name and password from the URL', async () => {
    const url = `mqtt://plant:${encodeURIComponent('s3cret:/@')}@127.0.0.1:${broker.port}`;
    recorder = new Recorder({ url });
    await recorder.waitUp();
  });

  it('sends the will of a connection that ends without DISCONNECT', async () => {
    const watcher = new Recorder({ url: broker.url, clientId: 'watcher', username: 'plant', password: 's3cret:/@' });
    await watcher.waitUp();
    watcher.connection.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'will', qos: 0 }] });
    watcher.connection.flush();
    await watcher.waitPackets(1);
    const client = open({ will: { topic: 'will', payload: Buffer.from('gone'), qos: 1, retain: false } });
    await client.waitUp();
    client.connection.end({ force: true });
    await watcher.waitPackets(2);
    assert.equal((watcher.received[1] as PublishPacket).payload.toString(), 'gone');
    await watcher.close();
  });

  for (const protocolVersion of versions) {
    it(`says what to do about a wrong password in version ${protocolVersion}`, async () => {
      const client = open({ protocolVersion, password: 'wrong' });
      const end = await client.waitDown();
      assert.equal(end.kind, 'refused');
      // Mosquitto answers "not authorized", not "bad user name or password".
      assert.equal(end.reasonCode, protocolVersion === 5 ? 0x87 : 5);
      assert.match(String(end.error?.message), /127\.0\.0\.1:\d+ refused client "test": Not authorized;.*access rules/);
      assert.doesNotMatch(String(end.error?.message), /wrong/);
      assert.deepEqual(client.calls, ['down']);
    });
  }

  it('says when nothing listens on the port', async () => {
    const port = await freePort();
    const end = await open({ url: `mqtt://127.0.0.1:${port}` }).waitDown();
    assert.equal(end.kind, 'unreachable');
    assert.match(
      String(end.error?.message),
      new RegExp(`127\\.0\\.0\\.1:${port} .*ECONNREFUSED.*nothing listens there`),
    );
  });

  it('says the same when a host name has several addresses', async () => {
    const end = await open({ url: `mqtt://localhost:${await freePort()}` }).waitDown();
    assert.match(String(end.error?.message), /ECONNREFUSED.*nothing listens there/);
  });

  it('says when the host name is unknown', async () => {
    const end = await open({ url: 'mqtt://no-such-host.invalid' }).waitDown();
    assert.equal(end.kind, 'unreachable');
    assert.match(String(end.error?.message), /no-such-host\.invalid:1883 .*host name/);
  });

  for (const scheme of ['mqtts', 'wss']) {
    it(`says that the authority is unknown (${scheme})`, async () => {
      const port = new URL(broker.tlsUrl).port;
      const end = await open({ url: `${scheme}://127.0.0.1:${port}` }).waitDown();
      assert.equal(end.kind, 'unreachable');
      assert.equal((end.error as NodeJS.ErrnoException).code, 'ERR_BROKER_CERTIFICATE');
      assert.match(String(end.error?.message), /known authority: give its CA certificate/);
    });
  }

  it('verifies the host name of the certificate', async () => {
    const transport = { ca: fs.readFileSync(broker.caFile), servername: 'other.example' };
    const end = await open({ url: broker.tlsUrl, transport }).waitDown();
    assert.equal((end.error as NodeJS.ErrnoException).code, 'ERR_BROKER_CERTIFICATE');
    assert.match(String(end.error?.message), /another host name/);
  });

  it('does not verify certificates when told so', async () => {
    await open({ url: broker.tlsUrl, transport: { rejectUnauthorized: false } }).waitUp();
  });

  it('says that a CA certificate cannot be read', async () => {
    const end = await open({ url: broker.tlsUrl, transport: { cert: 'no certificate', key: 'no key' } }).waitDown();
    assert.equal(end.kind, 'unreachable');
    assert.match(String(end.error?.message), /cannot be read: check the TLS settings/);
  });

  it('says that a port does not speak TLS', async () => {
    const end = await open({ url: `mqtts://127.0.0.1:${broker.port}` }).waitDown();
    assert.match(String(end.error?.message), /TLS/);
    assert.equal(end.kind, 'unreachable');
  });

  it('says that a port does not speak WebSocket', async () => {
    const end = await open({ url: `ws://127.0.0.1:${broker.port}` }).waitDown();
    assert.equal(end.kind, 'unreachable');
    assert.match(String(end.error?.message), /cannot be reached/);
  });
});
