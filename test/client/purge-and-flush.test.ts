import * as assert from 'node:assert/strict';
import { waitFor } from '../support/wait';
import { Bed, connect, drained, message, mosquitto, numbers, TestDisk } from './bed';

describe('purge and flush', () => {
  const bed = new Bed();
  const broker = mosquitto();

  it('purge removes what was not sent, tells who waits, and gives the space back; later messages go out', async () => {
    const store = await bed.store({ segmentBytes: 256 * 1024 });
    const client = await bed.openClient({ store, url: broker().url });
    const observer = await bed.observer(broker(), 'test');
    const waiting = client.publish(message('watched'), { until: 'acknowledged' });
    const payload = '.'.repeat(10_000);
    for (let index = 0; index < 500; index++) void client.publish(message(payload));
    await client.publish(message('last'));
    const { journalBytes } = client.statistics();
    const { bytes } = client.stored;
    const rejected = assert.rejects(waiting, { code: 'ERR_MESSAGE_DISCARDED', message: /purged/ });
    assert.deepEqual(await client.purge(), { count: 502, bytes });
    await rejected;
    assert.deepEqual(client.stored, { count: 0, bytes: 0 });
    assert.equal(client.statistics().discardedByReason.purged, 502);
    await client.save();
    assert.ok(client.statistics().journalBytes < journalBytes / 2);
    for (const number of numbers(3)) await client.publish(message(number));
    await connect(client);
    await drained(client);
    await observer.waitForAll(numbers(3), 5_000);
    assert.equal(observer.on('test').length, 3);
    await client.close();
    const next = await bed.openClient({ store });
    assert.equal(next.stored.count, 0);
  });

  it('purge leaves the journal alone that is being read meanwhile', async () => {
    const disk = new TestDisk(1);
    const payload = '.'.repeat(10_000);
    const first = await bed.openClient({ store: await bed.storeOn(disk, { segmentBytes: 64 * 1024 }) });
    for (let index = 0; index < 300; index++) void first.publish(message(payload));
    await first.publish(message('last'));
    await first.close();
    const errors: string[] = [];
    const store = await bed.storeOn(disk, {
      segmentBytes: 64 * 1024,
      onNotice: ({ level, text }) => level === 'error' && errors.push(text),
    });
    const client = await bed.client({ store });
    let reads = 0;
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    disk.onCall = async (_call, operation, file) => {
      // Not those of the opening: the first read of the queue waits in the middle.
      if (operation === 'read' && file.endsWith('.mcpj') && client.state.kind === 'open' && ++reads > 2) await released;
    };
    await client.open();
    await waitFor(() => reads > 2, { what: 'a read of the queue' });
    assert.equal((await client.purge()).count, 301);
    await client.save();
    release();
    await client.publish(message('after'));
    await client.save();
    assert.deepEqual([errors, client.stored.count], [[], 1]);
  });

  it('flush resolves when nothing is stored any more', async () => {
    const client = await bed.openClient({ url: broker().url });
    assert.equal(await client.flush(1_000), true, 'nothing is stored');
    for (const number of numbers(200)) await client.publish(message(number, { qos: 2 }));
    const flushed = client.flush(20_000);
    client.connect();
    assert.equal(await flushed, true);
    assert.equal(client.stored.count, 0);
  });

  it('flush resolves to false at its timeout, and when the client is closed', async () => {
    const client = await bed.openClient();
    await client.publish(message('a'));
    assert.equal(await client.flush(20), false);
    const flushed = client.flush(60_000);
    await client.close();
    assert.equal(await flushed, false);
  });

  it('open messages say when they were sent, and how often again', async () => {
    const proxy = await bed.proxy(broker());
    const client = await bed.connectedClient({ url: proxy.url });
    proxy.freeze();
    const before = Date.now();
    await client.publish(message('a'));
    const open = () => client.openMessages()[0];
    await waitFor(() => (open()?.sentAt ?? 0) > 0, { what: 'PUBLISH' });
    assert.ok((open()?.sentAt ?? 0) >= before - 1_000 && (open()?.sentAt ?? 0) <= Date.now() + 1_000);
    assert.equal(open()?.retries, 0);
    proxy.thaw();
    await drained(client);
    assert.deepEqual(client.openMessages(), []);
  });
});
