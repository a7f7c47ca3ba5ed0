import * as assert from 'node:assert/strict';
import { mkdir, symlink } from 'node:fs/promises';
import * as path from 'node:path';
import { nodeFileSystem } from '../../src/store/node-file-system';
import type { SessionStore } from '../../src/store/session-store';
import { factsOf, machine } from '../store/support';
import { waitFor } from '../support/wait';
import { Bed, connect, message, mosquitto } from './bed';

describe('a session that another holder has taken over', function () {
  this.timeout(30_000);
  const bed = new Bed();
  const broker = mosquitto();

  /** A process of its own to the lock, which sees those of `running`; see the tests of the store. */
  async function processOf(pid: number, ...running: number[]): Promise<SessionStore> {
    const alias = path.join(bed.directory, `alias-${pid}`);
    await symlink(path.join(bed.directory, 'sessions'), alias);
    const processes = Object.fromEntries([pid, ...running].map((one) => [one, machine.processStart]));
    return bed.store({
      path: alias,
      fileSystem: { ...nodeFileSystem },
      holderFacts: factsOf({ ...machine, pid }, processes),
    });
  }

  it('stops at once, reports nothing more as stored, and waits for its turn', async () => {
    await mkdir(path.join(bed.directory, 'sessions'));
    const first = await bed.openClient({ store: await processOf(1, 2), url: broker().url });
    await connect(first);
    const errors: (string | undefined)[] = [];
    first.on('storeError', (error) => errors.push((error as NodeJS.ErrnoException).code));
    const down = new Promise((resolve) => first.once('disconnected', resolve));

    // It does not see the first one, and so takes it for dead.
    const second = await bed.openClient({ store: await processOf(2), clientId: 'tested' });
    await assert.rejects(first.publish(message('late')), { code: 'ERR_SESSION_LOST' });
    await down;
    assert.equal(first.connected, false);
    assert.equal(first.state.kind, 'opening');
    await assert.rejects(first.publish(message('later')), /taken it over|open in/);
    await second.publish(message('of the second'));
    await waitFor(() => errors.includes('ERR_SESSION_LOCKED'), { what: 'the first to be refused' });
    assert.deepEqual(errors, ['ERR_SESSION_LOST', 'ERR_SESSION_LOCKED']);

    await second.close();
    await waitFor(() => first.state.kind === 'open' && first.connected, { what: 'the turn of the first' });
    await waitFor(() => first.stored.count === 0, { what: 'what the second stored to be delivered' });
    assert.equal(first.statistics().messagesSent, 1);
  });
});
