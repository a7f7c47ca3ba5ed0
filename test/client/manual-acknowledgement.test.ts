import * as assert from 'node:assert/strict';
import { acknowledge } from '../../src/admin/acknowledge';
import type { AcknowledgementReference } from '../../src/client/acknowledgement-reference';
import type { ReceivedMessage } from '../../src/client/router';
import type { SessionClient } from '../../src/client/session-client';
import type { QoS } from '../../src/session/message';
import type { SessionStore } from '../../src/store/session-store';
import { Publisher } from '../support/observer';
import type { MqttProxy } from '../support/proxy';
import { waitFor } from '../support/wait';
import { Bed, connect, message, mosquitto, numbers, request } from './bed';

/** Each test has a client id and a topic of its own: the broker keeps sessions. */
let tests = 0;

describe('acknowledgement by the flow', function () {
  this.timeout(40_000);
  const bed = new Bed();
  const broker = mosquitto();

  let topic = '';
  beforeEach(() => {
    topic = `manual/${++tests}`;
  });

  async function publisher(): Promise<Publisher> {
    const made = await Publisher.start({ port: broker().port, clientId: `publisher-${Math.random()}`, window: 100 });
    bed.after(() => made.stop());
    return made;
  }

  interface Settings {
    protocolVersion: 4 | 5;
    url?: string;
    store?: SessionStore;
    clean?: boolean;
  }

  async function open(settings: Settings): Promise<SessionClient> {
    return bed.openClient({ url: broker().url, clientId: `manual-${tests}`, ...settings });
  }

  /** Subscribes under a name, and answers with what it gets. */
  function subscribe(client: SessionClient, name: string, filter = topic): ReceivedMessage[] {
    const got: ReceivedMessage[] = [];
    client.subscribe(name, request(filter, 2), (received) => void got.push(received), { acknowledge: 'manual' });
    return got;
  }

  async function connected(client: SessionClient): Promise<void> {
    await connect(client);
    await waitFor(() => client.subscriptions().every(({ state }) => state === 'active'), { what: 'the subscription' });
  }

  const atLeast = (got: readonly unknown[], count: number) =>
    waitFor(() => got.length >= count, { what: `${count} messages`, timeoutMs: 30_000, detail: () => `${got.length}` });

  for (const protocolVersion of [4, 5] as const) {
    for (const qos of [1, 2] as const) {
      it(`goes to the broker in the order of receipt, when all have acknowledged (version ${protocolVersion}, QoS ${qos})`, async () => {
        const proxy = await bed.proxy(broker());
        const client = await open({ protocolVersion, url: proxy.url });
        const one = subscribe(client, 'one');
        const two = subscribe(client, 'two');
        let automatic = 0;
        client.subscribe('auto', request(topic, 2), ({ mqttAck }) => {
          assert.equal(mqttAck, undefined);
          automatic += 1;
        });
        await connected(client);
        const source = await publisher();
        for (const payload of numbers(3)) await source.publish(topic, payload, qos);
        await atLeast(one, 3);
        await atLeast(two, 3);
        assert.equal(automatic, 3);
        assert.equal(client.statistics().unacknowledgedMessages, 3);
        assert.ok(client.statistics().oldestUnacknowledgedAt > 0);
        for (const received of [one[2], one[1], one[0], two[2]])
          assert.equal(settle(client, received?.mqttAck), 'counted');
        await roundTrip(client);
        assert.deepEqual(answers(proxy, qos), []);
        settle(client, two[0]?.mqttAck);
        await roundTrip(client);
        const identifiers = published(proxy);
        assert.deepEqual(answers(proxy, qos), identifiers.slice(0, 1));
        settle(client, two[1]?.mqttAck);
        await waitFor(() => answers(proxy, qos).length === 3, { what: 'all acknowledgements' });
        assert.deepEqual(answers(proxy, qos), identifiers);
        assert.equal(client.statistics().unacknowledgedMessages, 0);
        assert.equal(client.statistics().oldestUnacknowledgedAt, 0);
        proxy.assertClean();
      });
    }

    it(`given between two connections is sent on the next one; nothing is delivered twice (version ${protocolVersion})`, async () => {
      const proxy = await bed.proxy(broker());
      const client = await open({ protocolVersion, url: proxy.url });
      const got = subscribe(client, 'flow');
      await connected(client);
      const source = await publisher();
      for (const payload of numbers(4)) await source.publish(topic, payload, 1);
      await atLeast(got, 4);
      await proxy.refuse(true);
      proxy.cut();
      await waitFor(() => !client.connected, { what: 'the end of the connection' });
      settle(client, got[0]?.mqttAck);
      settle(client, got[2]?.mqttAck);
      await proxy.refuse(false);
      await waitFor(() => answers(proxy, 1).length === 1, { what: 'the acknowledgement of the first' });
      settle(client, got[1]?.mqttAck);
      settle(client, got[3]?.mqttAck);
      await waitFor(() => answers(proxy, 1).length === 4, { what: 'the others' });
      assert.equal(got.length, 4);
      proxy.assertClean();
    });

    it(`is late after the session was closed: the message comes again (version ${protocolVersion})`, async () => {
      const proxy = await bed.proxy(broker());
      const store = await bed.store();
      const first = await open({ protocolVersion, url: proxy.url, store });
      const before = subscribe(first, 'flow');
      await connected(first);
      const source = await publisher();
      for (const [index, payload] of numbers(2).entries())
        await source.publish(topic, payload, (index + 1) as QoS as 1);
      await atLeast(before, 2);
      await first.close();
      assert.equal(answers(proxy, 1).length + answers(proxy, 2).length, 0, 'closing acknowledges nothing');
      assert.equal(settle(first, before[0]?.mqttAck), 'other-epoch');
      const second = await open({ protocolVersion, url: proxy.url, store });
      const after = subscribe(second, 'flow');
      await connected(second);
      await atLeast(after, 2);
      assert.deepEqual(after.map(text), ['1', '2']);
      assert.deepEqual(
        after.map(({ redelivered }) => redelivered),
        [true, true],
      );
      assert.equal(settle(second, before[0]?.mqttAck), 'other-epoch');
      for (const { mqttAck } of after) assert.equal(settle(second, mqttAck), 'counted');
      await waitFor(() => answers(proxy, 1).length === 1 && answers(proxy, 2).length === 1, { what: 'both' });
      proxy.assertClean();
    });

    it(`is late after the subscriber has left: the message comes again when it is back (version ${protocolVersion})`, async () => {
      const proxy = await bed.proxy(broker());
      const client = await open({ protocolVersion, url: proxy.url });
      const before = subscribe(client, 'flow');
      const other = subscribe(client, 'other');
      await connected(client);
      const source = await publisher();
      for (const payload of numbers(3)) await source.publish(topic, payload, 1);
      await atLeast(other, 3);
      settle(client, before[1]?.mqttAck);
      for (const { mqttAck } of other) settle(client, mqttAck);
      client.hold();
      client.leave('flow');
      assert.equal(settle(client, before[0]?.mqttAck), 'subscriber-gone');
      assert.equal(settle(client, before[1]?.mqttAck), 'repeated');
      // The flow may do with a message what it likes.
      before[0]?.payload.fill(0);
      const after = subscribe(client, 'flow');
      await source.publish(topic, '4', 1);
      await roundTrip(client);
      assert.deepEqual([after, answers(proxy, 1)], [[], []]);
      client.release();
      await atLeast(after, 3);
      assert.deepEqual(after.map(text), ['1', '3', '4']);
      assert.deepEqual(
        after.map(({ redelivered }) => redelivered),
        [true, true, false],
      );
      assert.equal(settle(client, before[0]?.mqttAck), 'subscriber-gone');
      assert.equal(other.length, 4, 'nobody else gets them again');
      for (const { mqttAck } of [...after, other[3]!]) assert.equal(settle(client, mqttAck), 'counted');
      await waitFor(() => answers(proxy, 1).length === 4, { what: 'all acknowledgements' });
      assert.equal(proxy.connectionCount, 1);
      proxy.assertClean();
    });

    it(`bounds what the flow holds; the broker keeps the rest, and sends it as the flow goes on (version ${protocolVersion})`, async () => {
      const count = 24;
      const proxy = await bed.proxy(broker());
      const client = await open({ protocolVersion, url: proxy.url });
      const got = subscribe(client, 'flow');
      await connected(client);
      const full = new Promise<void>((resolve) => {
        client.on('report', ({ kind }) => kind === 'inbound-full' && resolve());
      });
      const source = await publisher();
      const payloads = numbers(count).map((payload) => payload.padEnd(1024 * 1024));
      await Promise.all(payloads.map((payload) => source.publish(topic, payload, 1)));
      await full;
      await roundTrip(client);
      assert.equal(got.length, 15, 'what has room in 16 MiB');
      assert.equal(proxy.connectionCount, 1, 'the connection stands, so that everything else goes on');
      const connectionsAt: number[] = [];
      for (let index = 0; index < count; index++) {
        await atLeast(got, index + 1);
        assert.equal(settle(client, got[index]?.mqttAck), 'counted');
        connectionsAt.push(proxy.connectionCount);
      }
      await waitFor(() => answers(proxy, 1).length >= count, {
        what: 'all acknowledgements',
        detail: () => proxy.recent(60),
      });
      assert.deepEqual(
        got.map((received) => text(received).trimEnd()),
        numbers(count),
      );
      assert.ok(proxy.connectionCount <= 3, `${proxy.connectionCount} connections: ${connectionsAt}`);
      proxy.assertClean();
    });
  }

  it('bounds also a backlog that the broker sends at once, whatever our Receive Maximum (MQTT 5)', async () => {
    const count = 1_500;
    const proxy = await bed.proxy(broker());
    const client = await open({ protocolVersion: 5, url: proxy.url });
    const got = subscribe(client, 'flow');
    await connected(client);
    await client.disconnect();
    const source = await publisher();
    await Promise.all(numbers(count).map((payload) => source.publish(topic, payload, 1)));
    client.connect();
    await atLeast(got, 1_000);
    await roundTrip(client);
    assert.equal(got.length, 1_000);
    assert.equal(client.statistics().unacknowledgedMessages, 1_000);
    for (let index = 0; index < count; index++) {
      await atLeast(got, index + 1);
      assert.equal(settle(client, got[index]?.mqttAck), 'counted');
    }
    assert.deepEqual(got.map(text), numbers(count));
    assert.ok(proxy.connectionCount <= 2 + 3, `${proxy.connectionCount} connections`);
    proxy.assertClean();
  });

  it('of QoS 0 is not asked for', async () => {
    const client = await open({ protocolVersion: 5 });
    const got = subscribe(client, 'flow');
    await connected(client);
    await client.publish(message('0', { topic, qos: 0 }));
    await atLeast(got, 1);
    assert.equal(got[0]?.mqttAck, undefined);
    assert.equal(client.statistics().unacknowledgedMessages, 0);
  });

  it('is given up with a subscription that is, once other subscribers are there', async () => {
    const proxy = await bed.proxy(broker());
    const client = await open({ protocolVersion: 4, url: proxy.url });
    const got = subscribe(client, 'flow');
    subscribe(client, 'other', `${topic}/other`);
    await connected(client);
    const source = await publisher();
    await source.publish(topic, 'a', 1);
    await atLeast(got, 1);
    client.hold();
    client.leave('flow');
    client.reconcile(() => 'deactivate');
    client.release();
    await roundTrip(client);
    assert.deepEqual(answers(proxy, 1), [], 'it is away, and may come back');
    client.hold();
    client.reconcile(() => 'remove');
    client.release();
    await waitFor(() => answers(proxy, 1).length === 1, { what: 'PUBACK' });
    assert.equal(client.statistics().unrouted, 1);
  });

  it('is given up with a subscription that is, also when there is no other subscriber', async () => {
    const proxy = await bed.proxy(broker());
    const client = await open({ protocolVersion: 4, url: proxy.url });
    const got = subscribe(client, 'flow');
    await connected(client);
    const source = await publisher();
    for (const payload of ['a', 'b']) await source.publish(topic, payload, 2);
    await atLeast(got, 2);
    client.hold();
    client.leave('flow');
    client.release();
    await roundTrip(client);
    assert.deepEqual(answers(proxy, 2), [], 'its subscription is there: it may come back');
    const abandoned: unknown[] = [];
    client.on('abandoned', (report) => abandoned.push(report));
    client.hold();
    client.reconcile(() => 'remove');
    client.release();
    await waitFor(() => answers(proxy, 2).length === 2, { what: 'both PUBRECs' });
    assert.deepEqual(abandoned, [{ count: 2, topic, subscriber: 'flow' }]);
    assert.equal(client.statistics().unacknowledgedMessages, 0);
    proxy.assertClean();
  });

  it('of a subscriber that stays away is given up, whoever else has its filter: they are waited for', async () => {
    const proxy = await bed.proxy(broker());
    const client = await open({ protocolVersion: 5, url: proxy.url });
    const gone = subscribe(client, 'gone');
    const present = subscribe(client, 'present');
    await connected(client);
    await (await publisher()).publish(topic, 'a', 1);
    await atLeast(gone, 1);
    await atLeast(present, 1);
    client.hold();
    client.leave('gone');
    client.release((subscriber) => subscriber === 'gone');
    settle(client, present[0]?.mqttAck);
    await roundTrip(client);
    assert.deepEqual(answers(proxy, 1), [], 'it may return');
    client.hold();
    client.release(() => false);
    await waitFor(() => answers(proxy, 1).length === 1, { what: 'PUBACK' });
    assert.equal(present.length, 1);
    proxy.assertClean();
  });

  it('of a subscriber that is back for something else is given up', async () => {
    const proxy = await bed.proxy(broker());
    const client = await open({ protocolVersion: 4, url: proxy.url });
    const before = subscribe(client, 'flow');
    const other = subscribe(client, 'other');
    await connected(client);
    await (await publisher()).publish(topic, 'a', 1);
    await atLeast(before, 1);
    await atLeast(other, 1);
    client.hold();
    client.leave('flow');
    const after = subscribe(client, 'flow', `${topic}/else`);
    client.release();
    await roundTrip(client);
    assert.deepEqual(answers(proxy, 1), [], 'the other one has not acknowledged');
    settle(client, other[0]?.mqttAck);
    await waitFor(() => answers(proxy, 1).length === 1, { what: 'PUBACK' });
    assert.deepEqual(after, []);
    proxy.assertClean();
  });

  it('of a subscriber that stays away is on the disk before the broker hears of it', async () => {
    const proxy = await bed.proxy(broker());
    const store = await bed.store();
    const first = await open({ protocolVersion: 4, url: proxy.url, store });
    const got = subscribe(first, 'flow');
    await connected(first);
    await (await publisher()).publish(topic, 'a', 2);
    await atLeast(got, 1);
    await first.disconnect();
    first.hold();
    first.leave('flow');
    first.reconcile(() => 'remove');
    first.release();
    await first.close();
    assert.deepEqual(answers(proxy, 2), []);
    const second = await open({ protocolVersion: 4, url: proxy.url, store });
    const after = subscribe(second, 'flow');
    await connected(second);
    await waitFor(() => answers(proxy, 2).length === 1, { what: 'PUBREC' });
    await roundTrip(second);
    assert.deepEqual(after, []);
    proxy.assertClean();
  });

  it('is not awaited any more when the broker has lost its session', async () => {
    const own = await bed.proxy(broker());
    const client = await open({ protocolVersion: 4, url: own.url, clean: true });
    const got = subscribe(client, 'flow');
    await connected(client);
    await (await publisher()).publish(topic, 'a', 1);
    await atLeast(got, 1);
    own.cut();
    await waitFor(() => own.connectionCount === 2 && client.connected, { what: 'the next connection' });
    assert.equal(settle(client, got[0]?.mqttAck), 'withdrawn');
    assert.equal(client.statistics().unacknowledgedMessages, 0);
  });

  it('finds its session among those of all stores, also of one client id', async () => {
    const stores = [await bed.store(), await bed.store({ path: `${bed.directory}/other` })];
    const proxies = [await bed.proxy(broker()), await bed.proxy(broker())];
    // Two client ids at the broker would not do: it is the same one in both stores, one after the other connected.
    const clients: SessionClient[] = [];
    const got: ReceivedMessage[][] = [];
    const source = await publisher();
    for (const [index, store] of stores.entries()) {
      const client = await open({ protocolVersion: 4, url: proxies[index]!.url, store, clean: true });
      clients.push(client);
      got.push(subscribe(client, 'flow'));
      await connected(client);
      await source.publish(topic, String(index), 1);
      await atLeast(got[index]!, 1);
      if (index === 0) await client.disconnect();
    }
    const [first, second] = got.map(([received]) => JSON.parse(JSON.stringify(received?.mqttAck)));
    assert.equal(first.session, second.session);
    assert.equal(acknowledge(structuredClone(second)), `manual-${tests}`);
    await waitFor(() => answers(proxies[1]!, 1).length === 1, { what: 'PUBACK' });
    assert.equal(clients[0]?.statistics().unacknowledgedMessages, 1);
    acknowledge(first);
    assert.equal(clients[0]?.statistics().unacknowledgedMessages, 0);
  });
});

function settle(client: SessionClient, reference: AcknowledgementReference | undefined): string {
  assert.ok(reference, 'it came with a reference');
  // As after a flow has cloned it.
  return client.acknowledge(JSON.parse(JSON.stringify(reference)) as AcknowledgementReference);
}

/** What was sent before has reached the broker, and its answer us. */
async function roundTrip(client: SessionClient): Promise<void> {
  await client.publish(message('round trip', { topic: 'nobody/listens' }), { until: 'acknowledged' });
}

function text({ payload }: ReceivedMessage): string {
  return payload.toString();
}

/** Identifiers of the PUBLISH packets to the client, in order. */
function published(proxy: MqttProxy): (number | undefined)[] {
  return proxy.events.flatMap(({ direction, packet }) =>
    direction === 'toClient' && packet.cmd === 'publish' ? [packet.identifier] : [],
  );
}

/** Identifiers of the acknowledgements from the client, in order. */
function answers(proxy: MqttProxy, qos: 1 | 2): (number | undefined)[] {
  const cmd = qos === 1 ? 'puback' : 'pubrec';
  return proxy.events.flatMap(({ direction, packet }) =>
    direction === 'toBroker' && packet.cmd === cmd ? [packet.identifier] : [],
  );
}
