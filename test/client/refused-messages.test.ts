import * as assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { DiscardedMessage } from '../../src/client/session-client';
import { Bed, connect, drained, message, mosquitto } from './bed';

describe('a message that the broker refuses', () => {
  const bed = new Bed();
  const directory = mkdtempSync(path.join(os.tmpdir(), 'mqtt-sessions-acl-'));
  const aclFile = path.join(directory, 'acl');
  writeFileSync(aclFile, 'topic readwrite allowed/#\ntopic readwrite $SYS/#\n', { mode: 0o600 });
  after(() => rmSync(directory, { recursive: true }));
  const broker = mosquitto({ configuration: [`acl_file ${aclFile}`] });

  for (const qos of [1, 2] as const) {
    it(`is told to who waits for it, and gone; the queue goes on (QoS ${qos})`, async () => {
      const client = await bed.connectedClient({ url: broker().url, protocolVersion: 5 });
      const refused = client.publish(message('a', { topic: 'forbidden', qos }), { until: 'acknowledged' });
      const taken = client.publish(message('b', { topic: 'allowed/1', qos }), { until: 'acknowledged' });
      await assert.rejects(refused, { code: 'ERR_MESSAGE_REFUSED', message: /"forbidden".*0x87/ });
      await taken;
      await drained(client);
    });
  }

  it('is a "discarded" event, with its origin, when nobody waits any more', async () => {
    const store = await bed.store();
    const first = await bed.openClient({ store, protocolVersion: 5 });
    const origin = { node: 'node-1', messageId: 'message-1' };
    await first.publish(message('a', { topic: 'forbidden' }), { origin });
    await first.close();
    const second = await bed.openClient({ store, url: broker().url, protocolVersion: 5 });
    const told = new Promise<DiscardedMessage>((resolve) => second.once('discarded', resolve));
    await connect(second);
    const discarded = await told;
    assert.equal(discarded.error.code, 'ERR_MESSAGE_REFUSED');
    assert.equal(discarded.observed, false);
    assert.deepEqual(discarded.message.origin, origin);
    await drained(second);
    assert.equal(second.statistics().discarded, 1);
  });
});
