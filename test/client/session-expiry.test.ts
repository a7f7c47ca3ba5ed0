import * as assert from 'node:assert/strict';
import { systemScheduler } from '../../src/scheduler';
import { Bed, connect, drained, message, mosquitto, request } from './bed';

/** The system's timers on a clock that is `offsetMs` ahead. */
function aheadBy(offsetMs: number) {
  return { ...systemScheduler, now: () => systemScheduler.now() + offsetMs };
}

const HOUR_MS = 3_600_000;

describe('the expiry of a stored session', () => {
  const bed = new Bed();
  const broker = mosquitto();

  /** Uses a session, leaves one message in it, and opens it again on the clock of `later`. */
  async function openLater(later: number, before = 0) {
    const store = await bed.store({ scheduler: aheadBy(before) });
    const first = await bed.openClient({
      store,
      url: broker().url,
      expiryInterval: 60,
      environment: { scheduler: aheadBy(before) },
    });
    first.subscribe('user', request('expiring/#'), () => undefined);
    await connect(first);
    await first.disconnect();
    await first.publish(message('kept'));
    await first.close();
    await store.close();
    const reports: string[] = [];
    const client = await bed.client({
      store: await bed.store({ scheduler: aheadBy(later) }),
      url: broker().url,
      expiryInterval: 60,
      environment: { scheduler: aheadBy(later) },
    });
    client.on('report', ({ kind }) => reports.push(kind));
    await client.open();
    return { client, reports };
  }

  it('starts the protocol state anew, keeps the queue, and asks for the subscriptions again', async () => {
    const observer = await bed.observer(broker(), 'test');
    const { client, reports } = await openLater(HOUR_MS);
    assert.deepEqual(reports, ['session-expired']);
    assert.equal(client.stored.count, 1);
    assert.deepEqual(
      client.subscriptions().map(({ filter, state }) => `${filter} ${state}`),
      ['expiring/# requested'],
    );
    await connect(client);
    await drained(client);
    await observer.waitForAll(['kept']);
    assert.deepEqual(reports, ['session-expired', 'session-adopted']);
  });

  it('does nothing before its time', async () => {
    const { client, reports } = await openLater(30_000);
    assert.deepEqual(reports, []);
    assert.equal(client.subscriptions()[0]?.state, 'active');
  });

  it('does nothing when the clock was not set at the last access', async () => {
    const { reports } = await openLater(0, -systemScheduler.now() + HOUR_MS);
    assert.deepEqual(reports, []);
  });

  it('does nothing when the clock has gone back', async () => {
    const { reports } = await openLater(-HOUR_MS);
    assert.deepEqual(reports, []);
  });
});
