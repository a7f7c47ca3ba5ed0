import * as assert from 'node:assert/strict';
import { Bed, connect, drained, message, mosquitto, numbers } from './bed';

describe('QoS 0', () => {
  const bed = new Bed();
  const broker = mosquitto();

  it('is sent at once while connected, past the queue', async () => {
    const observer = await bed.observer(broker());
    const client = await bed.connectedClient({ url: broker().url });
    const before = client.statistics().writes;
    for (const payload of numbers(10)) await client.publish(message(payload, { qos: 0 }));
    await observer.waitForAll(numbers(10));
    assert.equal(client.statistics().writes, before);
    assert.deepEqual(await client.publish(message('11', { qos: 0 }), { until: 'acknowledged' }), { reasonCode: 0 });
  });

  it('is queued on disk while not connected, survives a restart, and is sent once, in order', async () => {
    const observer = await bed.observer(broker());
    const store = await bed.store();
    const first = await bed.openClient({ store });
    for (const payload of numbers(10)) await first.publish(message(payload, { qos: 0 }));
    await first.close();
    const second = await bed.openClient({ store, url: broker().url });
    assert.equal(second.stored.count, 10);
    await connect(second);
    await drained(second);
    await observer.waitForAll(numbers(10));
    assert.deepEqual(
      observer.messages.map(({ payload, qos }) => `${payload} ${qos}`),
      numbers(10).map((payload) => `${payload} 0`),
    );
  });
});
