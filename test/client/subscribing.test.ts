import * as assert from 'node:assert/strict';
import type { SessionClient } from '../../src/client/session-client';
import { Publisher } from '../support/observer';
import { waitFor } from '../support/wait';
import { Bed, connect, message, mosquitto, request } from './bed';

async function active(client: SessionClient, ...filters: string[]): Promise<void> {
  await waitFor(
    () => {
      const granted = client.subscriptions().filter(({ state }) => state === 'active');
      return filters.every((filter) => granted.some((subscription) => subscription.filter === filter));
    },
    { what: `active subscriptions to ${filters}`, detail: () => JSON.stringify(client.subscriptions()) },
  );
}

function states(client: SessionClient): string[] {
  return client.subscriptions().map(({ filter, qos, state }) => `${filter} ${qos} ${state}`);
}

describe('subscriptions', () => {
  const bed = new Bed();
  const broker = mosquitto();

  it('of one filter share one SUBSCRIBE at the highest QoS; both subscribers get each message', async () => {
    const proxy = await bed.proxy(broker());
    const client = await bed.openClient({ url: proxy.url });
    const got: string[] = [];
    client.subscribe('one', request('shared/filter', 0), ({ payload }) => void got.push(`one ${payload}`));
    client.subscribe('two', request('shared/filter', 2), ({ payload }) => void got.push(`two ${payload}`));
    await connect(client);
    await active(client, 'shared/filter');
    assert.deepEqual(states(client), ['shared/filter 2 active']);
    assert.equal(proxy.counters.toBroker.subscribe, 1);
    await client.publish(message('a', { topic: 'shared/filter' }));
    await waitFor(() => got.length >= 2, { what: 'the message at both' });
    assert.deepEqual(got, ['one a', 'two a']);
  });

  it('of one of two subscribers may end; the last one ends it at the broker', async () => {
    const proxy = await bed.proxy(broker());
    const client = await bed.connectedClient({ url: proxy.url });
    const got: string[] = [];
    client.subscribe('one', request('ending'), ({ payload }) => void got.push(`one ${payload}`));
    client.subscribe('two', request('ending', 2), ({ payload }) => void got.push(`two ${payload}`));
    await active(client, 'ending');
    client.unsubscribe('two', 'ending');
    await waitFor(() => states(client)[0] === 'ending 1 active', { what: 'the lower QoS' });
    assert.equal(proxy.counters.toBroker.unsubscribe, undefined);
    await client.publish(message('a', { topic: 'ending' }));
    await waitFor(() => got.length > 0, { what: 'the message' });
    assert.deepEqual(got, ['one a']);
    client.unsubscribe('one', 'ending');
    await waitFor(() => client.subscriptions().length === 0, { what: 'the end of the subscription' });
    assert.equal(proxy.counters.toBroker.unsubscribe, 1);
    proxy.assertClean();
  });

  it('keep the notes of who is remembered, also those made before the session was open', async () => {
    const store = await bed.store();
    const first = await bed.client({ store });
    first.subscribe('early', request('noted'), () => undefined, { note: 'before open' });
    await first.open();
    first.subscribe('late', request('noted'), () => undefined, { note: 'after open' });
    await first.close();
    const second = await bed.openClient({ store });
    assert.deepEqual(
      second.remembered('early').map(({ note }) => note),
      ['before open'],
    );
    assert.deepEqual(
      second.remembered('late').map(({ note }) => note),
      ['after open'],
    );
    // Neither has come back: what one of them gives up stays given up.
    second.unsubscribe('late', 'noted');
    await second.close();
    const third = await bed.openClient({ store });
    assert.deepEqual(third.remembered('late'), []);
    assert.equal(third.remembered('early').length, 1);
    third.unsubscribe('early', 'noted');
    assert.deepEqual(states(third), ['noted 1 removing']);
    assert.deepEqual(third.remembered('early'), []);
  });

  it('stay when a subscriber goes that keeps them', async () => {
    const client = await bed.openClient();
    client.subscribe('one', request('kept'), () => undefined);
    client.unsubscribe('one', 'kept', { keep: true });
    assert.deepEqual(states(client), ['kept 1 requested']);
    assert.deepEqual(client.filtersOf('one'), []);
  });

  it('are reconciled with those who subscribe now: kept, deactivated or removed', async () => {
    const store = await bed.store();
    const first = await bed.openClient({ store, url: broker().url });
    for (const filter of ['used', 'keep', 'deactivate', 'remove'])
      first.subscribe('user', request(filter), () => undefined);
    await connect(first);
    await active(first, 'used', 'keep', 'deactivate', 'remove');
    await first.close();

    const second = await bed.openClient({ store, url: broker().url });
    second.subscribe('user', request('used'), () => undefined);
    const asked: string[] = [];
    second.reconcile(({ filter }) => {
      asked.push(filter);
      return filter as 'keep' | 'deactivate' | 'remove';
    });
    assert.deepEqual(asked, ['keep', 'deactivate', 'remove']);
    await connect(second);
    const settled = ['used 1 active', 'keep 1 active', 'deactivate 1 inactive'];
    await waitFor(() => JSON.stringify(states(second)) === JSON.stringify(settled), {
      what: settled.join(),
      detail: () => states(second).join(),
    });
    // A message of a subscription that nobody has now is acknowledged and counted.
    const publisher = await Publisher.start({ port: broker().port, clientId: 'publisher' });
    await publisher.publish('keep', 'a', 1);
    await publisher.stop();
    await waitFor(() => second.statistics().unrouted === 1, { what: 'an unrouted message' });
    second.subscribe('user', request('deactivate'), () => undefined);
    await active(second, 'deactivate');
  });

  it('with an invalid filter are refused', async () => {
    const client = await bed.client();
    const shared = { ...request('$share/group/a'), noLocal: true };
    assert.throws(() => client.subscribe('user', request('a/#/b'), () => undefined), { code: 'ERR_FILTER' });
    assert.throws(() => client.subscribe('user', shared, () => undefined), {
      code: 'ERR_FILTER',
      message: /3\.8\.3-4/,
    });
  });
});

describe('routing', () => {
  const bed = new Bed();
  const broker = mosquitto();

  it('in MQTT 5 goes by Subscription Identifier: each copy to the subscription it is for, not to all that match', async () => {
    const client = await bed.connectedClient({ url: broker().url, protocolVersion: 5 });
    const got: string[] = [];
    client.subscribe('one', request('overlap/#'), ({ payload }) => void got.push(`one ${payload}`));
    client.subscribe('one', request('overlap/+'), ({ payload }) => void got.push(`one ${payload}`));
    client.subscribe('two', request('overlap/a'), ({ payload }) => void got.push(`two ${payload}`));
    client.subscribe('other', request('elsewhere'), ({ payload }) => void got.push(`other ${payload}`));
    await active(client, 'overlap/#', 'overlap/+', 'overlap/a', 'elsewhere');
    await client.publish(message('1', { topic: 'overlap/a' }));
    await client.publish(message('2', { topic: 'overlap/a/b' }));
    await client.publish(message('end', { topic: 'elsewhere' }));
    await waitFor(() => got.includes('other end'), { what: 'the last message' });
    // Mosquitto sends a copy for each subscription (3.3.4 of MQTT 5.0 allows it): by topic it would be six calls.
    assert.deepEqual(got.sort(), ['one 1', 'one 1', 'one 2', 'other end', 'two 1']);
  });

  it('in MQTT 3.1.1 goes by topic', async () => {
    const client = await bed.connectedClient({ url: broker().url });
    const got: string[] = [];
    client.subscribe('one', request('match/+/c'), ({ payload }) => void got.push(`one ${payload}`));
    client.subscribe('two', request('match/b/#'), ({ payload }) => void got.push(`two ${payload}`));
    await active(client, 'match/+/c', 'match/b/#');
    await client.publish(message('1', { topic: 'match/a/c' }));
    await client.publish(message('2', { topic: 'match/b' }));
    await client.publish(message('3', { topic: 'match/b/x' }));
    await waitFor(() => got.length >= 3, { what: 'all messages' });
    assert.deepEqual(got, ['one 1', 'two 2', 'two 3']);
  });
});
