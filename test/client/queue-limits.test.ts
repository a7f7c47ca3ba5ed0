import * as assert from 'node:assert/strict';
import { Bed, connect, drained, message, mosquitto } from './bed';

const PAYLOAD = 'x'.repeat(1_000);

describe('a full queue', () => {
  const bed = new Bed();
  const broker = mosquitto();

  it('refuses new messages with "reject", and takes them again when it has drained', async () => {
    const observer = await bed.observer(broker());
    const client = await bed.openClient({ url: broker().url, maxBytes: 3_500 });
    for (let count = 1; count <= 3; count++) await client.publish(message(PAYLOAD));
    await assert.rejects(client.publish(message(PAYLOAD)), { code: 'ERR_QUEUE_FULL', message: /"tested" is full \(3/ });
    assert.equal(client.stored.count, 3);
    await connect(client);
    await drained(client);
    await client.publish(message(`${PAYLOAD}!`));
    await observer.waitForAll([`${PAYLOAD}!`]);
    assert.equal(observer.messages.length, 4);
  });

  it('makes room with "dropOldest", and tells whom it cost a message', async () => {
    const observer = await bed.observer(broker());
    const client = await bed.openClient({ url: broker().url, maxBytes: 3_500, whenFull: 'dropOldest' });
    const discarded: string[] = [];
    client.on('discarded', ({ message: { payload }, error, observed }) => {
      discarded.push(`${payload.toString().slice(-1)} ${error.code} ${observed}`);
    });
    const first = client.publish(message(`${PAYLOAD}1`), { until: 'acknowledged' });
    first.catch(() => undefined);
    for (const number of [2, 3, 4, 5]) await client.publish(message(`${PAYLOAD}${number}`));
    await assert.rejects(first, { code: 'ERR_MESSAGE_DROPPED' });
    assert.deepEqual(discarded, ['1 ERR_MESSAGE_DROPPED true', '2 ERR_MESSAGE_DROPPED false']);
    const { dropped } = client.statistics();
    assert.equal(dropped, 2);
    await connect(client);
    await observer.waitForAll([3, 4, 5].map((number) => `${PAYLOAD}${number}`));
    assert.equal(observer.messages.length, 3);
  });
});
