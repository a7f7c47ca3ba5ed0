import * as assert from 'node:assert/strict';
import { waitFor } from '../support/wait';
import { Bed, connect, drained, message, mosquitto, numbers } from './bed';

describe('connect and disconnect', function () {
  this.timeout(20_000);
  const bed = new Bed();
  const broker = mosquitto();

  it('may alternate; the session stays open, and what is published meanwhile is delivered', async () => {
    const observer = await bed.observer(broker());
    const client = await bed.openClient({ url: broker().url });
    for (const payload of numbers(5)) {
      await connect(client);
      await client.disconnect();
      assert.equal(client.connected, false);
      await client.publish(message(payload, { qos: 2 }));
    }
    await connect(client);
    await drained(client);
    await observer.waitForAll(numbers(5));
    assert.deepEqual(observer.doubled(), []);
  });

  it('in one turn: the last one counts', async () => {
    const client = await bed.connectedClient({ url: broker().url });
    const done = client.disconnect();
    client.connect();
    await done;
    await waitFor(() => client.connected, { what: 'the connection asked for last' });
    client.connect();
    await client.disconnect();
    assert.equal(client.connected, false);
  });

  it('before open and after close only note the wish', async () => {
    const client = await bed.client({ url: broker().url });
    client.connect();
    assert.equal(client.state.kind, 'closed');
    await client.open();
    await waitFor(() => client.connected, { what: 'the connection asked for before' });
    const closing = client.close();
    client.connect();
    await closing;
    assert.equal(client.state.kind, 'closed');
    assert.equal(client.connected, false);
  });

  it('asked for while the session is being closed counts for the next opening, if no other close comes before', async () => {
    const client = await bed.connectedClient({ url: broker().url });
    const closing = client.close();
    const opened = client.open();
    client.connect();
    await closing;
    await opened;
    await waitFor(() => client.connected, { what: 'the connection asked for while it was closing' });
    const closingAgain = client.close();
    const openedAgain = client.open();
    client.connect();
    await Promise.all([closingAgain, openedAgain, client.close()]);
    await client.open();
    assert.equal(client.state.kind === 'open' && client.state.link.kind, 'idle');
  });

  it('connects again by itself after the broker was gone, and then tells why the last connection ended', async () => {
    const client = await bed.connectedClient({ url: broker().url });
    const ends: string[] = [];
    client.on('disconnected', ({ kind }, wasUp) => ends.push(`${kind} ${wasUp}`));
    await broker().stop();
    await waitFor(() => ends.length > 0, { what: 'the end of the connection' });
    assert.equal(ends[0], 'closed true');
    assert.equal(client.state.kind === 'open' && client.state.end?.kind, 'closed');
    await broker().start();
    await waitFor(() => client.connected, { what: 'the next connection' });
    assert.equal(client.state.kind === 'open' && client.state.end, undefined);
  });
});
