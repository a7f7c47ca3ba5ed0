import * as assert from 'node:assert/strict';
import type { SessionClient } from '../../src/client/session-client';
import { Publisher } from '../support/observer';
import { waitFor } from '../support/wait';
import { Bed, connect, mosquitto, numbers, request } from './bed';

/** More than a 3.1.1 client keeps of what nobody takes. */
const TOO_MANY_MEGABYTES = 17;

/** Each test has a client id and a topic of its own: the broker keeps sessions. */
let tests = 0;

describe('held messages', function () {
  this.timeout(30_000);
  const bed = new Bed();
  const broker = mosquitto();

  let topic = '';
  beforeEach(() => {
    topic = `held/${++tests}`;
  });

  async function publisher(): Promise<Publisher> {
    const made = await Publisher.start({ port: broker().port, clientId: `publisher-${Math.random()}`, window: 100 });
    bed.after(() => made.stop());
    return made;
  }

  /** A connected client with an active subscription, and the payloads it got. */
  async function subscribed(url: string, protocolVersion: 4 | 5): Promise<{ client: SessionClient; got: string[] }> {
    const client = await bed.openClient({ url, protocolVersion, clientId: `held-${tests}` });
    const got: string[] = [];
    client.subscribe('user', request(topic, 2), ({ payload }) => void got.push(payload.toString().trimEnd()));
    await connect(client);
    await waitFor(() => client.subscriptions()[0]?.state === 'active', { what: 'the subscription' });
    return { client, got };
  }

  for (const protocolVersion of [4, 5] as const) {
    it(`are neither delivered nor acknowledged, until they are released, in order (version ${protocolVersion})`, async () => {
      const proxy = await bed.proxy(broker());
      const { client, got } = await subscribed(proxy.url, protocolVersion);
      client.hold();
      const source = await publisher();
      for (const payload of numbers(20)) await source.publish(topic, payload, 1);
      for (const payload of numbers(20, 21)) await source.publish(topic, payload, 2);
      await waitFor(() => (proxy.counters.toClient.publish ?? 0) >= 40, { what: 'the messages at the client' });
      assert.deepEqual(got, []);
      assert.equal(proxy.counters.toBroker.puback, undefined);
      assert.equal(proxy.counters.toBroker.pubrec, undefined);
      client.release();
      await waitFor(() => got.length >= 40, { what: 'all messages' });
      assert.deepEqual(got, numbers(40));
      await waitFor(() => proxy.counters.toBroker.pubcomp === 20 && proxy.counters.toBroker.puback === 20, {
        what: 'the acknowledgements',
      });
      proxy.assertClean();
    });

    it(`survive a connection, and are delivered once (version ${protocolVersion})`, async () => {
      const proxy = await bed.proxy(broker());
      const { client, got } = await subscribed(proxy.url, protocolVersion);
      client.hold();
      const source = await publisher();
      for (const payload of numbers(20)) void source.publish(topic, payload, 2);
      await waitFor(() => (proxy.counters.toClient.publish ?? 0) >= 20, { what: 'the messages at the client' });
      proxy.cut();
      await waitFor(() => (proxy.counters.toClient.publish ?? 0) >= 40, { what: 'the messages once more' });
      client.release();
      await waitFor(() => (proxy.counters.toBroker.pubcomp ?? 0) >= 20, { what: 'the end of all handshakes' });
      assert.deepEqual(got, numbers(20));
      proxy.assertClean();
    });
  }

  it('that are too many end the connection; the broker keeps the rest until they are released', async () => {
    const { client, got } = await subscribed(broker().url, 4);
    client.hold();
    const source = await publisher();
    const payloads = numbers(TOO_MANY_MEGABYTES).map((payload) => payload.padEnd(1024 * 1024));
    const published = payloads.map((payload) => source.publish(topic, payload, 1));
    await waitFor(() => !client.connected, { what: 'the end of the connection', timeoutMs: 20_000 });
    assert.equal(client.state.kind === 'open' && client.state.link.kind, 'idle');
    await Promise.all(published);
    assert.deepEqual(got, []);
    client.release();
    await waitFor(() => got.length >= TOO_MANY_MEGABYTES, { what: 'all messages', timeoutMs: 20_000 });
    await waitFor(() => client.connected, { what: 'the connection' });
    assert.deepEqual(new Set(got), new Set(numbers(TOO_MANY_MEGABYTES)));
    assert.equal(got.length, TOO_MANY_MEGABYTES);
  });

  it('beyond the Receive Maximum stay with the broker, also those that it sends at once after a reconnect', async () => {
    const { client, got } = await subscribed(broker().url, 5);
    await client.disconnect();
    const source = await publisher();
    const payloads = numbers(1_500);
    await Promise.all(payloads.map((payload) => source.publish(topic, payload, 1)));
    client.hold();
    client.connect();
    await waitFor(() => client.statistics().bytesReceived > 12_000, { what: 'many messages at the client' });
    assert.deepEqual(got, []);
    client.release();
    await waitFor(() => got.length >= 1_500, {
      what: 'all messages',
      timeoutMs: 20_000,
      detail: () => `${got.length}`,
    });
    assert.deepEqual(got, payloads);
  });

  it('wait on when a handler holds again while they are released', async () => {
    const { client, got } = await subscribed(broker().url, 4);
    client.hold();
    const source = await publisher();
    let holdAt: string | undefined = '2';
    client.subscribe('holder', request(topic, 2), ({ payload }) => {
      if (payload.toString() !== holdAt) return;
      holdAt = undefined;
      client.hold();
    });
    for (const payload of numbers(4)) void source.publish(topic, payload, 1);
    await waitFor(() => client.statistics().bytesReceived > 0 && source.openCount === 0, {
      what: 'PUBACK to the source',
    });
    client.release();
    await waitFor(() => got.length >= 2, { what: 'what comes before' });
    assert.deepEqual(got, ['1', '2']);
    client.release();
    await waitFor(() => got.length >= 4, { what: 'the rest' });
    assert.deepEqual(got, numbers(4));
  });
});
