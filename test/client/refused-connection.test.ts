import * as assert from 'node:assert/strict';
import { waitFor } from '../support/wait';
import { Bed, drained, message, mosquitto, numbers } from './bed';

const CREDENTIALS = { username: 'user', password: 'right' };

describe('a connection that the broker refuses', () => {
  const bed = new Bed();
  const broker = mosquitto({ credentials: CREDENTIALS });

  for (const [protocolVersion, reasonCode] of [
    [4, 5],
    [5, 0x87],
  ] as const) {
    it(`shows the reason in the state and is tried again; the queue stays (version ${protocolVersion})`, async () => {
      const connection = { username: 'user', password: 'wrong' };
      const store = await bed.store();
      const client = await bed.openClient({ store, url: broker().url, protocolVersion, connection });
      for (const payload of numbers(3)) await client.publish(message(payload));
      const attempts: boolean[] = [];
      client.on('disconnected', (_end, wasUp) => attempts.push(wasUp));
      client.connect();
      await waitFor(() => attempts.length >= 2, { what: 'a second attempt' });
      assert.deepEqual(attempts.slice(0, 2), [false, false]);
      const { state } = client;
      assert.ok(state.kind === 'open' && state.end !== undefined);
      assert.equal(state.end.kind, 'refused');
      assert.equal(state.end.reasonCode, reasonCode);
      assert.equal(
        state.end.error !== undefined && 'code' in state.end.error && state.end.error.code,
        'ERR_BROKER_REFUSED',
      );
      assert.equal(client.stored.count, 3);
      assert.equal(client.statistics().connectionSuccesses, 0);
      assert.ok(client.statistics().connectionFailures >= 2);
      await client.close();

      const next = await bed.openClient({ store, url: broker().url, protocolVersion, connection: CREDENTIALS });
      next.connect();
      await drained(next);
    });
  }
});
