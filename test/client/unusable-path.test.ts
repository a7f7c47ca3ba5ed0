import * as assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { sessionDirectoryName } from '../../src/store/safe-name';
import { waitFor } from '../support/wait';
import { Bed, message, TestDisk } from './bed';

describe('a session that cannot be opened', () => {
  const bed = new Bed();

  it('because something is in its place: publishes are refused with the reason, and work when it is gone', async () => {
    const store = await bed.store();
    const obstacle = path.join(store.path, sessionDirectoryName('tested'));
    await writeFile(obstacle, '');
    const client = await bed.client({ store });
    const early = client.publish(message('early'));
    const opening = client.open();
    await assert.rejects(early, (error: Error) => error.message.includes(store.path));
    await assert.rejects(client.publish(message('late')), (error: Error) => error.message.includes(store.path));
    await rm(obstacle);
    await opening;
    await client.publish(message('after'));
    assert.equal(client.stored.count, 1);
  });

  it('because the path may not be written: likewise', async () => {
    const disk = new TestDisk();
    const store = await bed.storeOn(disk);
    const fixed = disk.fail({ operation: 'makeDirectory', code: 'EACCES' });
    const client = await bed.client({ store });
    const opening = client.open();
    await waitFor(() => client.state.kind === 'opening' && client.state.error, { what: 'the reason' });
    await assert.rejects(client.publish(message('a')), { code: 'ERR_STORE_PATH' });
    fixed();
    await opening;
    await client.publish(message('b'));
  });
});
