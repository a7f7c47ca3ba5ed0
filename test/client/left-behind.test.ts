import * as assert from 'node:assert/strict';
import { type Scheduler, systemScheduler } from '../../src/scheduler';
import { Bed, connect, drained, message, mosquitto, numbers, request } from './bed';

/** The system's timers, counted. */
class CountedTimers implements Scheduler {
  readonly pending = new Set<object>();

  now(): number {
    return systemScheduler.now();
  }

  after(delayMs: number, task: () => void, keepAlive?: boolean): () => void {
    const entry = { delayMs };
    this.pending.add(entry);
    const cancel = systemScheduler.after(
      delayMs,
      () => {
        this.pending.delete(entry);
        task();
      },
      keepAlive,
    );
    return () => {
      this.pending.delete(entry);
      cancel();
    };
  }
}

describe('a closed client', () => {
  const bed = new Bed();
  const broker = mosquitto();

  it('leaves no timer behind, whatever it was doing', async () => {
    const scheduler = new CountedTimers();
    const store = await bed.store({ scheduler });
    const proxy = await bed.proxy(broker());
    const environment = { scheduler };
    const farewell = { topic: 'status', payload: Buffer.from('gone'), qos: 1, retain: false } as const;

    const busy = await bed.openClient({ store, url: proxy.url, environment, expiryInterval: 3_600, close: farewell });
    busy.subscribe('user', request('test'), () => undefined);
    await connect(busy);
    await Promise.all(numbers(50).map((payload) => busy.publish(message(payload))));
    await drained(busy);
    await busy.close();
    assert.deepEqual([...scheduler.pending], [], 'after work');

    const waiting = await bed.openClient({ store, url: 'mqtt://127.0.0.1:1', environment });
    const failed = new Promise((resolve) => waiting.once('disconnected', resolve));
    waiting.connect();
    await failed;
    await waiting.close();
    assert.deepEqual([...scheduler.pending], [], 'between two attempts to connect');

    const holder = await bed.openClient({ store });
    const locked = await bed.client({ store: await bed.store({ scheduler, closeWaitMs: 0 }), environment });
    const refused = new Promise((resolve) => locked.once('storeError', resolve));
    void locked.open();
    await refused;
    await locked.close();
    await holder.close();
    assert.deepEqual([...scheduler.pending], [], 'between two attempts to open');
  });
});
