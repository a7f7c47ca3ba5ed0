import * as assert from 'node:assert/strict';
import { Bed, connect, drained, message, mosquitto, numbers, request } from './bed';

describe('the same session at another broker', function () {
  this.timeout(20_000);
  const bed = new Bed();
  const one = mosquitto();
  const other = mosquitto();

  it('starts anew there: subscriptions are made again, what was unacknowledged is sent as new', async () => {
    const store = await bed.store();
    const proxy = await bed.proxy(one());
    const first = await bed.openClient({ store, url: proxy.url });
    first.subscribe('user', request('there'), () => undefined);
    await connect(first);
    proxy.freeze();
    for (const payload of numbers(10)) await first.publish(message(payload, { qos: 2 }));
    await first.disconnect({ force: true });
    await first.close();

    const observer = await bed.observer(other());
    const reports: unknown[] = [];
    const second = await bed.client({ store, url: other().url });
    second.on('report', (report) => reports.push(report));
    await second.open();
    await connect(second);
    await drained(second);
    await observer.waitForAll(numbers(10));
    assert.deepEqual(
      observer.messages.map(({ payload, dup }) => `${payload} ${dup}`),
      numbers(10).map((payload) => `${payload} false`),
    );
    assert.deepEqual(reports, [{ kind: 'session-lost', requeued: 10, discarded: 0 }]);
    assert.equal(second.statistics().requeued, 10);
    assert.deepEqual(
      second.subscriptions().map(({ filter, state }) => `${filter} ${state}`),
      ['there active'],
    );
  });

  it('is the same one with other credentials in the URL', async () => {
    const store = await bed.store();
    const first = await bed.connectedClient({ store, url: one().url });
    await first.close();
    const second = await bed.client({ store, url: one().url.replace('//', '//user:secret@') });
    const reports: unknown[] = [];
    second.on('report', (report) => reports.push(report));
    await second.open();
    await connect(second);
    assert.deepEqual(reports, []);
  });
});
