import * as assert from 'node:assert/strict';
import { ConnectionControl } from '../../nodes/mqtt-persistent-broker/connection-control';
import type { SessionClient } from '../../src/client/session-client';
import { Bed } from '../client/bed';

describe('before the flows run', () => {
  const bed = new Bed();
  const linkOf = (client: SessionClient) => (client.state.kind === 'open' ? client.state.link.kind : client.state.kind);

  it('nothing is connected, whatever is wanted; then it is', async () => {
    const client = await bed.openClient();
    let running = false;
    const control = new ConnectionControl(true, {
      openClient: () => client,
      isRunning: () => running,
      hasUsers: () => true,
      failure: () => undefined,
      failed: (error) => assert.fail(error),
    });
    await control.align();
    assert.equal(linkOf(client), 'idle');
    void control.connect(async () => true).catch(() => undefined);
    await control.align();
    assert.equal(linkOf(client), 'idle');
    running = true;
    await control.flowsStarted();
    assert.notEqual(linkOf(client), 'idle');
  });
});
