import * as assert from 'node:assert/strict';
import * as path from 'node:path';
import { SessionLockedError } from '../../src/store/lock';
import { LibraryProcess } from '../support/library-process';
import { waitFor } from '../support/wait';
import { Bed, message } from './bed';

describe('a session that another process has open', function () {
  this.timeout(60_000);
  const bed = new Bed();

  it('is refused with its holder, tried again, and opened soon after the holder was killed', async () => {
    const holder = await LibraryProcess.start({
      storePath: path.join(bed.directory, 'sessions'),
      url: 'mqtt://127.0.0.1:1',
      clients: [{ clientId: 'tested', protocolVersion: 4, connect: false }],
      doneFile: path.join(bed.directory, 'done'),
      receivedFile: path.join(bed.directory, 'received'),
      generation: 1,
    });
    bed.after(() => holder.kill());
    await holder.call('publish', { clientId: 'tested', topic: 'test', qos: 1, first: 1, count: 3 });

    const client = await bed.client();
    const errors: Error[] = [];
    client.on('storeError', (error) => errors.push(error));
    const opening = client.open();
    await waitFor(() => errors.length > 0, { what: 'the refusal' });
    const [error] = errors;
    assert.ok(error instanceof SessionLockedError);
    assert.equal(error.code, 'ERR_SESSION_LOCKED');
    assert.equal(error.holder?.pid, holder.pid);
    assert.match(error.message, new RegExp(String(holder.pid)));
    assert.equal(client.state.kind === 'opening' && client.state.error?.message, error.message);
    await assert.rejects(client.publish(message('refused')), { code: 'ERR_SESSION_LOCKED' });

    await holder.kill();
    await opening;
    assert.equal(client.state.kind, 'open');
    assert.equal(client.stored.count, 3);
    assert.equal(errors.length, 1, 'the same reason is told once');
    await client.publish(message('taken'));
  });
});
