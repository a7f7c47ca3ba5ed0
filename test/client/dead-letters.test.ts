import * as assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import type { SessionClient } from '../../src/client/session-client';
import { MemoryDisk } from '../support/memory-disk';
import { waitFor } from '../support/wait';
import { Bed, connect, drained, message, mosquitto, numbers, TestDisk } from './bed';

/** Offline, they expire at once: `count` dead letters as soon as there is a connection. */
async function giveUp(client: SessionClient, payloads: readonly string[]): Promise<void> {
  for (const payload of payloads) {
    await client.publish(message(payload, { topic: 'late', properties: { messageExpiryInterval: 0 } }));
  }
}

async function payloadsOf(client: SessionClient): Promise<string[]> {
  return (await client.deadLetters()).map(({ message }) => message.payload.toString());
}

describe('dead letters', () => {
  const bed = new Bed();
  const directory = mkdtempSync(path.join(os.tmpdir(), 'mqtt-sessions-acl-'));
  const aclFile = path.join(directory, 'acl');
  writeFileSync(aclFile, 'topic readwrite allowed/#\ntopic readwrite late\n', { mode: 0o600 });
  after(() => rmSync(directory, { recursive: true }));
  const broker = mosquitto({ configuration: [`acl_file ${aclFile}`] });

  it('hold what the broker refused, with its reason and who queued it, over a restart', async () => {
    const store = await bed.store();
    const first = await bed.connectedClient({ store, url: broker().url, protocolVersion: 5 });
    const origin = { node: 'node-1', messageId: 'message-1' };
    await first.publish(message('a', { topic: 'forbidden', qos: 2 }), { origin });
    await drained(first);
    await first.close();
    const second = await bed.openClient({ store, url: broker().url, protocolVersion: 5 });
    const [letter] = await second.deadLetters();
    assert.ok(letter !== undefined);
    assert.deepEqual(
      [letter.reason, letter.reasonCode, letter.origin, letter.message.topic, letter.message.payload.toString()],
      ['refused', 0x87, origin, 'forbidden', 'a'],
    );
    assert.ok(letter.failedAt >= letter.enqueuedAt && letter.size > 0);
    assert.deepEqual(await second.deadLetters(letter.id), []);
  });

  it('are durable before the publisher is told', async () => {
    const client = await bed.connectedClient({ url: broker().url, protocolVersion: 5 });
    const refused = client.publish(message('a', { topic: 'forbidden' }), { until: 'acknowledged' });
    await assert.rejects(refused, { code: 'ERR_MESSAGE_REFUSED' });
    assert.deepEqual(await payloadsOf(client), ['a']);
  });

  it('are sent again, in their order, all or some, and are gone then', async () => {
    const client = await bed.openClient({ url: broker().url, protocolVersion: 5 });
    await giveUp(client, numbers(5));
    await connect(client);
    await drained(client);
    assert.deepEqual(await payloadsOf(client), numbers(5));
    const observer = await bed.observer(broker(), 'late');
    const chosen = (await client.deadLetters()).slice(1, 3).map(({ id }) => id);
    client.pause();
    assert.equal(await client.replayDeadLetters(chosen), 2);
    assert.deepEqual(await payloadsOf(client), ['1', '4', '5']);
    assert.equal(await client.replayDeadLetters(), 3);
    assert.deepEqual(await payloadsOf(client), []);
    assert.equal(client.stored.count, 5);
    assert.deepEqual(client.transferSources(), []);
    client.resume();
    // Their interval is over at once: they become dead letters again, as new ones.
    await drained(client);
    assert.deepEqual(await payloadsOf(client), ['2', '3', '1', '4', '5']);
    assert.equal(observer.on('late').length, 0);
  });

  it('that are refused again become dead letters again, once', async () => {
    const client = await bed.connectedClient({ url: broker().url, protocolVersion: 5 });
    for (const payload of numbers(3)) await client.publish(message(payload, { topic: 'forbidden' }));
    await drained(client);
    assert.equal(await client.replayDeadLetters(), 3);
    await drained(client);
    assert.deepEqual(await payloadsOf(client), numbers(3));
  });

  it('are thrown away, all or some', async () => {
    const client = await bed.openClient({ url: broker().url, protocolVersion: 5 });
    await giveUp(client, numbers(4));
    await connect(client);
    await drained(client);
    const [first] = await client.deadLetters();
    assert.equal(await client.discardDeadLetters([first!.id, 9_999]), 1);
    assert.deepEqual(await payloadsOf(client), ['2', '3', '4']);
    assert.equal(await client.discardDeadLetters(), 3);
    assert.deepEqual(await client.deadLetters(), []);
  });

  it('stay where there is no room for them in the queue, and say how many went', async () => {
    const client = await bed.openClient({ url: broker().url, protocolVersion: 5, maxBytes: 100_000 });
    const payload = (index: number) => `${index}`.padEnd(2_000, '.');
    for (let index = 0; index < 3; index++) {
      await client.publish(message(payload(index), { topic: 'late', properties: { messageExpiryInterval: 0 } }));
    }
    await connect(client);
    await drained(client);
    client.pause();
    await client.publish(message('x'.repeat(95_000), { topic: 'late' }));
    await assert.rejects(client.replayDeadLetters(), { code: 'ERR_QUEUE_FULL', replayed: 2 });
    assert.equal((await client.deadLetters()).length, 1);
    client.resume();
    await drained(client);
    // Those that went have expired again.
    const left = await payloadsOf(client);
    assert.deepEqual(
      left.map((text) => text.slice(0, 1)),
      ['2', '0', '1'],
    );
  });

  it('are sent once though the process died in the middle of sending them again', async () => {
    const url = broker().url;
    const disk = new MemoryDisk(1);
    const first = await bed.openClient({ store: await bed.storeOn(disk), url, protocolVersion: 5 });
    await giveUp(first, numbers(3));
    await connect(first);
    await drained(first);
    await first.disconnect();
    // The machine dies when the file of dead letters is about to change.
    let died: ReturnType<MemoryDisk['crash']> | undefined;
    disk.onCall = (_call, operation, file) => {
      if (file.includes('failed.mcpj') && (operation === 'write' || operation === 'open'))
        died ??= disk.crash('power', 7);
      return undefined;
    };
    void first.replayDeadLetters();
    const crashed = await waitFor(() => died, { what: 'a change of the file' });
    bed.abandon(first);
    const second = await bed.openClient({ store: await bed.storeOn(crashed), url, protocolVersion: 5 });
    assert.equal(second.stored.count, 3, 'they are in the queue');
    await waitFor(async () => (await second.deadLetters()).length === 0, { what: 'no dead letters' });
    assert.deepEqual(second.transferSources(), []);
    assert.equal(await second.replayDeadLetters(), 0);
    assert.equal(second.stored.count, 3);
  });

  it('are one each, though the process died before their removal from the queue was recorded', async () => {
    const url = broker().url;
    const disk = new MemoryDisk(1);
    const first = await bed.openClient({ store: await bed.storeOn(disk), url, protocolVersion: 5 });
    let died: MemoryDisk | undefined;
    first.on('discarded', () => {
      died ??= disk.crash('power', 7);
    });
    await giveUp(first, numbers(1));
    await connect(first);
    const crashed = await waitFor(() => died, { what: 'a dead letter' });
    // Its disk answers no more, so this does not end; the connection does.
    void first.disconnect({ force: true });
    bed.abandon(first);
    const second = await bed.openClient({ store: await bed.storeOn(crashed), url, protocolVersion: 5 });
    await drained(second);
    assert.deepEqual(await payloadsOf(second), numbers(1));
  });

  it('that were sent again are not lost by a power cut, whatever the durability of the store', async () => {
    const url = broker().url;
    const disk = new MemoryDisk(1);
    const store = await bed.storeOn(disk, { durability: 'os' });
    const first = await bed.openClient({ store, url, protocolVersion: 5 });
    await giveUp(first, numbers(2));
    await connect(first);
    await drained(first);
    await first.disconnect();
    assert.equal(await first.replayDeadLetters(), 2);
    assert.deepEqual(await first.deadLetters(), []);
    // What of the writes without a sync survives is chance.
    const crashes = Array.from({ length: 8 }, (_, seed) => disk.crash('power', seed));
    bed.abandon(first);
    for (const crashed of crashes) {
      const second = await bed.openClient({ store: await bed.storeOn(crashed), url, protocolVersion: 5 });
      assert.equal(second.stored.count, 2);
    }
  });

  it('are sent once though they could not be removed, and others were sent again after that', async () => {
    const disk = new TestDisk(1);
    const client = await bed.openClient({ store: await bed.storeOn(disk), url: broker().url, protocolVersion: 5 });
    await giveUp(client, numbers(3));
    await connect(client);
    await drained(client);
    await client.disconnect();
    const ids = (await client.deadLetters()).map(({ id }) => id);
    const end = disk.fail({ operation: 'write', code: 'EIO', path: /failed\.mcpj/ });
    await assert.rejects(client.replayDeadLetters(ids.slice(0, 1)), { code: 'EIO' });
    end();
    assert.equal(client.stored.count, 1, 'it is in the queue');
    assert.equal(await client.replayDeadLetters(ids.slice(1, 2)), 1);
    assert.deepEqual(await payloadsOf(client), ['3']);
    await client.replayDeadLetters();
    assert.equal(client.stored.count, 3);
  });

  it('wait for a disk that cannot write them, hold nothing up, and are told then', async () => {
    const disk = new TestDisk(1);
    const store = await bed.storeOn(disk);
    const client = await bed.connectedClient({ store, url: broker().url, protocolVersion: 5 });
    const end = disk.fail({ operation: 'sync', code: 'EIO', path: /failed\.mcpj/ });
    const errors: Error[] = [];
    let recovered = 0;
    client.on('storeError', (error) => errors.push(error));
    client.on('storeRecovered', () => recovered++);
    const refused = client.publish(message('a', { topic: 'forbidden' }), { until: 'acknowledged' });
    await client.publish(message('b', { topic: 'allowed/1' }), { until: 'acknowledged' });
    await waitFor(() => errors.length > 0, { what: 'an error of the store' });
    assert.equal(client.stored.count, 1, 'it is still stored');
    end();
    await assert.rejects(refused, { code: 'ERR_MESSAGE_REFUSED' });
    assert.deepEqual(await payloadsOf(client), ['a']);
    assert.equal(errors.length, 1);
    assert.equal(recovered, 1);
  });

  it('are not kept when that is not wanted: such messages are only reported', async () => {
    const client = await bed.connectedClient({ url: broker().url, protocolVersion: 5, keepFailed: false });
    const refused = client.publish(message('a', { topic: 'forbidden' }), { until: 'acknowledged' });
    await assert.rejects(refused, { code: 'ERR_MESSAGE_REFUSED' });
    assert.deepEqual(await client.deadLetters(), []);
  });

  it('need an open session', async () => {
    const client = await bed.client();
    const closed = { code: 'ERR_SESSION_CLOSED' };
    await assert.rejects(client.deadLetters(), closed);
    await assert.rejects(client.replayDeadLetters(), closed);
    await assert.rejects(client.discardDeadLetters(), closed);
    await assert.rejects(client.purge(), closed);
  });
});
