import * as assert from 'node:assert/strict';
import { Bed, message, mosquitto } from './bed';

describe('publish until acknowledged', () => {
  const bed = new Bed();
  const broker = mosquitto();

  for (const qos of [1, 2] as const) {
    it(`answers with the reason code of MQTT 5 (QoS ${qos})`, async () => {
      const client = await bed.connectedClient({ url: broker().url, protocolVersion: 5 });
      const lonely = await client.publish(message('a', { topic: 'nobody/listens', qos }), { until: 'acknowledged' });
      assert.equal(lonely?.reasonCode, qos === 1 ? 0x10 : 0);
      await bed.observer(broker(), 'heard');
      const heard = await client.publish(message('b', { topic: 'heard', qos }), { until: 'acknowledged' });
      assert.equal(heard?.reasonCode, 0);
    });

    it(`answers 0 in MQTT 3.1.1 (QoS ${qos})`, async () => {
      const client = await bed.connectedClient({ url: broker().url });
      assert.deepEqual(await client.publish(message('a', { qos }), { until: 'acknowledged' }), { reasonCode: 0 });
    });
  }

  it('says "stored" before "acknowledged", each once', async () => {
    const client = await bed.connectedClient({ url: broker().url });
    const calls: string[] = [];
    await new Promise<void>((resolve, reject) => {
      client.enqueue(message('a', { qos: 2 }), {
        stored: () => calls.push('stored'),
        acknowledged: () => {
          calls.push('acknowledged');
          resolve();
        },
        failed: reject,
      });
    });
    assert.deepEqual(calls, ['stored', 'acknowledged']);
  });
});
