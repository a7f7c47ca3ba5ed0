import * as assert from 'node:assert/strict';
import { Bed, drained, message, mosquitto, numbers } from './bed';

const EARLY_MAX = 10_000;

describe('publishes before the session is open', () => {
  const bed = new Bed();
  const broker = mosquitto();

  it('wait for it, and are delivered in order', async () => {
    const observer = await bed.observer(broker());
    const client = await bed.client({ url: broker().url });
    const stored = numbers(50).map((payload) => client.publish(message(payload)));
    client.connect();
    await client.open();
    await Promise.all(stored);
    await drained(client);
    await observer.waitForAll(numbers(50));
    assert.deepEqual(
      observer.messages.map(({ payload }) => payload),
      numbers(50),
    );
  });

  it('are bounded: what is above is refused at once, what waits is stored all the same', async () => {
    const client = await bed.client();
    const waiting = numbers(EARLY_MAX).map((payload) => client.publish(message(payload)));
    await assert.rejects(client.publish(message('too many')), { code: 'ERR_STORE_BUSY' });
    await client.open();
    await Promise.all(waiting);
    assert.equal(client.stored.count, EARLY_MAX);
  });

  it('are told when the client is closed before', async () => {
    const client = await bed.client();
    const waiting = client.publish(message('a'));
    await Promise.all([assert.rejects(waiting, { code: 'ERR_SESSION_CLOSED' }), client.close()]);
  });

  it('keep a pause and an unsubscription that came as early', async () => {
    const store = await bed.store();
    const first = await bed.openClient({ store });
    first.subscribe(
      'user',
      { filter: 'old', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
      () => {},
      {
        note: 'n',
      },
    );
    await first.close();
    const second = await bed.client({ store });
    second.pause();
    second.unsubscribe('user', 'old');
    assert.equal(second.paused, true);
    await second.open();
    assert.equal(second.paused, true);
    assert.deepEqual(second.remembered('user'), []);
    await second.close();
    const third = await bed.openClient({ store });
    assert.equal(third.paused, true);
  });
});
