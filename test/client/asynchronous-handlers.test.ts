import * as assert from 'node:assert/strict';
import { waitFor } from '../support/wait';
import { Bed, connect, message, mosquitto, request } from './bed';

describe('a message handler that answers a promise', () => {
  const bed = new Bed();
  const broker = mosquitto();

  for (const qos of [1, 2] as const) {
    it(`has its message acknowledged when the promise is settled, in the order of receipt (QoS ${qos})`, async () => {
      const proxy = await bed.proxy(broker());
      const client = await bed.openClient({ url: proxy.url });
      const settle: (() => void)[] = [];
      client.subscribe('slow', request('slow', qos), () => new Promise((resolve) => settle.push(resolve)));
      await connect(client);
      await waitFor(() => client.subscriptions()[0]?.state === 'active', { what: 'the subscription' });
      const acknowledgement = qos === 1 ? 'puback' : 'pubrec';
      const acknowledged = () => proxy.counters.toBroker[acknowledgement] ?? 0;
      for (const payload of ['1', '2']) await client.publish(message(payload, { topic: 'slow', qos }));
      await waitFor(() => settle.length === 2, { what: 'both messages at the handler' });
      assert.equal(acknowledged(), 0);
      settle[1]?.();
      // A round trip later the second one still waits for the first.
      await client.publish(message('round trip', { topic: 'elsewhere' }), { until: 'acknowledged' });
      assert.equal(acknowledged(), 0);
      settle[0]?.();
      await waitFor(() => acknowledged() === 2, { what: 'both acknowledgements' });
      proxy.assertClean();
    });
  }
});
