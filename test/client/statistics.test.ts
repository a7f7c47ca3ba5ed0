import * as assert from 'node:assert/strict';
import { waitFor } from '../support/wait';
import { Bed, connect, drained, message, mosquitto, numbers, request } from './bed';

describe('statistics', () => {
  const bed = new Bed();
  const broker = mosquitto();

  it('agree with what a proxy in between saw, over connections and sessions', async () => {
    const proxy = await bed.proxy(broker());
    const client = await bed.openClient({ url: proxy.url });
    client.subscribe('user', request('test', 2), () => undefined);
    await connect(client);
    await waitFor(() => client.subscriptions()[0]?.state === 'active', { what: 'the subscription' });
    for (const payload of numbers(30))
      await client.publish(message(payload, { qos: Number(payload) % 2 === 0 ? 1 : 2 }));
    await drained(client);
    proxy.cut();
    await waitFor(() => client.connected && proxy.connectionCount === 2, { what: 'the second connection' });
    await client.publish(message('31'));
    await drained(client);
    await waitFor(() => client.statistics().messagesReceived >= 31, { what: 'all messages back' });
    const open = client.statistics();
    await client.close();

    for (const statistics of [open, client.statistics()]) {
      assert.equal(statistics.messagesSent, proxy.counters.toBroker.publish);
      assert.equal(statistics.messagesReceived, 31);
      assert.equal(statistics.connectionAttempts, 2);
      assert.equal(statistics.connectionSuccesses, 2);
      assert.equal(statistics.connectionFailures, 0);
      assert.equal(statistics.reconnections, 1);
      assert.equal(statistics.unrouted, 0);
      assert.ok(statistics.lastDisconnectAt > 0 && statistics.lastConnectAt > 0);
    }
    assert.deepEqual([open.queuedMessages, open.inflightMessages], [0, 0]);
    assert.ok(open.writes > 0 && open.syncs > 0 && open.journalBytes > 0);
  });

  it('count what waits and what is in flight', async () => {
    const proxy = await bed.proxy(broker());
    const client = await bed.connectedClient({ url: proxy.url, maxInflight: 5 });
    const before = Date.now();
    proxy.freeze();
    for (const payload of numbers(12)) await client.publish(message(payload));
    const { inflightMessages, queuedMessages, oldestEnqueuedAt } = client.statistics();
    assert.deepEqual([inflightMessages, queuedMessages], [5, 7]);
    assert.equal(client.openMessages().length, 5);
    assert.ok(oldestEnqueuedAt >= before - 1_000);
    proxy.thaw();
    await drained(client);
  });
});
