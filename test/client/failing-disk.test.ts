import * as assert from 'node:assert/strict';
import type { SessionClient } from '../../src/client/session-client';
import { waitFor } from '../support/wait';
import { Bed, connect, drained, message, mosquitto, numbers, TestDisk } from './bed';

/** Publishes until it works; what is refused is not stored. */
async function publishWhenPossible(client: SessionClient, payload: string): Promise<void> {
  const stored = () =>
    client.publish(message(payload)).then(
      () => true,
      () => false,
    );
  await waitFor(stored, { what: 'a message to be stored again', intervalMs: 50 });
}

describe('a failing disk', function () {
  this.timeout(30_000);
  const bed = new Bed();
  const broker = mosquitto();

  it('that fails one write refuses that message, tells why, and works again without being asked to', async () => {
    const disk = new TestDisk();
    const client = await bed.openClient({ store: await bed.storeOn(disk) });
    const events: string[] = [];
    client.on('storeError', (error) => events.push((error as NodeJS.ErrnoException).code ?? ''));
    client.on('storeRecovered', () => events.push('recovered'));
    disk.fail({ operation: 'write', path: /mcpj$/, code: 'EIO', times: 1 });
    await assert.rejects(client.publish(message('a')), { code: 'EIO', message: /"tested".*EIO/ });
    await assert.rejects(client.publish(message('at once')), { code: 'EIO', message: /"tested".*EIO/ });
    assert.equal(client.stored.count, 0);
    await publishWhenPossible(client, 'b');
    assert.equal(client.stored.count, 1);
    assert.deepEqual(events, ['EIO', 'recovered']);
  });

  it('that is full refuses new messages, delivers the stored ones, and takes new ones when there is room', async () => {
    const disk = new TestDisk();
    const observer = await bed.observer(broker());
    const store = await bed.storeOn(disk);
    const client = await bed.openClient({ store, url: broker().url });
    await Promise.all(numbers(200).map((payload) => client.publish(message(payload, { qos: 2 }))));
    disk.capacity = disk.used;
    await assert.rejects(client.publish(message('no room')), { code: 'ENOSPC' });
    assert.equal(client.stored.count, 200);
    await connect(client);
    await drained(client);
    disk.capacity = Number.POSITIVE_INFINITY;
    await publishWhenPossible(client, 'room');
    await observer.waitForAll([...numbers(200), 'room']);
    assert.deepEqual(observer.doubled(), []);
    assert.deepEqual(
      observer.messages.map(({ payload }) => payload),
      [...numbers(200), 'room'],
    );
  });

  it('whose sync fails reports nothing stored until it is written anew, and then it is', async () => {
    const disk = new TestDisk();
    const store = await bed.storeOn(disk);
    const client = await bed.openClient({ store });
    await client.publish(message('before'));
    disk.fail({ operation: 'sync', path: /mcpj$/, code: 'EIO', times: 1 });
    await client.publish(message('after'));

    const rest = disk.crash('power', 3);
    bed.abandon(client);
    const next = await bed.openClient({ store: await bed.storeOn(rest) });
    assert.equal(next.stored.count, 2);
  });
});
