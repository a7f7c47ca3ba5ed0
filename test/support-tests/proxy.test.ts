import * as assert from 'node:assert/strict';
import { once } from 'node:events';
import * as net from 'node:net';
import * as mqtt from 'mqtt';
import { Mosquitto } from '../support/mosquitto';
import { Observer, Publisher } from '../support/observer';
import { MqttProxy } from '../support/proxy';
import { FrameReader } from '../support/proxy/frames';
import { waitFor, within } from '../support/wait';

describe('decoding proxy', function () {
  this.timeout(30_000);
  let broker: Mosquitto;
  let proxy: MqttProxy;
  let client: mqtt.MqttClient | undefined;

  const connect = async (options: mqtt.IClientOptions = {}) => {
    client = await mqtt.connectAsync(proxy.url, {
      ...{ clientId: 'client', clean: false, reconnectPeriod: 20, connectTimeout: 2_000 },
      ...options,
    });
    client.on('error', () => {});
    return client;
  };
  const next = (event: 'connect' | 'close') => new Promise<void>((resolve) => client!.once(event, () => resolve()));
  const counted = (cmd: 'publish' | 'puback' | 'pingreq', count: number) =>
    waitFor(() => (proxy.counters.toBroker[cmd] ?? 0) >= count, {
      what: `${count} ${cmd}`,
      detail: () => proxy.recent(),
    });

  before(async () => {
    broker = await Mosquitto.start();
  });

  after(async () => {
    await broker.remove();
  });

  beforeEach(async () => {
    proxy = await new MqttProxy({ brokerPort: broker.port }).start();
  });

  afterEach(async () => {
    await client?.endAsync(true);
    client = undefined;
    await proxy.stop();
    // The next test starts without this session.
    const forgetting = await mqtt.connectAsync(broker.url, { clientId: 'client', clean: true });
    await forgetting.endAsync();
  });

  for (const protocolVersion of [4, 5] as const) {
    it(`forwards, counts and logs every packet (version ${protocolVersion})`, async () => {
      const { publishAsync, subscribeAsync } = bound(await connect({ protocolVersion }));
      await subscribeAsync('a/#', { qos: 2 });
      const received = new Promise<[string, Buffer]>((resolve) => {
        client!.once('message', (topic, payload) => resolve([topic, payload]));
      });
      await publishAsync('a/b', 'one', { qos: 2 });
      const [topic, payload] = await received;
      assert.deepEqual([topic, String(payload)], ['a/b', 'one']);
      await waitFor(() => proxy.checker.unsettled().length === 0, { what: 'a settled link' });
      proxy.checker.assertSettled();
      const both = { publish: 1, pubrec: 1, pubrel: 1, pubcomp: 1 };
      assert.deepEqual(proxy.counters.toBroker, { connect: 1, subscribe: 1, ...both });
      assert.deepEqual(proxy.counters.toClient, { connack: 1, suback: 1, ...both });
      assert.match(proxy.recent(), /#1 -> PUBLISH \d+ qos=2 topic=a\/b 3 bytes\n/);
      assert.equal(proxy.checker.deliveries[0]?.payload.toString(), 'one');
    });
  }

  it('cuts all connections, and takes the next', async () => {
    await connect();
    const closed = next('close');
    proxy.cut();
    await closed;
    await next('connect');
    assert.equal(proxy.connectionCount, 2);
    assert.deepEqual(
      proxy.events.filter(({ packet }) => packet.cmd === 'connack').map(({ packet }) => packet.sessionPresent),
      [false, true],
    );
  });

  it('refuses connections during an outage, and listens on the same port after it', async () => {
    const { port } = proxy;
    await proxy.refuse(true);
    await assert.rejects(mqtt.connectAsync(proxy.url, { reconnectPeriod: 0 }, false), /ECONNREFUSED/);
    await proxy.refuse(false);
    assert.equal(proxy.port, port);
    await connect();
  });

  it('stands still in both directions while frozen, and goes on with nothing lost', async () => {
    const { publishAsync } = bound(await connect());
    const observer = await Observer.start({ port: broker.port, filter: 'a' });
    proxy.freeze();
    const published = publishAsync('a', 'behind the ice', { qos: 1 });
    const answer = await Promise.race([
      published,
      client!.publishAsync('a', 'unsent', { qos: 0 }).then(() => 'written'),
    ]);
    assert.equal(answer, 'written');
    assert.equal(proxy.counters.toBroker.publish, undefined);
    assert.equal(client!.connected, true);
    proxy.thaw();
    await published;
    await observer.waitForAll(['behind the ice', 'unsent']);
    await observer.stop();
  });

  it('accepts but does not answer new connections while frozen', async () => {
    proxy.freeze();
    const socket = net.connect(proxy.port, '127.0.0.1');
    await once(socket, 'connect');
    socket.write(Buffer.from('101000044d5154540402003c000461626364', 'hex'));
    await waitFor(() => proxy.connections.length === 1, { what: 'the connection' });
    assert.equal(proxy.counters.toBroker.connect, undefined);
    const answered = once(socket, 'data');
    proxy.thaw();
    const [bytes] = await answered;
    assert.equal(bytes.toString('hex'), '20020000');
    socket.destroy();
  });

  it('throttles', async () => {
    await connect();
    proxy.throttle(400_000, 'toBroker');
    const started = performance.now();
    await client!.publishAsync('big', Buffer.alloc(200_000, 'x'), { qos: 1 });
    const elapsedMs = performance.now() - started;
    assert.ok(elapsedMs > 400, `200 kB at 400 kB/s took ${elapsedMs} ms`);
  });

  it('pushes back on the sender when throttled', async () => {
    let arrived = 0;
    const sink = net.createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        arrived += chunk.length;
      });
    });
    await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', () => resolve()));
    proxy.retarget((sink.address() as net.AddressInfo).port);
    proxy.throttle(100_000);
    const socket = net.connect(proxy.port, '127.0.0.1');
    socket.on('error', () => {});
    // More than the buffers of the system take.
    socket.write(Buffer.concat([Buffer.from('30ffffff7f', 'hex'), Buffer.alloc(48 * 1024 * 1024)]));
    await waitFor(() => arrived > 20_000, { what: 'the first bytes' });
    assert.ok(socket.writableLength > 0, 'everything was taken from the sender');
    proxy.throttle(undefined);
    await waitFor(() => socket.writableLength === 0, { what: 'the rest to go out' });
    await waitFor(() => arrived === 48 * 1024 * 1024 + 5, { what: 'the rest to arrive' });
    socket.destroy();
    sink.close();
  });

  it('delays the round trip without limiting what is under way', async () => {
    const { publishAsync } = bound(await connect());
    proxy.delay(100);
    const started = performance.now();
    await Promise.all(Array.from({ length: 200 }, () => publishAsync('a', 'x', { qos: 1 })));
    const elapsedMs = performance.now() - started;
    assert.ok(elapsedMs >= 99 && elapsedMs < 2_000, `200 messages at once took ${elapsedMs} ms`);
  });

  it('drops one packet and leaves the rest', async () => {
    const { publishAsync } = bound(await connect());
    const dropped = proxy.once((direction, packet) => direction === 'toClient' && packet.cmd === 'puback', 'drop');
    const first = publishAsync('a', '1', { qos: 1 });
    assert.equal((await dropped).cmd, 'puback');
    await publishAsync('a', '2', { qos: 1 });
    assert.equal(proxy.checker.openIdentifiers('client').length, 1);
    proxy.cut();
    await first;
  });

  it('cuts behind a packet, which still arrives', async () => {
    const observer = await Observer.start({ port: broker.port, filter: 'a' });
    await connect({ reconnectPeriod: 0 });
    const cut = proxy.once((_direction, packet) => packet.cmd === 'publish', 'forward-and-cut');
    client!.publish('a', 'last words', { qos: 1 });
    await cut;
    await observer.waitForAll(['last words']);
    await waitFor(() => !client!.connected, { what: 'the cut' });
    assert.equal(proxy.counters.toClient.puback, undefined);
    await observer.stop();
  });

  for (const cmd of ['publish', 'pubrec', 'pubrel', 'pubcomp'] as const) {
    it(`finds what MQTT.js does wrong, or nothing, after a cut at ${cmd}`, async () => {
      await connect();
      const cut = proxy.once((_direction, packet) => packet.cmd === cmd, 'cut');
      const published = client!.publishAsync('a', 'message 1', { qos: 2 });
      await cut;
      await published;
      const rules = proxy.checker.violations.map((violation) => violation.rule);
      // MQTT.js stores the PUBLISH before it sets DUP, and sends it again as it was stored.
      assert.deepEqual(rules, cmd === 'publish' || cmd === 'pubrec' ? ['resend-without-dup'] : []);
    });
  }

  it('reports bytes that are no MQTT packet, and passes them on', async () => {
    const socket = net.connect(proxy.port, '127.0.0.1');
    socket.write(Buffer.from('101000044d5154540402003c000461626364', 'hex'));
    await once(socket, 'data');
    const closed = once(socket, 'close');
    socket.resume().write(Buffer.from('f000', 'hex'));
    await within(closed, 5_000, 'the broker to close');
    assert.deepEqual(
      proxy.checker.violations.map(({ rule, clientId }) => [rule, clientId]),
      [['malformed-packet', 'abcd']],
    );
  });

  it('carries 5,000 messages a second', async () => {
    const [observer, publisher] = await Promise.all([
      Observer.start({ port: proxy.port, filter: 'speed' }),
      Publisher.start({ port: proxy.port, window: 1_000 }),
    ]);
    const count = 10_000;
    const payloads = Array.from({ length: count }, (_unused, index) => `message ${index}`);
    const started = performance.now();
    await Promise.all(payloads.map((payload) => publisher.publish('speed', payload, 1)));
    await observer.waitForAll(payloads);
    const perSecond = (count * 1000) / (performance.now() - started);
    // A quarter of what is wanted: other work may be going on on this machine.
    assert.ok(perSecond > 1_250, `${perSecond.toFixed(0)} messages/s`);
    proxy.assertClean();
    await Promise.all([observer.stop(), publisher.stop()]);
  });

  it('keeps the connection open while nothing happens', async () => {
    await connect({ keepalive: 1 });
    await counted('pingreq', 2);
    assert.equal(proxy.connectionCount, 1);
  });
});

describe('frame reader', () => {
  const bytes = Buffer.concat([
    Buffer.from('101000044d5154540402003c000461626364', 'hex'),
    Buffer.from('32080001610007aabbcc', 'hex'),
    Buffer.from('c000', 'hex'),
    Buffer.concat([Buffer.from('30c80100016b', 'hex'), Buffer.alloc(197, 7)]),
    Buffer.from('e000', 'hex'),
  ]);
  const commands = ['connect', 'publish', 'pingreq', 'publish', 'disconnect'];

  for (const whole of [false, true]) {
    it(`gives the same bytes and packets however they are cut into chunks (${whole ? 'whole packets' : 'flowing'})`, () => {
      for (let size = 1; size <= bytes.length; size++) {
        const reader = new FrameReader();
        const pieces = [];
        for (let at = 0; at < bytes.length; at += size)
          pieces.push(...reader.read(bytes.subarray(at, at + size), whole));
        assert.equal(reader.error, undefined);
        assert.deepEqual(Buffer.concat(pieces.map((piece) => piece.bytes)), bytes);
        const packets = pieces.flatMap((piece) => piece.packets);
        assert.deepEqual(
          packets.map(({ packet }) => packet.cmd),
          commands,
        );
        if (whole) assert.ok(pieces.every((piece) => piece.whole && piece.packets.length === 1));
      }
    });
  }

  it('may change between the two at any byte', () => {
    for (let cut = 1; cut < bytes.length; cut++) {
      for (const first of [true, false]) {
        const reader = new FrameReader();
        const pieces = [...reader.read(bytes.subarray(0, cut), first), ...reader.read(bytes.subarray(cut), !first)];
        assert.deepEqual(Buffer.concat(pieces.map((piece) => piece.bytes)), bytes);
        assert.equal(pieces.flatMap((piece) => piece.packets).length, commands.length);
      }
    }
  });

  it('passes everything on undecoded behind an error', () => {
    for (const whole of [true, false]) {
      for (const bad of ['1a00', '10ffffffffff01', '3604000161ff']) {
        const reader = new FrameReader();
        const broken = Buffer.concat([bytes, Buffer.from(bad, 'hex')]);
        const pieces = [...broken].flatMap((byte) => reader.read(Buffer.from([byte]), whole));
        assert.ok(reader.error, bad);
        assert.deepEqual(
          Buffer.concat([...pieces, ...reader.read(bytes, whole)].map((piece) => piece.bytes)),
          Buffer.concat([broken, bytes]),
        );
      }
    }
  });
});

/** The promise methods of a client, for short calls. */
function bound(client: mqtt.MqttClient) {
  return {
    publishAsync: (topic: string, payload: string, options: mqtt.IClientPublishOptions) =>
      client.publishAsync(topic, payload, options),
    subscribeAsync: (topic: string, options: { qos: 0 | 1 | 2 }) => client.subscribeAsync(topic, options),
  };
}
