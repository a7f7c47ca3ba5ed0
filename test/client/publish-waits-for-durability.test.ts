import * as assert from 'node:assert/strict';
import { waitFor } from '../support/wait';
import { Bed, holdBack, message, TestDisk } from './bed';

describe('publish', () => {
  const bed = new Bed();

  it('says "stored" only when the sync that covers the message has returned', async () => {
    const disk = new TestDisk();
    const store = await bed.storeOn(disk);
    const client = await bed.openClient({ store });
    const held = holdBack(disk, 'sync');
    let stored = false;
    const publishing = client.publish(message('a')).then(() => {
      stored = true;
    });
    await waitFor(() => held.waiting() > 0, { what: 'a sync under way' });
    await new Promise(setImmediate);
    assert.equal(stored, false);
    held.release();
    await publishing;
    assert.deepEqual(client.stored.count, 1);
  });

  it('stores all publishes of one turn with one write and one sync', async () => {
    const client = await bed.openClient();
    const before = client.statistics();
    await Promise.all(['a', 'b', 'c', 'd'].map((payload) => client.publish(message(payload))));
    const after = client.statistics();
    assert.deepEqual([after.writes - before.writes, after.syncs - before.syncs], [1, 1]);
  });
});
