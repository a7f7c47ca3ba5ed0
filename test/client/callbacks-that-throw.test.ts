import * as assert from 'node:assert/strict';
import { waitFor } from '../support/wait';
import { Bed, connect, drained, message, mosquitto, numbers, request } from './bed';

function fail(what: string): never {
  throw new Error(what);
}

describe('a callback that throws', () => {
  const bed = new Bed();
  const broker = mosquitto();

  it('as message handler is reported; the message counts as handled, the others are called, all goes on', async () => {
    const proxy = await bed.proxy(broker());
    const client = await bed.openClient({ url: proxy.url });
    const errors: string[] = [];
    client.on('callbackError', (error) => errors.push(error.message));
    const got: string[] = [];
    client.subscribe('bad', request('test', 2), ({ payload }) => fail(`handler ${payload}`));
    client.subscribe('rejecting', request('test', 2), async ({ payload }) => fail(`promise ${payload}`));
    client.subscribe('good', request('test', 2), ({ payload }) => void got.push(payload.toString()));
    await connect(client);
    await waitFor(() => client.subscriptions()[0]?.state === 'active', { what: 'the subscription' });
    for (const payload of numbers(5)) await client.publish(message(payload, { qos: 2 }));
    await drained(client);
    await waitFor(() => proxy.counters.toBroker.pubcomp === 5, { what: 'all messages to be acknowledged' });
    assert.deepEqual(got, numbers(5));
    assert.deepEqual(
      errors.sort(),
      [
        ...numbers(5).map((payload) => `handler ${payload}`),
        ...numbers(5).map((payload) => `promise ${payload}`),
      ].sort(),
    );
    assert.equal(client.connected, true);
    proxy.assertClean();
  });

  it('as observer is reported, and the next ones are called', async () => {
    const client = await bed.connectedClient({ url: broker().url });
    const errors: string[] = [];
    client.on('callbackError', (error) => errors.push(error.message));
    client.enqueue(message('1'), { stored: () => fail('stored'), acknowledged: () => fail('acknowledged') });
    client.enqueue(message('2', { qos: 0 }), { stored: () => fail('sent') });
    await client.publish(message('3'), { until: 'acknowledged' });
    assert.deepEqual(errors.sort(), ['acknowledged', 'sent', 'stored']);
    assert.equal(client.state.kind, 'open');
  });

  it('as listener of any event is reported, and keeps nothing from happening', async () => {
    const client = await bed.client({ url: broker().url, maxBytes: 200, whenFull: 'dropOldest' });
    const errors = new Set<string>();
    client.on('callbackError', (error) => errors.add(error.message));
    const later: string[] = [];
    for (const event of ['state', 'connected', 'disconnected', 'discarded', 'subscription', 'report'] as const) {
      client.on(event, () => fail(event));
      client.on(event, () => later.push(event));
    }
    await client.open();
    client.subscribe('user', request('elsewhere'), () => undefined);
    for (const payload of numbers(3)) await client.publish(message(payload.repeat(100)));
    await connect(client);
    await drained(client);
    await waitFor(() => errors.has('subscription'), { what: 'the subscription' });
    await client.close();
    assert.deepEqual([...errors].sort(), ['connected', 'discarded', 'disconnected', 'report', 'state', 'subscription']);
    assert.deepEqual(new Set(later), errors);
  });

  it('becomes a warning of the process when nobody listens, or the listener of that throws as well', async () => {
    const client = await bed.openClient();
    const warnings: string[] = [];
    const listener = (warning: Error) => warnings.push(warning.message);
    process.on('warning', listener);
    bed.after(async () => process.off('warning', listener));
    client.enqueue(message('1'), { stored: () => fail('nobody listens') });
    await client.publish(message('2'));
    client.on('callbackError', () => fail('listener'));
    client.enqueue(message('3'), { stored: () => fail('badly listened to') });
    await waitFor(() => warnings.length >= 3, { what: 'the warnings' });
    assert.deepEqual(warnings, ['nobody listens', 'listener', 'badly listened to']);
  });
});

describe('a handler', () => {
  const bed = new Bed();
  const broker = mosquitto();

  it('may publish, subscribe and disconnect from inside', async () => {
    const observer = await bed.observer(broker(), 'answers');
    const client = await bed.openClient({ url: broker().url });
    const answers: Promise<unknown>[] = [];
    client.subscribe('user', request('questions'), ({ payload }) => {
      answers.push(client.publish(message(`to ${payload}`, { topic: 'answers' }), { until: 'acknowledged' }));
      client.subscribe('user', request(`later/${payload}`), () => undefined);
    });
    client.subscribe('user', request('end'), () => void client.disconnect());
    await connect(client);
    await waitFor(() => client.subscriptions().every(({ state }) => state === 'active'), { what: 'subscriptions' });
    for (const payload of numbers(20)) await client.publish(message(payload, { topic: 'questions' }));
    await observer.waitForAll(numbers(20).map((payload) => `to ${payload}`));
    await Promise.all(answers);
    await client.publish(message('now', { topic: 'end' }));
    await waitFor(() => !client.connected, { what: 'the end' });
    assert.equal(client.subscriptions().length, 22);
  });
});
