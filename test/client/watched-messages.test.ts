import * as assert from 'node:assert/strict';
import { Bed, connect, drained, message, mosquitto, numbers } from './bed';

describe('publish until acknowledged, of a message that waits offline', () => {
  const bed = new Bed();
  const broker = mosquitto();

  it('is answered, too, when the queue is larger than what is kept in memory', async () => {
    const client = await bed.openClient({ url: broker().url });
    const answers = numbers(40).map((payload) =>
      client.publish(message(payload.padEnd(100_000)), { until: 'acknowledged' }),
    );
    await connect(client);
    for (const answer of await Promise.all(answers)) assert.equal(answer?.reasonCode, 0);
    await drained(client);
  });

  it('is answered at QoS 0 when it has been sent', async () => {
    const client = await bed.openClient({ url: broker().url });
    const answer = client.publish(message('a', { qos: 0 }), { until: 'acknowledged' });
    await connect(client);
    assert.deepEqual(await answer, { reasonCode: 0 });
  });
});
