import * as assert from 'node:assert/strict';
import { within } from '../support/wait';
import { Bed, drained, holdBack, message, mosquitto, numbers, request, TestDisk } from './bed';

describe('close', function () {
  this.timeout(20_000);
  const bed = new Bed();
  const broker = mosquitto();

  it('reports what waits for the disk as stored, and is done when it is', async () => {
    const disk = new TestDisk();
    const store = await bed.storeOn(disk);
    const client = await bed.openClient({ store });
    const held = holdBack(disk, 'write');
    const outcomes: string[] = [];
    for (const payload of numbers(20)) {
      client.enqueue(message(payload), { stored: () => outcomes.push(payload), failed: () => outcomes.push('failed') });
    }
    const closing = client.close();
    held.release();
    await closing;
    assert.deepEqual(outcomes, numbers(20));
    assert.equal(client.state.kind, 'closed');
    const again = await bed.openClient({ store });
    assert.equal(again.stored.count, 20);
  });

  it('tells those whose message the disk does not take, and leaves nothing of it', async () => {
    const disk = new TestDisk();
    const client = await bed.openClient({ store: await bed.storeOn(disk) });
    disk.fail({ operation: 'write', path: /mcpj$/, code: 'EIO' });
    const publishing = client.publish(message('a'));
    const closing = client.close();
    await assert.rejects(publishing, { code: 'EIO' });
    await closing;
    assert.equal(client.state.kind, 'closed');
  });

  it('takes messages until the session is given back, and refuses later ones', async () => {
    const disk = new TestDisk();
    const store = await bed.storeOn(disk);
    const client = await bed.openClient({ store });
    const outcomes = new Map<string, string>();
    let number = 0;
    const publish = () => {
      const payload = String(++number);
      client.publish(message(payload)).then(
        () => outcomes.set(payload, 'stored'),
        (error: NodeJS.ErrnoException) => outcomes.set(payload, String(error.code)),
      );
      client.subscribe('user', request(`filter/${number}`), () => undefined);
    };
    // At every step that closing takes on the disk.
    disk.onCall = () => publish();
    await client.close();
    disk.onCall = undefined;
    publish();
    await new Promise(setImmediate);
    assert.equal(outcomes.size, number);
    assert.deepEqual(new Set(outcomes.values()), new Set(['stored', 'ERR_SESSION_CLOSED']));
    const again = await bed.openClient({ store });
    assert.equal(again.stored.count, [...outcomes.values()].filter((outcome) => outcome === 'stored').length);
  });

  it('while the session is being opened ends the opening, and leaves the session free', async () => {
    const store = await bed.store();
    const client = await bed.client({ store });
    const opening = client.open();
    await client.close();
    await opening;
    assert.equal(client.state.kind, 'closed');
    const other = await bed.client({ store });
    await within(other.open(), 3_000, 'the session, which nobody holds');
    assert.equal(other.state.kind, 'open');
  });

  it('while opening is tried again and again ends that, too', async () => {
    const disk = new TestDisk();
    disk.fail({ operation: 'makeDirectory', path: /tested/, code: 'EACCES' });
    const client = await bed.client({ store: await bed.storeOn(disk) });
    const opening = client.open();
    await new Promise((resolve) => client.once('storeError', resolve));
    await client.close();
    await within(opening, 1_000, 'open() to answer');
    assert.equal(client.state.kind, 'closed');
  });

  it('called twice is done twice when everything is stored', async () => {
    const disk = new TestDisk();
    const client = await bed.openClient({ store: await bed.storeOn(disk) });
    const held = holdBack(disk, 'write');
    const publishing = client.publish(message('a'));
    const closings = [client.close(), client.close()];
    held.release();
    await Promise.all([publishing, ...closings]);
    await client.close();
  });

  it('is followed by open on the same object, also while it is under way', async () => {
    const observer = await bed.observer(broker());
    const client = await bed.openClient({ url: broker().url });
    await client.publish(message('1'));
    await client.close();
    await client.open();
    assert.equal(client.stored.count, 1);
    await client.publish(message('2'));
    const closing = client.close();
    const opening = client.open();
    const early = client.publish(message('3'));
    await Promise.all([closing, opening, early]);
    assert.equal(client.state.kind, 'open');
    client.connect();
    await drained(client);
    await observer.waitForAll(numbers(3));
    assert.deepEqual(observer.doubled(), []);
  });

  it('tells those who wait for the broker that it has not answered; their message stays', async () => {
    const store = await bed.store();
    const client = await bed.openClient({ store });
    const publishing = client.publish(message('a'), { until: 'acknowledged' });
    await client.publish(message('b'));
    const closing = client.close();
    await assert.rejects(publishing, { code: 'ERR_SESSION_CLOSED', message: /is stored/ });
    await closing;
    const again = await bed.openClient({ store });
    assert.equal(again.stored.count, 2);
  });
});
