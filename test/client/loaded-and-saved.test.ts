import * as assert from 'node:assert/strict';
import type { SessionOpener } from '../../src/client/ports';
import { openConnection } from '../../src/connection/connection';
import { waitFor } from '../support/wait';
import { Bed, connect, message, mosquitto } from './bed';

describe('a stored session', function () {
  this.timeout(20_000);
  const bed = new Bed();
  const broker = mosquitto();

  it('is loaded before a connection is begun', async () => {
    const files = await bed.store();
    const order: string[] = [];
    let letOpen: () => void = () => undefined;
    const mayOpen = new Promise<void>((resolve) => {
      letOpen = resolve;
    });
    const store: SessionOpener = {
      async open(...parameters) {
        order.push('opening');
        await mayOpen;
        const journal = await files.open(...parameters);
        order.push('loaded');
        return journal;
      },
    };
    const client = await bed.client({
      store,
      url: broker().url,
      environment: {
        connect: (...parameters) => {
          order.push('connecting');
          return openConnection(...parameters);
        },
      },
    });
    client.connect();
    const opened = client.open();
    await waitFor(() => order.includes('opening'), { what: 'the session to be opened' });
    letOpen();
    await opened;
    await waitFor(() => client.connected, { what: 'a connection' });
    assert.deepEqual(order, ['opening', 'loaded', 'connecting']);
  });

  it('is saved when the connection is lost', async () => {
    const store = await bed.store();
    const proxy = await bed.proxy(broker());
    const client = await bed.openClient({ store, url: proxy.url });
    await connect(client);
    client.pause();
    await client.publish(message('a'));
    assert.equal((await store.inspect('tested'))?.state?.stored.count, 0);
    proxy.cut();
    await waitFor(async () => (await store.inspect('tested'))?.state?.stored.count === 1, {
      what: 'a snapshot after the loss of the connection',
      timeoutMs: 5_000,
    });
  });
});
