import assert from 'node:assert/strict';
import { brokerSettings, brokerUrl, withOverrides } from '../../nodes/mqtt-persistent-broker/settings';

const surroundings = { storeExpiry: 0 };

describe('the settings of a broker node', () => {
  const urls: [config: Record<string, unknown>, url: string][] = [
    [{ broker: 'plant.example', port: 1884 }, 'mqtt://plant.example:1884'],
    [{ broker: 'plant.example', port: '' }, 'mqtt://plant.example:1883'],
    [{ broker: 'plant.example', port: '8883', usetls: 'true' }, 'mqtts://plant.example:8883'],
    [{ broker: '', port: 1883 }, 'mqtt://localhost:1883'],
    [{ broker: '::1', port: 1883 }, 'mqtt://[::1]:1883'],
    [{ broker: 'wss://plant.example/mqtt', port: 1883, usetls: false }, 'wss://plant.example/mqtt'],
    [{ broker: 'ignored', url: 'mqtt://other:1' }, 'mqtt://other:1'],
  ];
  for (const [config, url] of urls)
    it(`make ${url} of ${JSON.stringify(config)}`, () => assert.equal(brokerUrl(config), url));

  it('read strings, as environment variables are', () => {
    const { connection, autoConnect, autoUnsubscribe, maxInflight, maxSendRate } = brokerSettings(
      {
        broker: 'plant',
        protocolVersion: '5',
        keepalive: '30',
        cleansession: 'false',
        autoConnect: 'false',
        autoUnsubscribe: 'false',
        maxInflight: '7',
        maxSendRate: '50',
      },
      {},
      surroundings,
    );
    assert.deepEqual([connection.protocolVersion, connection.keepalive, connection.clean], [5, 30, false]);
    assert.deepEqual([autoConnect, autoUnsubscribe, maxInflight, maxSendRate], [false, false, 7, 50]);
  });

  it('take what a 3.1.1 broker allows as stated, and say nothing of it otherwise', () => {
    const stated = (brokerReceiveMaximum: unknown) =>
      brokerSettings({ broker: 'plant', brokerReceiveMaximum }, {}, surroundings).brokerReceiveMaximum;
    assert.deepEqual(['100', 1, 70_000].map(stated), [100, 1, 65_535]);
    assert.deepEqual([undefined, '', '0', -1, 'many'].map(stated), Array(5).fill(undefined));
  });

  it('of another broker say nothing of what it allows', () => {
    const config = { broker: 'plant', port: 1883, brokerReceiveMaximum: '100' };
    const receiveMaximumWith = (overrides: Record<string, unknown>) =>
      brokerSettings(withOverrides(config, {}, overrides).config, {}, surroundings).brokerReceiveMaximum;
    assert.equal(receiveMaximumWith({ keepalive: 10 }), 100);
    for (const address of [{ broker: 'other' }, { url: 'mqtt://other:1' }, { port: 1884 }]) {
      assert.equal(receiveMaximumWith(address), undefined);
      assert.equal(receiveMaximumWith({ ...address, brokerReceiveMaximum: 30 }), 30);
    }
  });

  it('send without a limit when no rate is given', () => {
    for (const maxSendRate of [undefined, '', '0', 'fast']) {
      assert.equal(brokerSettings({ broker: 'plant', maxSendRate }, {}, surroundings).maxSendRate, undefined);
    }
  });

  it('speak MQTT 3.1 in compatibility mode', () => {
    const settings = brokerSettings({ broker: 'plant', protocolVersion: 5, compatmode: 'true' }, {}, surroundings);
    assert.equal(settings.connection.protocolVersion, 3);
  });

  const expiries: [sessionExpiry: unknown, storeExpiry: number, stored: number, sent: number][] = [
    ['', 0, 0, 0xffffffff],
    ['', 600, 600, 600],
    [0, 600, 0, 0xffffffff],
    ['3600', 600, 3600, 3600],
  ];
  for (const [sessionExpiry, storeExpiry, stored, sent] of expiries) {
    it(`expire after ${stored} s with ${JSON.stringify(sessionExpiry)} and a store of ${storeExpiry}`, () => {
      const settings = brokerSettings({ broker: 'plant', protocolVersion: 5, sessionExpiry }, {}, { storeExpiry });
      assert.equal(settings.expiryInterval, stored);
      assert.equal(settings.connection.properties?.sessionExpiryInterval, sent);
    });
  }

  it('tell a broker nothing of expiry with a clean start', () => {
    const settings = brokerSettings({ broker: 'plant', protocolVersion: 5, cleansession: true }, {}, surroundings);
    assert.ok(!('sessionExpiryInterval' in (settings.connection.properties ?? {})));
  });

  it('have the will with its MQTT 5 properties, and no message without a topic', () => {
    const config = {
      broker: 'plant',
      protocolVersion: 5,
      willTopic: 'state',
      willPayload: 'gone',
      willQos: '1',
      willRetain: 'true',
      willMsg: {
        delay: '5',
        contentType: 'text/plain',
        userProps: '{"a":"b"}',
        correl: 'c',
        respTopic: 'r',
        expiry: '9',
      },
      birthTopic: '',
    };
    const settings = brokerSettings(config, {}, surroundings);
    assert.deepEqual(settings.connection.will, {
      topic: 'state',
      payload: Buffer.from('gone'),
      qos: 1,
      retain: true,
      properties: {
        contentType: 'text/plain',
        responseTopic: 'r',
        correlationData: Buffer.from('c'),
        messageExpiryInterval: 9,
        willDelayInterval: 5,
        userProperties: { a: 'b' },
      },
    });
    assert.equal(settings.birth, undefined);
  });

  it('are replaced by those of a connect action', () => {
    const config = { broker: 'plant', port: 1883, url: 'mqtt://old:1', clientid: 'mine' };
    const changed = withOverrides(
      config,
      { user: 'a', password: 'b' },
      { broker: 'other', username: 'c', close: { topic: 'bye' } },
    );
    const settings = brokerSettings(changed.config, changed.credentials, surroundings);
    assert.equal(settings.connection.url, 'mqtt://other:1883');
    assert.equal(settings.connection.username, 'c');
    assert.equal(settings.connection.password, 'b');
    assert.equal(settings.clientId, 'mine');
    assert.equal(settings.close?.topic, 'bye');
  });

  it('use TLS options only where there is TLS', () => {
    const addTLSOptions = (options: Record<string, unknown>) => {
      options.ca = 'ca';
    };
    const plain = brokerSettings({ broker: 'plant' }, {}, { ...surroundings, addTLSOptions });
    const secure = brokerSettings({ broker: 'plant', usetls: true }, {}, { ...surroundings, addTLSOptions });
    assert.deepEqual(plain.connection.transport, {});
    assert.deepEqual(secure.connection.transport, { ca: 'ca' });
  });
});
