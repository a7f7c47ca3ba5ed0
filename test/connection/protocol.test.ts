import * as assert from 'node:assert/strict';
import type { Packet } from 'mqtt-packet';
import { createConnect } from '../../src/connection/connection';
import type { Connect, ConnectionOptions } from '../../src/connection/types';
import type { PublishPacket } from '../../src/session/packets';
import { waitFor } from '../support/wait';
import { FakeTimers } from './fake-timers';
import { Recorder } from './recorder';
import { type BrokerSide, connack, ScriptedBroker } from './scripted-broker';

type Version = 3 | 4 | 5;

const publish = (topic: string, properties?: object): Packet =>
  ({ cmd: 'publish', topic, payload: 'x', qos: 0, retain: false, dup: false, properties }) as Packet;

describe('connection to a scripted broker', function () {
  this.timeout(20_000);
  let broker: ScriptedBroker | undefined;
  let recorder: Recorder | undefined;

  afterEach(async () => {
    await recorder?.close();
    await broker?.close();
  });

  async function open(
    protocolVersion: Version = 4,
    options: Partial<ConnectionOptions> = {},
    connect?: Connect,
  ): Promise<{ client: Recorder; side: BrokerSide }> {
    await broker?.close();
    broker = await ScriptedBroker.listen(protocolVersion);
    recorder = new Recorder({ url: broker.url, protocolVersion, ...options }, connect);
    return { client: recorder, side: await broker.accept() };
  }

  async function openUp(protocolVersion: Version = 4, options: Partial<ConnectionOptions> = {}, connect?: Connect) {
    const opened = await open(protocolVersion, options, connect);
    await opened.side.next('connect');
    opened.side.send(connack(protocolVersion));
    await opened.client.waitUp();
    return opened;
  }

  const names = { 3: 'MQIsdp', 4: 'MQTT', 5: 'MQTT' };
  for (const protocolVersion of [3, 4, 5] as const) {
    it(`writes CONNECT of version ${protocolVersion}`, async () => {
      const { side } = await open(protocolVersion, {
        clientId: 'client ü',
        clean: false,
        keepalive: 17,
        username: 'user',
        password: 'secret',
        will: { topic: 'will', payload: Buffer.from('gone'), qos: 2, retain: true },
        properties: { sessionExpiryInterval: 0xffffffff, receiveMaximum: 50 },
      });
      const packet = await side.next('connect');
      assert.equal(packet.protocolId, names[protocolVersion]);
      assert.equal(packet.protocolVersion, protocolVersion);
      assert.equal(packet.clientId, 'client ü');
      assert.equal(packet.clean, false);
      assert.equal(packet.keepalive, 17);
      assert.equal(packet.username, 'user');
      assert.equal(String(packet.password), 'secret');
      assert.equal(packet.will?.topic, 'will');
      assert.equal(packet.will?.qos, 2);
      assert.equal(packet.will?.retain, true);
      assert.deepEqual(
        packet.properties,
        protocolVersion === 5 ? { sessionExpiryInterval: 0xffffffff, receiveMaximum: 50 } : undefined,
      );
    });
  }

  it('tells "up" before what stands behind CONNACK in one chunk, and all of that at once', async () => {
    const { client, side } = await open();
    await side.next('connect');
    side.send(connack(4), publish('a'), publish('b'), { cmd: 'pingresp' }, publish('c'));
    await client.waitPackets(3);
    assert.deepEqual(client.calls, ['up', 'packets 3']);
    assert.deepEqual(
      client.received.map((packet) => (packet as PublishPacket).topic),
      ['a', 'b', 'c'],
    );
  });

  it('delivers nothing behind CONNACK when the owner ends the connection in "up"', async () => {
    const { client, side } = await open();
    await side.next('connect');
    client.up = () => client.connection.end();
    side.send(connack(4), publish('a'));
    assert.equal((await client.waitDown()).kind, 'ended');
    assert.deepEqual(client.received, []);
    assert.equal((await side.next('disconnect')).cmd, 'disconnect');
  });

  it('joins packets that come byte by byte', async () => {
    const { client, side } = await open(5);
    await side.next('connect');
    const bytes = Buffer.concat([side.encode(connack(5)), side.encode(publish('topic', { contentType: 'text' }))]);
    side.socket.setNoDelay(true);
    for (const byte of bytes) {
      const { received } = client.connection.bytes;
      side.socket.write(Buffer.from([byte]));
      await waitFor(() => client.connection.bytes.received > received, { what: 'one more byte', intervalMs: 0 });
    }
    await client.waitPackets(1);
    assert.deepEqual(client.calls, ['up', 'packets 1']);
    assert.equal((client.received[0] as PublishPacket).properties?.contentType, 'text');
  });

  it('gives the limits of an MQTT 5 CONNACK', async () => {
    const { client, side } = await open(5, { clean: false });
    await side.next('connect');
    side.send(
      connack(5, {
        receiveMaximum: 7,
        maximumQoS: 1,
        retainAvailable: false,
        maximumPacketSize: 1_000,
        topicAliasMaximum: 3,
        wildcardSubscriptionAvailable: false,
        subscriptionIdentifiersAvailable: false,
        sharedSubscriptionAvailable: false,
        sessionExpiryInterval: 12,
        assignedClientIdentifier: 'assigned',
        serverKeepAlive: 9,
      }),
    );
    assert.deepEqual(await client.waitUp(), {
      protocolVersion: 5,
      sessionPresent: false,
      cleanStart: false,
      receiveMaximum: 7,
      maximumQoS: 1,
      retainAvailable: false,
      maximumPacketSize: 1_000,
      topicAliasMaximum: 3,
      wildcardSubscriptionAvailable: false,
      subscriptionIdentifiersAvailable: false,
      sharedSubscriptionAvailable: false,
    });
    assert.equal(client.details?.sessionExpiryInterval, 12);
    assert.equal(client.details?.assignedClientIdentifier, 'assigned');
    assert.equal(client.details?.serverKeepAlive, 9);
  });

  const refusals: [Version, Packet | Buffer, number, RegExp][] = [
    [4, Buffer.from([0x20, 2, 0, 4]), 4, /Bad user name or password; check user name and password/],
    [3, Buffer.from([0x20, 2, 0, 2]), 2, /Client identifier rejected; choose another client id/],
    [4, Buffer.from([0x20, 2, 0, 3]), 3, /Server unavailable; it is tried again later/],
    [5, Buffer.from([0x20, 2, 0, 1]), 1, /Unacceptable protocol version; choose another MQTT version/],
    [5, { cmd: 'connack', sessionPresent: false, reasonCode: 0x8a }, 0x8a, /Banned; this client has been banned/],
    [
      5,
      {
        cmd: 'connack',
        sessionPresent: false,
        reasonCode: 0x9d,
        properties: { serverReference: 'b2', reasonString: 'go' },
      },
      0x9d,
      /Server moved \("go"\); the broker moved: change its address/,
    ],
    [4, Buffer.from([0x20, 2, 0, 77]), 77, /Reason code 0x4d$/],
  ];
  for (const [protocolVersion, packet, reasonCode, message] of refusals) {
    it(`explains reason code ${reasonCode} in version ${protocolVersion}`, async () => {
      const { client, side } = await open(protocolVersion);
      await side.next('connect');
      side.send(packet);
      const end = await client.waitDown();
      assert.equal(end.kind, 'refused');
      assert.equal(end.reasonCode, reasonCode);
      assert.equal((end.error as NodeJS.ErrnoException).code, 'ERR_BROKER_REFUSED');
      assert.match(String(end.error?.message), message);
      if (reasonCode === 0x9d) assert.equal(end.serverReference, 'b2');
    });
  }

  it('reports the DISCONNECT of an MQTT 5 broker behind the packets in front of it', async () => {
    const { client, side } = await openUp(5);
    const properties = { reasonString: 'taken', serverReference: 'b2' };
    side.send(publish('a'), { cmd: 'disconnect', reasonCode: 0x8e, properties }, publish('b'));
    const end = await client.waitDown();
    assert.deepEqual(client.calls, ['up', 'packets 1', 'down']);
    assert.equal(end.kind, 'server-disconnect');
    assert.equal(end.reasonCode, 0x8e);
    assert.equal(end.reasonString, 'taken');
    assert.equal(end.serverReference, 'b2');
    assert.match(String(end.error?.message), /Session taken over \("taken"\); another client connected with the same/);
  });

  it('reports a connection that the broker closes', async () => {
    const { client, side } = await openUp();
    side.socket.end();
    const end = await client.waitDown();
    assert.equal(end.kind, 'closed');
    assert.equal((end.error as NodeJS.ErrnoException).code, 'ERR_BROKER_CLOSED');
    assert.equal(client.ends.length, 1);
  });

  it('reports a broker that closes without CONNACK', async () => {
    const { client, side } = await open();
    await side.next('connect');
    side.socket.end();
    const end = await client.waitDown();
    assert.equal(end.kind, 'unreachable');
    assert.match(String(end.error?.message), /without answering CONNECT: check/);
  });

  it('gives up when CONNACK does not come in time', async () => {
    const timers = new FakeTimers();
    const { client, side } = await open(4, { connectTimeoutMs: 5_000 }, createConnect(timers));
    await side.next('connect');
    timers.advance(4_999);
    assert.deepEqual(client.calls, []);
    timers.advance(1);
    const end = await client.waitDown();
    assert.equal(end.kind, 'unreachable');
    assert.equal((end.error as NodeJS.ErrnoException).code, 'ERR_BROKER_TIMEOUT');
    assert.match(String(end.error?.message), /did not answer within 5 s: it accepted the connection/);
    await waitFor(() => side.closed, { what: 'the socket to be closed' });
    assert.equal(timers.pending, 0);
  });

  describe('when the broker breaks the protocol', () => {
    const breaches: Record<string, [Version[], (Packet | Buffer)[], number]> = {
      'with a second CONNACK': [[4, 5], [Buffer.from([0x20, 3, 0, 0, 0])], 0x82],
      'with a malformed packet': [[5], [Buffer.from([0x36, 5, 0, 1, 0x61, 0, 1])], 0x81],
      'with SUBSCRIBE': [[5], [{ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: 'a', qos: 0 }] }], 0x82],
      'with AUTH': [[5], [{ cmd: 'auth', reasonCode: 0x18 }], 0x82],
      'with a topic alias that was not offered': [[5], [publish('a', { topicAlias: 1 })], 0x94],
    };
    for (const [name, [protocolVersions, packets, reasonCode]] of Object.entries(breaches)) {
      for (const protocolVersion of protocolVersions) {
        it(`closes ${name} in version ${protocolVersion}, after what came before it`, async () => {
          const { client, side } = await openUp(protocolVersion);
          side.send(publish('good'), ...packets, publish('late'));
          if (protocolVersion === 5) {
            assert.equal((await side.next('disconnect')).reasonCode, reasonCode);
            await waitFor(() => side.closed, { what: 'the connection to be closed' });
          }
          const end = await client.waitDown();
          assert.equal(end.kind, 'protocol-error');
          assert.equal((end.error as NodeJS.ErrnoException).code, 'ERR_BROKER_PROTOCOL');
          assert.match(String(end.error?.message), /127\.0\.0\.1:\d+ broke the MQTT protocol: it /);
          assert.deepEqual(client.calls, ['up', 'packets 1', 'down']);
        });
      }
    }

    it('closes when something comes before CONNACK', async () => {
      const { client, side } = await open();
      side.send(publish('a'), connack(4));
      const end = await client.waitDown();
      assert.equal(end.kind, 'protocol-error');
      assert.deepEqual(client.calls, ['down']);
    });

    it('closes when Clean Start is answered with Session Present (MQTT-3.2.2-2 (5.0))', async () => {
      const { client, side } = await open(5, { clean: true });
      side.send({ cmd: 'connack', sessionPresent: true, reasonCode: 0 });
      assert.equal((await client.waitDown()).kind, 'protocol-error');
    });

    it('closes on a packet above the Maximum Packet Size it announced', async () => {
      const { client, side } = await openUp(5, { properties: { maximumPacketSize: 100 } });
      side.send(publish('x'.repeat(200)));
      assert.equal((await side.next('disconnect')).reasonCode, 0x95);
      assert.equal((await client.waitDown()).kind, 'protocol-error');
    });
  });

  it('resolves the topic aliases it offered, per connection', async () => {
    for (const name of ['first', 'second']) {
      const { client, side } = await openUp(5, { properties: { topicAliasMaximum: 2 } });
      side.send(publish(name, { topicAlias: 2 }), publish('', { topicAlias: 2, contentType: 'text' }));
      await client.waitPackets(2);
      const [one, two] = client.received as PublishPacket[];
      assert.equal(one?.topic, name);
      assert.equal(one?.properties, undefined);
      assert.equal(two?.topic, name);
      assert.deepEqual(two?.properties, { contentType: 'text' });
      side.send(publish('', { topicAlias: 1 }));
      assert.equal((await side.next('disconnect')).reasonCode, 0x82);
      await client.waitDown();
    }
  });

  describe('end', () => {
    it('writes DISCONNECT behind what was sent, and nothing behind DISCONNECT', async () => {
      const { client, side } = await openUp();
      client.connection.send({ cmd: 'puback', messageId: 1 });
      client.connection.end();
      client.connection.send({ cmd: 'puback', messageId: 2 });
      client.connection.flush();
      client.connection.end();
      assert.equal((await client.waitDown()).kind, 'ended');
      await waitFor(() => side.closed, { what: 'the connection to be closed' });
      assert.deepEqual(
        side.packets.map(({ cmd }) => cmd),
        ['puback', 'disconnect'],
      );
      assert.equal(client.ends.length, 1);
    });

    it('carries reason code and session expiry in MQTT 5, and gives the cause to the owner', async () => {
      const { client, side } = await openUp(5, { properties: { sessionExpiryInterval: 60 } });
      const error = new Error('too many');
      client.connection.end({
        reasonCode: 0x93,
        sessionExpiryInterval: 5,
        cause: { kind: 'protocol-error', reasonCode: 0x93, error },
      });
      const disconnect = await side.next('disconnect');
      assert.equal(disconnect.reasonCode, 0x93);
      assert.equal(disconnect.properties?.sessionExpiryInterval, 5);
      assert.deepEqual(await client.waitDown(), { kind: 'protocol-error', reasonCode: 0x93, error });
    });

    it('destroys the stream after 2 s when the peer is stuck', async () => {
      const timers = new FakeTimers();
      const { client, side } = await openUp(4, {}, createConnect(timers));
      side.socket.pause();
      for (let sent = 0; sent < 20; sent++) client.connection.send(largePublish(1024 * 1024, sent + 1));
      client.connection.end();
      timers.advance(1_999);
      assert.deepEqual(client.calls, ['up']);
      timers.advance(1);
      assert.deepEqual(client.calls, ['up', 'down']);
      assert.equal(client.ends[0]?.kind, 'ended');
      side.socket.resume();
      await waitFor(() => side.closed, { what: 'the socket to be closed' });
    });

    it('by force writes no DISCONNECT, and tells the owner later', async () => {
      const { client, side } = await openUp();
      client.connection.end({ force: true });
      assert.deepEqual(client.calls, ['up']);
      assert.equal((await client.waitDown()).kind, 'ended');
      await waitFor(() => side.closed, { what: 'the connection to be closed' });
      assert.deepEqual(side.packets, []);
    });

    it('ends an attempt that is not up', async () => {
      const { client, side } = await open();
      client.connection.end();
      assert.equal((await client.waitDown()).kind, 'ended');
      await waitFor(() => side.closed, { what: 'the connection to be closed' });
      assert.deepEqual(client.calls, ['down']);
    });

    it('ends an attempt at once, and one that cannot begin', async () => {
      for (const url of ['mqtt://127.0.0.1:1', 'nonsense']) {
        const client = new Recorder({ url });
        client.connection.end();
        assert.equal((await client.waitDown()).kind, 'ended');
        await new Promise(setImmediate);
        assert.deepEqual(client.calls, ['down']);
      }
    });
  });

  it('keeps the stream well-formed and says "congested" while the peer reads slowly', async () => {
    const { client, side } = await openUp();
    side.socket.pause();
    const count = 20;
    for (let index = 1; index <= count; index++) {
      client.connection.send(largePublish(1024 * 1024, index));
      client.connection.flush();
      client.connection.send({ cmd: 'subscribe', messageId: index, subscriptions: [{ topic: `t/${index}`, qos: 1 }] });
      client.connection.flush();
    }
    assert.deepEqual(client.congestion, [true]);
    assert.ok(client.connection.bufferedBytes > 1024 * 1024);
    // A slow reader: one chunk, a breath, the next.
    side.socket.on('data', () => {
      side.socket.pause();
      setImmediate(() => side.socket.resume());
    });
    side.socket.resume();
    await waitFor(() => side.packets.length === 2 * count || side.malformed, {
      what: 'all packets',
      timeoutMs: 15_000,
    });
    assert.equal(side.malformed, undefined);
    assert.deepEqual(
      side.packets.map(({ cmd, messageId }) => `${cmd} ${messageId}`),
      Array.from({ length: count }, (_, index) => [`publish ${index + 1}`, `subscribe ${index + 1}`]).flat(),
    );
    await waitFor(() => client.connection.bufferedBytes === 0, { what: 'an empty buffer' });
    assert.deepEqual(client.congestion, [true, false]);
    assert.equal(client.ends.length, 0);
  });
});

function largePublish(size: number, messageId: number): PublishPacket {
  return {
    cmd: 'publish',
    topic: 'large',
    payload: Buffer.alloc(size, messageId),
    qos: 1,
    retain: false,
    dup: false,
    messageId,
  };
}
