import * as assert from 'node:assert/strict';
import type { SessionClientOptions } from '../../src/client/options';
import { waitFor } from '../support/wait';
import { Bed, connect, drained, message, mosquitto, numbers } from './bed';

function status(payload: string, qos: 0 | 1 | 2) {
  return { topic: 'status', payload: Buffer.from(payload), qos, retain: false };
}

describe('birth and close messages', function () {
  this.timeout(20_000);
  const bed = new Bed();
  const broker = mosquitto();

  for (const qos of [0, 1, 2] as const) {
    it(`are the first and the last of every connection, past the queue (QoS ${qos})`, async () => {
      const observer = await bed.observer(broker());
      const settings: Partial<SessionClientOptions> = { birth: status('online', qos), close: status('offline', qos) };
      const client = await bed.openClient({ url: broker().url, ...settings });
      // Of the same QoS: on its way to the observer, one may overtake another.
      await Promise.all(numbers(5).map((payload) => client.publish(message(payload, { topic: 'status', qos }))));
      await connect(client);
      await observer.waitForAll(['online', ...numbers(5)]);
      await drained(client);
      await client.disconnect();
      await observer.waitForAll(['offline']);
      await connect(client);
      await client.close();
      await waitFor(() => observer.messages.length === 9, { what: 'the messages of the second connection' });
      assert.deepEqual(
        observer.messages.map(({ payload }) => payload),
        ['online', ...numbers(5), 'offline', 'online', 'offline'],
      );
    });
  }

  it('is said once when several ask for the end at the same time', async () => {
    const observer = await bed.observer(broker());
    const proxy = await bed.proxy(broker());
    const client = await bed.connectedClient({ url: proxy.url, close: status('offline', 2) });
    await Promise.all([client.disconnect(), client.disconnect(), client.close()]);
    await observer.waitForAll(['offline']);
    assert.equal(proxy.counters.toBroker.publish, 1);
    proxy.assertClean();
  });

  it('does not keep a connection from ending whose broker answers nothing', async () => {
    const proxy = await bed.proxy(broker());
    const client = await bed.connectedClient({ url: proxy.url, close: status('offline', 1) });
    proxy.freeze();
    await client.close();
    assert.equal(client.state.kind, 'closed');
  });

  it('leaves the word to the will when the client dies', async () => {
    const observer = await bed.observer(broker());
    const proxy = await bed.proxy(broker());
    await bed.connectedClient({ url: proxy.url, close: status('offline', 1), connection: { will: status('died', 1) } });
    proxy.cut();
    await observer.waitForAll(['died']);
    assert.equal(observer.messages.length, 1);
  });
});
