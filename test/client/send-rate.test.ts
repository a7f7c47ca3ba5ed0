import * as assert from 'node:assert/strict';
import { ManualScheduler } from '../support/manual-scheduler';
import { waitFor } from '../support/wait';
import { Bed, connect, message, mosquitto, numbers } from './bed';

describe('a limited send rate', () => {
  const bed = new Bed();
  const broker = mosquitto();

  it('spreads the queue over time, and needs no other event to go on', async () => {
    const scheduler = new ManualScheduler();
    const client = await bed.openClient({ url: broker().url, maxSendRate: 20, environment: { scheduler } });
    for (const payload of numbers(10)) await client.publish(message(payload));
    await connect(client);
    for (let stored = 8; stored >= 0; stored--) {
      await waitFor(() => client.stored.count <= stored && client.inflight === 0, { what: `${stored} stored` });
      assert.equal(client.stored.count, stored);
      scheduler.advance(50);
    }
  });
});
