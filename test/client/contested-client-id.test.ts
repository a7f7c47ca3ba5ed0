import * as assert from 'node:assert/strict';
import type { SessionClient } from '../../src/client/session-client';
import { systemScheduler } from '../../src/scheduler';
import { waitFor } from '../support/wait';
import { Bed, mosquitto } from './bed';

/** Time runs so much faster for the clients of these tests. */
const HASTE = 20;

const hastyScheduler = {
  now: () => systemScheduler.now() * HASTE,
  after: (delayMs: number, task: () => void, keepAlive?: boolean) =>
    systemScheduler.after(delayMs / HASTE, task, keepAlive),
};

describe('two clients with one client id', function () {
  this.timeout(30_000);
  const bed = new Bed();
  const broker = mosquitto();

  for (const protocolVersion of [4, 5] as const) {
    it(`notice it, say so, and do not take the session from each other all the time (version ${protocolVersion})`, async () => {
      const proxy = await bed.proxy(broker());
      const clients: SessionClient[] = [];
      const contested: boolean[] = [false, false];
      for (const index of [0, 1]) {
        const client = await bed.openClient({
          store: await bed.store({ path: `${bed.directory}/store-${index}` }),
          clientId: `contested-${protocolVersion}`,
          url: proxy.url,
          protocolVersion,
          maxReconnectDelayMs: 30_000,
          environment: { scheduler: hastyScheduler },
        });
        client.on('state', (state) => {
          if (state.kind === 'open' && state.contested) contested[index] = true;
        });
        clients.push(client);
        client.connect();
      }
      await waitFor(() => contested.every(Boolean), { what: 'both to notice' });
      // From here on the pauses grow up to 30 s; a ping-pong would go on with every round trip.
      const delays: number[] = [];
      for (const client of clients) {
        client.on('state', (state) => {
          if (state.kind !== 'open' || state.link.kind !== 'waiting') return;
          delays.push(state.link.retryAt - hastyScheduler.now());
        });
      }
      await waitFor(() => delays.some((delay) => delay > 10_000), { what: 'a long pause', timeoutMs: 20_000 });
      assert.ok(proxy.connectionCount < 40, `${proxy.connectionCount} connections`);
    });
  }
});
