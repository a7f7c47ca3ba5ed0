import * as assert from 'node:assert/strict';
import { Bed, request } from './bed';

describe('a subscriber that leaves, as a node does that is deployed anew', () => {
  const bed = new Bed();

  it('leaves its subscription in the session: nothing is taken back at the broker', async () => {
    const client = await bed.openClient();
    client.subscribe('node', request('plant/#'), () => undefined);
    const before = client.subscriptions();
    assert.deepEqual(
      before.map(({ filter, state }) => [filter, state]),
      [['plant/#', 'requested']],
    );
    client.leave('node');
    assert.deepEqual(client.subscriptions(), before);
  });
});
