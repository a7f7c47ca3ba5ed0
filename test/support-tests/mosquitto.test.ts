import * as assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as mqtt from 'mqtt';
import { Mosquitto, type MosquittoOptions } from '../support/mosquitto';
import { Observer, Publisher } from '../support/observer';

describe('mosquitto starter', function () {
  this.timeout(20_000);
  let broker: Mosquitto | undefined;
  let client: mqtt.MqttClient | undefined;

  const start = async (options?: MosquittoOptions) => {
    broker = await Mosquitto.start(options);
    return broker;
  };
  const connect = async (url: string, options: mqtt.IClientOptions = {}) => {
    client = await mqtt.connectAsync(url, { reconnectPeriod: 0, ...options }, false);
    return client;
  };

  afterEach(async () => {
    await client?.endAsync(true);
    await broker?.remove();
    client = undefined;
    broker = undefined;
  });

  it('keeps port, sessions and queued messages over a restart', async () => {
    const { port } = await start();
    const first = await Observer.start({ port, clientId: 'keeper' });
    await first.stop();
    const publisher = await Publisher.start({ port });
    await publisher.publish('a', 'message 1', 2);
    await publisher.stop();
    await broker!.restart();
    assert.equal(broker!.port, port);
    const second = await Observer.start({ port, clientId: 'keeper' });
    await second.waitForAll(['message 1'], 5_000);
    await second.stop();
  });

  it('answers no more after kill, and can be started again', async () => {
    const { port, url } = await start();
    await broker!.kill();
    assert.equal(broker!.running, false);
    await assert.rejects(connect(url), /ECONNREFUSED/);
    await broker!.start();
    assert.equal(broker!.port, port);
    await connect(url);
  });

  it('refuses wrong credentials and takes the right ones', async () => {
    const { url } = await start({ credentials: { username: 'plant', password: 'secret' } });
    await assert.rejects(connect(url, { username: 'plant', password: 'wrong' }), /Not authorized/i);
    const { connected } = await connect(url, { username: 'plant', password: 'secret' });
    assert.equal(connected, true);
  });

  it('listens for WebSocket and for TLS with a certificate that verifies', async () => {
    const { websocketUrl, tlsUrl, caFile } = await start({ websockets: true, tls: true });
    const overWebsocket = await connect(websocketUrl);
    assert.equal(overWebsocket.connected, true);
    await overWebsocket.endAsync();
    const overTls = await connect(tlsUrl, { ca: fs.readFileSync(caFile) });
    assert.equal(overTls.connected, true);
  });

  it('announces no limit, or its default Receive Maximum of 20', async () => {
    const receiveMaximum = async (options: MosquittoOptions) => {
      const { url } = await start(options);
      const connecting = mqtt.connect(url, { protocolVersion: 5, reconnectPeriod: 0 });
      client = connecting;
      const packet = await new Promise<mqtt.IConnackPacket>((resolve) => connecting.once('connect', resolve));
      await connecting.endAsync(true);
      await broker!.remove();
      return packet.properties?.receiveMaximum ?? 65_535;
    };
    assert.equal(await receiveMaximum({ defaultLimits: true }), 20);
    assert.equal(await receiveMaximum({}), 65_535);
  });

  it('says what is wrong when it cannot start, and leaves nothing behind', async () => {
    const failing = new Mosquitto({ configuration: ['no_such_option true'] });
    await assert.rejects(failing.start(), { code: 'MOSQUITTO_NOT_STARTED', message: /no_such_option/ });
    await failing.remove();
    assert.equal(fs.existsSync(failing.directory), false);
  });
});
