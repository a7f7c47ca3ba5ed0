import * as assert from 'node:assert/strict';
import { parseBrokerUrl } from '../../src/connection/broker-address';
import { Recorder } from './recorder';
import { connack, ScriptedBroker } from './scripted-broker';

describe('broker address', () => {
  const good: [string, Partial<ReturnType<typeof parseBrokerUrl>>][] = [
    ['mqtt://broker', { protocol: 'mqtt', host: 'broker', port: 1883, name: 'broker:1883' }],
    ['mqtts://broker', { protocol: 'mqtts', port: 8883 }],
    ['tls://broker:1', { protocol: 'mqtts', port: 1 }],
    ['tcp://broker:1', { protocol: 'mqtt', port: 1 }],
    ['ws://broker', { protocol: 'ws', port: 80, path: '/' }],
    ['wss://broker/mqtt?a=b', { protocol: 'wss', port: 443, path: '/mqtt?a=b' }],
    ['mqtt://[2001:db8::1]:1883', { host: '2001:db8::1', name: '[2001:db8::1]:1883' }],
    ['mqtt://u%40x:p%3A%2F@broker', { username: 'u@x', password: 'p:/', name: 'broker:1883' }],
    ['mqtt://user:a:b@broker', { username: 'user', password: 'a:b' }],
  ];
  for (const [url, expected] of good) {
    it(`reads ${url}`, () => {
      const address = parseBrokerUrl(url);
      for (const [key, value] of Object.entries(expected)) assert.equal(address[key as keyof typeof address], value);
    });
  }

  const bad: [string, RegExp][] = [
    ['', /cannot be read/],
    ['broker', /cannot be read/],
    ['broker:1883', /protocol "broker" is unknown/],
    ['http://broker', /protocol "http" is unknown/],
    ['mqtt://', /names no host/],
    ['mqtt://broker:70000', /cannot be read/],
  ];
  for (const [url, message] of bad) {
    it(`refuses "${url}" by a down, not by a throw`, async () => {
      const recorder = new Recorder({ url });
      assert.deepEqual(recorder.calls, []);
      const end = await recorder.waitDown();
      assert.equal(end.kind, 'unreachable');
      assert.equal((end.error as NodeJS.ErrnoException).code, 'ERR_BROKER_URL');
      assert.match(String(end.error?.message), message);
      assert.match(String(end.error?.message), /Write it as mqtt:\/\//);
    });
  }

  it('never shows credentials', async () => {
    const end = await new Recorder({ url: 'http://user:s/e@cret@broker' }).waitDown();
    assert.doesNotMatch(String(end.error?.message), /user|s\/e|cret/);
    assert.match(String(end.error?.message), /http:\/\/broker/);
  });

  it('connects to an IPv6 address', async function () {
    const broker = await ScriptedBroker.listen(4, '::1').catch(() => this.skip());
    const recorder = new Recorder({ url: `mqtt://[::1]:${broker.port}` });
    const side = await broker.accept();
    await side.next('connect');
    side.send(connack(4));
    await recorder.waitUp();
    await recorder.close();
    await broker.close();
  });
});
