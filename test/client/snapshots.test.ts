import * as assert from 'node:assert/strict';
import { SessionUser } from '../store/session-user';
import { textCodec, message as textMessage } from '../store/text-codec';
import { Bed, connect, message, mosquitto, numbers, TestDisk } from './bed';

describe('snapshots', function () {
  this.timeout(20_000);
  const bed = new Bed();
  const broker = mosquitto();

  it('are made at disconnect and at close', async () => {
    const store = await bed.store();
    const client = await bed.openClient({ store, url: broker().url });
    await connect(client);
    client.pause();
    await client.publish(message('a'));
    await client.disconnect();
    assert.equal((await store.inspect('tested'))?.state?.stored.count, 1);
    await client.publish(message('b'));
    assert.equal((await store.inspect('tested'))?.state?.stored.count, 1);
    await client.close();
    assert.equal((await store.inspect('tested'))?.state?.stored.count, 2);
  });

  it('made while messages are published at full speed lose none of them when the power goes', async () => {
    const disk = new TestDisk();
    const client = await bed.openClient({ store: await bed.storeOn(disk, { segmentBytes: 8_192 }) });
    const stored = new Set<string>();
    const publishes = numbers(2_000).map(async (payload, index) => {
      if (index % 50 === 0) await client.save();
      await client.publish(message(payload));
      stored.add(payload);
    });
    await Promise.all(publishes);
    const rest = disk.crash('power', 11);
    bed.abandon(client);
    const observer = await bed.observer(broker());
    const next = await bed.openClient({ store: await bed.storeOn(rest), url: broker().url });
    assert.equal(next.stored.count, 2_000);
    await connect(next);
    await observer.waitForAll(stored);
    assert.deepEqual(observer.doubled(), []);
  });

  it('never speak of records that were handed back while the snapshot waited for its turn', async () => {
    const disk = new TestDisk();
    const store = await bed.storeOn(disk);
    const user = new SessionUser(await store.open('tested', textCodec, undefined));
    const { state, metadata } = user.session.recovered;
    const before = user.durable;
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    // The first snapshot takes its time, so that the second one waits behind it.
    disk.onCall = (_call, operation, path) => (operation === 'write' && !path.endsWith('.mcpj') ? released : undefined);
    const first = user.checkpoint(1);
    const writingFails = disk.fail({ operation: 'write', path: /mcpj$/, code: 'EIO', times: 1 });
    const refused = user.append(textMessage('refused'));
    const second = user.session.checkpoint({ ...state, sequence: before + 1, broker: 'never' }, metadata, 1);
    const secondFails = assert.rejects(second, { code: 'EIO' });
    await assert.rejects(refused, { code: 'EIO' });
    writingFails();

    // Another record gets the sequence that the second snapshot's state spoke of.
    user.next = before + 1;
    await user.append(textMessage('kept'));
    disk.onCall = undefined;
    release();
    await Promise.all([first, secondFails]);
    const summary = await store.inspect('tested');
    assert.notEqual(summary?.state?.broker, 'never');
    await user.session.close();
  });
});
